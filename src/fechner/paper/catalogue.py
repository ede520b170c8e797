"""Every figure of the paper by the name that `fechner reproduce` takes, and what is done with any of them."""

from __future__ import annotations

from pathlib import Path

import xarray as xr
from matplotlib.figure import Figure

from fechner import contents, results
from fechner.errors import choices, printable
from fechner.paper import fig1, fig2, fig3, fig5, fig6, trained
from fechner.paper.claim import Claim, write
from fechner.paper.figure import PaperFigure
from fechner.plot import style

FIGURES = {
    "fig1": fig1.FIGURE,
    "fig2": fig2.FIGURE,
    "fig3": fig3.FIGURE,
    "fig5": fig5.FIGURE,
    "fig6": fig6.FIGURE,
    "trained": trained.FIGURE,
}

Result = xr.Dataset | xr.DataTree


def drawn(dataset: Result) -> dict[str, Figure]:
    """The figures of a figure's Dataset, by file name; `FechnerError` if it lacks what they show."""
    figure = figure_of(dataset)
    with style.style(), contents.complete(dataset):
        return figure.draw(style.literally(dataset))


def first_figure(dataset: Result) -> Figure:
    """The figure itself, without its supplements; `fechner.draw` has seen to its text."""
    return next(iter(figure_of(dataset).draw(dataset).values()))


def judged(dataset: Result) -> list[Claim]:
    """The claims of a figure's Dataset; `FechnerError` if it lacks what they are judged by."""
    figure = figure_of(dataset)
    with contents.complete(dataset):
        return figure.claims(dataset)


def figure_of(dataset: Result) -> PaperFigure:
    """How a figure's Dataset is drawn and judged; `FechnerError` for one that is of no figure."""
    name = str(dataset.attrs.get("figure", ""))
    if name not in FIGURES:
        raise choices("figure", printable(name), FIGURES)
    return FIGURES[name]


def redraw(folder: Path) -> list[Claim]:
    """Draw a figure and judge its claims anew from its saved data.nc, in seconds."""
    dataset = results.read(folder / "data.nc")
    for name, figure in drawn(dataset).items():
        style.write(figure, folder / name)
    claims = judged(dataset)
    write(claims, folder / "claims.json")
    return claims

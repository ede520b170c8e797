"""Every figure of the paper by the name that `fechner reproduce` takes, and what is done with any of them."""

from __future__ import annotations

from pathlib import Path

import xarray as xr
from matplotlib.figure import Figure

from fechner import contents, results
from fechner.errors import choices, printable
from fechner.paper import fig1, fig2, fig3, fig5, fig6, trained
from fechner.paper.claim import Findings, write
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


def drawn(tree: xr.DataTree) -> dict[str, Figure]:
    """The figures of a figure's data, by file name; `FechnerError` if it lacks what they show."""
    with style.style(), contents.complete(tree):
        return figure_of(tree).draw(style.literally(tree))


def first_figure(tree: xr.DataTree) -> Figure:
    """The figure itself, without its supplements; `fechner.draw` has seen to its text."""
    return next(iter(figure_of(tree).draw(tree).values()))


def judged(tree: xr.DataTree) -> Findings:
    """The claims and measurements of a figure's data; `FechnerError` if it lacks what they are judged by."""
    with contents.complete(tree):
        return figure_of(tree).findings(tree)


def figure_of(tree: xr.DataTree) -> PaperFigure:
    """How a figure's data are drawn and judged; `FechnerError` for those of no figure."""
    name = str(tree.attrs.get("figure", ""))
    if name not in FIGURES:
        raise choices("figure", printable(name), FIGURES)
    return FIGURES[name]


def redraw(folder: Path) -> Findings:
    """Draw a figure and judge its claims anew from its saved data.nc, in seconds."""
    tree = results.read(folder / "data.nc")
    for name, figure in drawn(tree).items():
        style.write(figure, folder / name)
    findings = judged(tree)
    write(findings, folder / "claims.json")
    return findings

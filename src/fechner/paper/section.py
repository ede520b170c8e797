"""What the page shows of a figure of the paper: its pictures, its claims, and what can be explored of it.

The last is the field `charts` of a `PaperFigure`; each figure states its own.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from fechner import contents
from fechner.page.section import Picture, Section, as_png
from fechner.paper import claim as claims_file
from fechner.paper.catalogue import drawn, figure_of, judged


def section(path: Path, tree: xr.DataTree, densities: Sequence[xr.Dataset]) -> Section:
    """The section of a figure: as it was drawn and judged where it lies, or drawn and judged anew.

    A figure has the densities that it needs in its data; those among the other results do not count.
    """
    recipe, figure = figure_of(tree), str(tree.attrs["figure"])
    with contents.complete(tree):
        explored = tuple(recipe.charts(tree))
    folder, links = path.parent, [path]
    names = (figure, *sorted(p.stem for p in folder.glob("*.png") if p.stem != figure))
    if path.name != "data.nc" or not (folder / "claims.json").is_file() or not (folder / f"{figure}.png").is_file():
        pictures = {name: as_png(f) for name, f in drawn(tree).items()}
        findings = judged(tree)
    else:
        pictures = {n: base64.b64encode((folder / f"{n}.png").read_bytes()).decode() for n in names}
        findings = claims_file.read(folder / "claims.json")
        links += [p for n in names if (p := folder / f"{n}.svg").is_file()]
        links.append(folder / "claims.json")
    return Section(
        recipe.title,
        recipe.caption,
        tuple(Picture(png, f"{recipe.title}{'' if n == figure else ', supplement'}") for n, png in pictures.items()),
        explored,
        tuple(links),
        tuple((c, "" if c.verdict == "holds" else recipe.reason(c)) for c in findings.claims),
        tuple(findings.measurements),
    )

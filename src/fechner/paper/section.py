"""What the page shows of a figure of the paper: its pictures, its claims, and what can be explored of it."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from fechner import circular, contents, results
from fechner.page.chart import Chart, Curve
from fechner.page.explore import REFERENCE, charts, over_seeds, recorded_chart, relative_density
from fechner.page.section import Picture, Section, as_png
from fechner.paper import claim as claims_file
from fechner.paper.catalogue import drawn, figure_of, judged
from fechner.paper.fig5 import compute as fig5
from fechner.paper.fig6 import compute as fig6
from fechner.paper.photographs import OF_DENSITY, density_of
from fechner.paper.trained import compute as trained

SHOWN_COMPONENTS = 150


def section(path: Path, dataset: Any, densities: Sequence[xr.Dataset]) -> Section:
    """The section of a figure: as it was drawn and judged where it lies, or drawn and judged anew."""
    recipe, figure = figure_of(dataset), str(dataset.attrs["figure"])
    with contents.complete(dataset):
        explored = tuple(_charts(dataset, densities))
    folder, links = path.parent, [path]
    names = (figure, *sorted(p.stem for p in folder.glob("*.png") if p.stem != figure))
    if path.name != "data.nc" or not (folder / "claims.json").is_file() or not (folder / f"{figure}.png").is_file():
        pictures = {name: as_png(f) for name, f in drawn(dataset).items()}
        claims = judged(dataset)
    else:
        pictures = {n: base64.b64encode((folder / f"{n}.png").read_bytes()).decode() for n in names}
        claims = claims_file.read(folder / "claims.json")
        links += [p for n in names if (p := folder / f"{n}.svg").is_file()]
        links.append(folder / "claims.json")
    return Section(
        figure,
        recipe.title,
        recipe.caption,
        tuple(Picture(png, f"{recipe.title}{'' if n == figure else ', supplement'}") for n, png in pictures.items()),
        explored,
        tuple(links),
        tuple((c, "" if c.holds else recipe.reason(c)) for c in claims),
    )


def _charts(dataset: Any, densities: Sequence[xr.Dataset]) -> list[Chart]:
    """What can be explored of a figure."""
    figure, along = str(dataset.attrs["figure"]), results.along(dataset)
    if figure == "fig5":
        return [_components(dataset)]
    if figure == "fig6":
        return [_conditions(dataset["conditions"].to_dataset())]
    if figure == "trained":
        counted = trained.density(dataset, "orientation")
        shown = () if counted is None else ((REFERENCE.format("the upright images"), *relative_density(counted)),)
        return [recorded_chart(dataset, shown)]
    return charts(dataset, [density_of(dataset)] if along + OF_DENSITY in dataset.dims else densities)


def _conditions(dataset: xr.Dataset) -> Chart:
    """Figure 6: every condition and layer, at every step."""
    names = {"b": "(b) uniform inputs", "c": "(c) no noise", "d": "(d) equal total information"}
    steps = dataset.step.values.astype(float)
    curves = []
    for condition, layer in itertools.product(dataset.condition.values, dataset.layer.values):
        if layer == "input":
            continue
        panel, _, channel = str(condition).partition("-")
        label = names[panel] + (f", {fig6.LABELS[channel]}" if channel else "")
        one = dataset.fisher_information.sel(condition=condition, layer=layer)
        curves.append(Curve((label, str(layer)), *over_seeds(one, "orientation"), steps=steps))
    grid = circular.grid(60, 180.0)
    density = fig6.DENSITY(grid)
    return Chart(
        "Step through learning",
        "orientation",
        "degree",
        dataset.orientation.values,
        circular.period_of(dataset.orientation),
        ("condition", "layer"),
        tuple(curves),
        (("density shown in (c) and (d)", grid, density / density.mean()),),
        interval="95 % over seeds",
    )


def _components(tree: xr.DataTree) -> Chart:
    """Figure 5: which components each network has learned, at every step."""
    networks = fig5.learning(tree)
    total = tree["components"].sizes["component"]
    shown = np.unique(np.geomspace(1, total, SHOWN_COMPONENTS).round().astype(int)) - 1
    curves = [
        Curve(
            (fig5.LABELS[name],),
            network.proportion.transpose("step", "component").values[:, shown],
            steps=network.step.values.astype(float),
        )
        for name, network in networks.items()
    ]
    return Chart(
        "Step through learning",
        "component",
        "in the order of variance",
        shown + 1.0,
        None,
        ("network",),
        tuple(curves),
        y_label="proportion learned",
    )

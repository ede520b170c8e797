"""What the page shows of a figure of the paper: its pictures, its claims, and what can be explored of it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from fechner import contents, results
from fechner.page.chart import Chart, chart, reference
from fechner.page.explore import charts, over_seeds, recorded
from fechner.page.section import Picture, Section, as_png
from fechner.paper import claim as claims_file
from fechner.paper.catalogue import drawn, figure_of, judged
from fechner.paper.fig5 import compute as fig5
from fechner.paper.fig6 import compute as fig6
from fechner.paper.photographs import OF_DENSITY, density_of
from fechner.paper.trained.files import setup_of
from fechner.paper.trained.pairs import density, trainings

# So many of the components of Figure 5 are on the page, evenly spread on its logarithmic axis.
COMPONENTS = 150


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
        return _trainings(dataset.children["orientation"])
    return charts(dataset, [density_of(dataset)] if along + OF_DENSITY in dataset.dims else densities)


def _trainings(part: xr.DataTree) -> list[Chart]:
    """Networks trained on manipulated images: every layer at the end of every epoch."""
    prior = density(part)
    recordings = []
    for training in trainings(part):
        if "fisher_information_recorded" in training:
            labels = {
                "network": setup_of(training).label,
                "condition": training.condition.item(),
                "seed": training.seed.item(),
            }
            of_layers = {name: ("layer", [value] * training.sizes["layer"]) for name, value in labels.items()}
            recordings.append(training[["fisher_information_recorded"]].assign_coords(of_layers))
    if not recordings:
        return []
    # Trainings differ in length.
    every = xr.concat(
        recordings,
        "layer",
        data_vars="all",
        coords="minimal",
        compat="override",
        join="outer",
        combine_attrs="override",
    )
    references = [] if prior is None else [reference("density in the upright images", prior.density)]
    return [recorded(every, references)]


def _conditions(dataset: xr.Dataset) -> Chart:
    """Figure 6: every condition and layer, at every step."""
    panels = {"b": "(b) uniform inputs", "c": "(c) no noise", "d": "(d) equal total information"}
    parts = [str(condition).partition("-") for condition in dataset.condition.values]
    names = [panels[panel] + (f", {fig6.LABELS[channel]}" if channel else "") for panel, _, channel in parts]
    layers = dataset.isel(layer=~results.pixels(dataset)).assign_coords(condition=names)
    density = xr.DataArray(fig6.DENSITY(dataset.orientation.values), {"orientation": dataset.orientation})
    frequencies = reference("density shown in (c) and (d)", density)
    information = layers.fisher_information.transpose(..., "orientation")
    return over_seeds("Step through learning", information, ("condition", "layer"), [frequencies])


def _components(tree: xr.DataTree) -> Chart:
    """Figure 5: which components each network has learned, at every step."""
    total = tree["components"].sizes["component"]
    components = np.unique(np.geomspace(1, total, COMPONENTS).round().astype(int))
    networks = fig5.learning(tree)
    # Every network has steps of its own.
    learned = xr.concat(
        [
            network.proportion.transpose("step", "component")[:, components - 1]
            .drop_vars("step")
            .rename(step="snapshot")
            .assign_coords(step=("snapshot", network.step.values))
            for network in networks.values()
        ],
        "network",
    ).assign_coords(
        network=[fig5.LABELS[name] for name in networks],
        component=("component", components, {"units": "in the order of variance"}),
    )
    return chart("Step through learning", learned, ("network",), step="step", label="proportion learned")

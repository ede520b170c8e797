"""What the page lets a reader explore of trainings: every layer at the end of every epoch, of those that were recorded."""

from __future__ import annotations

import xarray as xr

from fechner import results
from fechner.page.chart import Chart, reference
from fechner.page.explore import recorded
from fechner.paper.trained.files import setup_of
from fechner.paper.trained.pairs import density, trainings


def charts(tree: xr.DataTree) -> list[Chart]:
    """Relative sensitivity of one training and layer at a time, over the density in the upright images."""
    part = tree.children[results.along(tree)]
    layers = []
    for training in trainings(part):
        if "fisher_information_recorded" in training:
            information = training.fisher_information_recorded.reset_coords(drop=True)
            labels = {"network": setup_of(training).label} | {n: training[n].item() for n in ("condition", "seed")}
            size = information.sizes["layer"]
            layers.append(information.assign_coords({n: ("layer", [label] * size) for n, label in labels.items()}))
    if not layers:
        return []
    together = xr.concat(layers, "layer", join="outer").to_dataset(name="fisher_information_recorded")
    prior = density(part)
    references = [] if prior is None else [reference("density in the upright images", prior.density)]
    return [recorded(together.assign_attrs(along=part.name), references)]

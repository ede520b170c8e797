"""What the page lets a reader explore of Figure 5: which components each network has learned, at every step."""

from __future__ import annotations

import numpy as np
import xarray as xr

from fechner.page.chart import Chart, chart
from fechner.paper.fig5.compute import LABELS, learning

# So many of the components are on the page, evenly spread on its logarithmic axis.
COMPONENTS = 150


def charts(tree: xr.DataTree) -> list[Chart]:
    """The proportion learned of components, for one network at a time."""
    total = tree["components"].sizes["component"]
    components = np.unique(np.geomspace(1, total, COMPONENTS).round().astype(int))
    networks = learning(tree)
    # Networks differ in their steps, which are therefore numbered.
    learned = [
        one.proportion.assign_coords(place=("step", np.arange(one.sizes["step"]))).swap_dims(step="place")
        for one in networks.values()
    ]
    labels = xr.DataArray([LABELS[name] for name in networks], dims="network", name="network")
    together = xr.concat(learned, labels, join="outer").transpose("network", "place", "component")
    together = together.isel(component=components - 1).assign_coords(
        component=("component", components, {"units": "in the order of variance"})
    )
    return [chart("Step through learning", together, ("network",), step="step", label="proportion learned")]

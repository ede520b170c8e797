"""What the page lets a reader explore of Figure 6: every condition and layer, at every step."""

from __future__ import annotations

import xarray as xr

from fechner import results
from fechner.page.chart import Chart, reference
from fechner.page.explore import over_seeds
from fechner.paper.fig6.compute import DENSITY, LABELS


def charts(tree: xr.DataTree) -> list[Chart]:
    """Relative sensitivity of one condition and layer at a time, over the frequency of orientations."""
    conditions = tree["conditions"].to_dataset()
    panels = {"b": "(b) uniform inputs", "c": "(c) no noise", "d": "(d) equal total information"}
    parts = [str(condition).partition("-") for condition in conditions.condition.values]
    names = [panels[panel] + (f", {LABELS[channel]}" if channel else "") for panel, _, channel in parts]
    layers = conditions.isel(layer=~results.pixels(conditions)).assign_coords(condition=names)
    frequent = xr.DataArray(DENSITY(layers.orientation.values), {"orientation": layers.orientation})
    frequencies = reference("density shown in (c) and (d)", frequent)
    information = layers.fisher_information.transpose(..., "orientation")
    return [over_seeds("Step through learning", information, ("condition", "layer"), [frequencies])]

"""A second supplement of Figure 6: sensitivity along both orders of rearing, and without a switch, as images.

It also holds how any image of orientation and step is drawn. The module `draw` lists all pictures of the figure.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from fechner import circular
from fechner.paper.fig6.compute import FREQUENT, LAYER, RARE
from fechner.plot.curves import RATIOS, ratio_bar, ticks
from fechner.plot.panel import letters, reference
from fechner.plot.style import new_figure


def draw_rearing_images(reared: xr.Dataset) -> Figure:
    """Relative sensitivity of the first hidden layer over orientation and step, an image for each order of rearing."""
    figure = new_figure(7.2, 2.6)
    panels: Any = figure.subplots(1, reared.sizes["order"], sharey=True)
    for order, axes in zip(reared.order.values, panels, strict=True):
        relative = reared_sensitivity(reared, str(order))
        mesh = step_image(relative.copy(data=np.log2(relative.values)), axes, **RATIOS)
        if str(order) != "A throughout":
            reference(axes, x=reared.step[-1] / 2, ls="--", color="0.2", zorder=3)
        axes.set_title(str(order))
    panels[0].set_ylabel("orientation (degree)")
    figure.suptitle(f"A: frequent at {FREQUENT:g}°, B: frequent at {RARE:g}°; dashed: the switch", fontsize=8)
    letters(panels)
    ratio_bar(mesh, "relative sensitivity √J", list(panels))
    return figure


def reared_sensitivity(reared: xr.Dataset, order: str) -> xr.DataArray:
    """Mean over seeds of √J relative to its mean over orientation (step, orientation), along one order of rearing."""
    root = np.sqrt(reared.fisher_information.sel(order=order, layer=LAYER).transpose("seed", "step", "orientation"))
    return (root / root.mean("orientation")).mean("seed")


def step_image(values: xr.DataArray, axes: Axes, **colours: Any) -> QuadMesh:
    """Values (step, orientation) as an image, orientations upwards."""
    y, closed = around(values)
    axes.set(xlabel="step", ylim=(0, 180), yticks=ticks(180))
    return axes.pcolormesh(values.step, y, closed.T, shading="gouraud", rasterized=True, **colours)


def around(curve: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Orientations and a curve (…, orientation), so that its line reaches around the circle."""
    return circular.around(curve.orientation, curve.transpose(..., "orientation"), 180.0)

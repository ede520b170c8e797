"""What Figures 2 and 3 share: curves of every network in every state of its weights, and a measure of layers against depth.

What can be explored of these figures is the same: the node `curves` of their data, over the node `density`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D

from fechner.page import explore
from fechner.page.chart import Chart
from fechner.paper.curves import by_seed, select
from fechner.plot import curves
from fechner.plot.panel import reference
from fechner.plot.style import LABELS, STATES, letter

_BEHIND: Any = {"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 1}


def charts(tree: xr.DataTree) -> list[Chart]:
    """What can be explored: every layer of every network, state and seed, over the density."""
    return explore.charts(tree["curves"].to_dataset(), [tree["density"].to_dataset()])


def draw_rows(
    figure: SubFigure,
    dataset: xr.Dataset,
    networks: Sequence[str],
    draw_density: Callable[[Axes], None],
    draw_measure: Callable[[xr.Dataset, Axes], None],
) -> Any:
    """A row for each network: its curves in every state over a density, and a measure of all its layers; gives the panels."""
    rows = figure.subplots(len(networks), 4, squeeze=False, width_ratios=[1, 1, 1, 1.05])
    for row, network in zip(rows, networks, strict=True):
        for axes, state in zip(row, STATES, strict=False):
            if draw_state(select(dataset, network=network, weights=state), axes, f"{network}\n{LABELS[state]}"):
                draw_density(axes)
            if axes is not row[0] and row[0].lines:
                axes.set_ylabel("")
                axes.tick_params(labelleft=False)
        same_height(row[:3])
        draw_measure(select(dataset, network=network), row[3])
    rows[0][3].legend(loc="lower left", bbox_to_anchor=(0, 1), handlelength=1, borderpad=0)
    curves.depth_bar(*(row[2] for row in rows))
    letter(rows[0][0], "c")
    return rows


def draw_state(part: xr.Dataset, axes: Axes, title: str) -> list[Line2D]:
    """Curves of one network in one state, averaged over seeds with their range as a band; or why there are none."""
    axes.set_title(title)
    if not part.sizes["layer"]:
        axes.text(0.5, 0.5, "weights\nnot available", ha="center", va="center", transform=axes.transAxes, color="0.4")
        axes.set_axis_off()
        return []
    seeds = [one[["fisher_information", "relative_sensitivity"]].drop_vars("seed") for one in by_seed(part)]
    lines = curves.draw(xr.concat(seeds, "seed"), axes)
    reference(axes, y=1)
    return lines


def draw_along_depth(
    axes: Axes,
    values: npt.NDArray[np.float64],
    colour: str,
    label: str,
    interval: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
) -> None:
    """Values (seed, layer) against depth: their mean, and a band of their range, or of an interval."""
    depth = np.linspace(0, 1, values.shape[1])
    axes.plot(depth, values.mean(0), "o-", ms=2.5, color=colour, label=label)
    low, high = (values.min(0), values.max(0)) if interval is None else interval
    axes.fill_between(depth, low, high, color=colour, alpha=0.25, lw=0)


def same_height(row: Sequence[Axes]) -> None:
    """One vertical scale for panels that are compared."""
    drawn = [
        np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in a.lines] or [np.ones(1)]) for a in row
    ]
    heights = [float(y[np.isfinite(y)].max(initial=1.5)) for y in drawn]
    # Shuffled weights can make single orientations extreme; they would flatten the panels that matter.
    top = 1.1 * max(heights[:2])
    for axes, height in zip(row, heights, strict=True):
        axes.set_ylim(0, top)
        if height > top:
            axes.text(
                0.02, 0.98, f"peaks up to {height:.1f}", transform=axes.transAxes, va="top", fontsize=6, bbox=_BEHIND
            )

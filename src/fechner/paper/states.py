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

from fechner import results
from fechner.layout import MARKS
from fechner.page import explore
from fechner.page.chart import Chart
from fechner.paper.curves import by_seed, select
from fechner.plot import curves
from fechner.plot.panel import letters, reference
from fechner.plot.style import LABELS

# The states of weights whose curves the main figures compare.
ROWS = ("pretrained", "init")
_BEHIND: Any = {"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 1}


def charts(tree: xr.DataTree) -> list[Chart]:
    """What can be explored: every layer of every network, state and seed, over the density."""
    measured = tree["curves"].to_dataset()
    # Between the values of a part that has fewer, a line is straight.
    return explore.charts(measured.interpolate_na(results.along(measured)), [tree["density"].to_dataset()])


def draw_columns(
    figure: SubFigure,
    dataset: xr.Dataset,
    networks: Sequence[str],
    draw_density: Callable[[Axes], None],
    draw_measure: Callable[[xr.Dataset, Axes], None],
) -> Any:
    """A column for each network: its curves before and after training over a density, and a measure of all its layers.

    Gives the panels (row, column).
    """
    dataset = dataset.isel(layer=np.flatnonzero(np.isin(dataset.weights.values, ROWS)))
    grid = figure.subplots(len(ROWS) + 1, len(networks), squeeze=False)
    for column, network in zip(grid.T, networks, strict=True):
        part = select(dataset, network=network)
        for axes, state in zip(column, ROWS, strict=False):
            if draw_state(select(part, weights=state), axes, f"{network}\n{LABELS[state]}"):
                draw_density(axes)
        draw_measure(part, column[-1])
    for axes in grid[:, 1:].ravel():
        axes.set_ylabel("")
    for axes in grid[0]:
        axes.set_xlabel("")
    same_height(grid[:-1].ravel().tolist())
    one_legend(grid[:-1].ravel().tolist())
    same_height(grid[-1].tolist(), bottom=None)
    grid[-1, 0].legend(loc="best", handlelength=1)
    curves.depth_bar(*grid[:-1].ravel())
    letters(grid[[0, -1], 0], "cd")
    return grid


def draw_state(part: xr.Dataset, axes: Axes, title: str) -> list[Line2D]:
    """Curves of one network in one state, averaged over seeds with their range as a band; or that there are none."""
    axes.set_title(title)
    if not part.sizes["layer"]:
        axes.text(0.5, 0.5, "weights\nnot available", ha="center", va="center", transform=axes.transAxes, color="0.4")
        axes.set_axis_off()
        return []
    names = [name for name in ("fisher_information", "relative_sensitivity", *MARKS) if name in part]
    seeds = [one[names].drop_vars("seed") for one in by_seed(part)]
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


def same_height(panels: Sequence[Axes], others: Sequence[Axes] = (), bottom: float | None = 0.0) -> None:
    """One vertical scale for panels that are compared, and for others, whose peaks may reach beyond it.

    Shuffled weights can make single orientations extreme; they would flatten the panels that matter.
    """
    top = 1.1 * max(_height(axes) for axes in panels)
    low = min(axes.get_ylim()[0] for axes in panels) if bottom is None else bottom
    for axes in (*panels, *others):
        axes.set_ylim(low, top)
        if (height := _height(axes)) > top:
            axes.text(
                0.02, 0.98, f"peaks up to {height:.1f}", transform=axes.transAxes, va="top", fontsize=6, bbox=_BEHIND
            )


def one_legend(panels: Sequence[Axes]) -> None:
    """The marks of all panels in one legend, above the data of the first."""
    handles: dict[str, Any] = {}
    for axes in panels:
        if (legend := axes.get_legend()) is not None:
            handles |= {t.get_text(): h for t, h in zip(legend.get_texts(), legend.legend_handles, strict=True)}
            legend.remove()
    if handles:
        low, top = panels[0].get_ylim()
        for axes in panels:
            axes.set_ylim(low, 1.4 * top)
        panels[0].legend(handles.values(), handles, fontsize=6, loc="upper center", borderpad=0)


def _height(axes: Axes) -> float:
    drawn = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines] or [np.ones(1)])
    return float(drawn[np.isfinite(drawn)].max(initial=1.0))

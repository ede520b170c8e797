"""Sensitivity curves of a set of layers, coloured by depth: the figure of any result of `fechner.sensitivity`."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.lines import Line2D

from fechner import circular, results
from fechner.plot.panel import axis_label, reference
from fechner.plot.style import DEPTH

# Images of ratios are drawn on a logarithmic scale, from a third to three times.
RATIOS: Any = {"cmap": "PuOr_r", "vmin": -np.log2(3), "vmax": np.log2(3)}


def draw(dataset: xr.Dataset, axes: Axes) -> list[Line2D]:
    """Relative sensitivity against the parameter, one line a layer; the pixels are dashed. Returns the lines.

    Uncertain values are hollow points, and layers that the grid does not resolve are dotted; a legend says so.
    """
    along, extra = results.along(dataset), averaged(dataset)
    relative = dataset.get("relative_sensitivity")
    if relative is None or set(relative.dims) != {"layer", along, *extra}:
        root = np.sqrt(dataset.fisher_information.astype(float))
        relative = root / root.mean(along)
    relative = relative.assign_coords(depth=("layer", _depth(dataset)))
    mean = relative.mean(extra, skipna=False).transpose("layer", along)
    mean[along].attrs = dataset[along].attrs
    lines = draw_layers(mean, axes)
    if extra:
        draw_range(lines, mean, relative.transpose(*extra, "layer", along).values.reshape(-1, *mean.shape), axes)
    draw_marks(dataset, mean, lines, axes)
    missing = [str(n) for n, y in zip(mean.layer.values, mean.values, strict=True) if not np.isfinite(y).any()]
    if missing:
        listed = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        axes.text(0.02, 0.02, f"no curve: {listed}", transform=axes.transAxes, fontsize=6, color="0.3")
    axes.set_ylabel("relative sensitivity")
    axes.set_ylim(bottom=0)
    return lines


def draw_marks(dataset: xr.Dataset, mean: xr.DataArray, lines: list[Line2D], axes: Axes) -> None:
    """Marks on the lines that were drawn of `mean` (layer, parameter), and a legend of the marks that there are."""
    handles: list[Any] = []
    # Of several that were averaged, such as seeds, one that is marked is enough.
    uncertain, resolved = (
        dataset.get(name, xr.DataArray(default)) for name, default in (("uncertain", 0), ("resolved", 1))
    )
    uncertain = (uncertain > 0).any(set(uncertain.dims) - set(mean.dims)).broadcast_like(mean).transpose(*mean.dims)
    resolved = (~(resolved < 1)).all(set(resolved.dims) - {"layer"}).broadcast_like(mean.layer)
    if uncertain.any():
        layers, values = np.nonzero(uncertain.values)
        colours = [lines[i].get_color() for i in layers]
        x, y = mean[mean.dims[1]].values[values], mean.values[layers, values]
        label = "integration error > 5 %"
        handles.append(axes.scatter(x, y, 10, facecolors="none", edgecolors=colours, lw=0.7, zorder=4, label=label))
    for i in np.flatnonzero(~resolved.values):
        lines[i].set(linestyle=":", alpha=0.6)
    if not resolved.all():
        handles.append(Line2D([], [], color="0.4", ls=":", lw=1, label="not resolved by the grid"))
    if handles:
        axes.legend(handles=handles, fontsize=6, loc="upper right", frameon=True, framealpha=0.7, edgecolor="none")


def averaged(dataset: xr.Dataset) -> list[str]:
    """Dimensions that curves have besides layers and the parameter, such as seeds: their mean is drawn."""
    if "fisher_information" not in dataset:
        return []
    return [str(d) for d in dataset.fisher_information.dims if d not in ("layer", dataset.attrs["along"])]


def draw_range(lines: list[Line2D], values: xr.DataArray, each: np.ndarray, axes: Axes) -> None:
    """The range of what the lines are the mean of: `each` (…, layer, parameter)."""
    along = str(values.dims[1])
    x, period = values[along].values, circular.period_of(values[along])
    if period is not None and circles(x, period):
        x, each = circular.around(x, each, period)
    for i, line in enumerate(lines):
        axes.fill_between(x, each[:, i].min(0), each[:, i].max(0), color=line.get_color(), alpha=0.15, lw=0)


def circles(values: np.ndarray, period: float) -> bool:
    """Whether values in rising order leave no larger gap at the end of a circle than between them."""
    steps = np.diff(values)
    return bool(len(steps) and (steps > 0).all() and values[0] + period - values[-1] < 1.5 * steps.max())


def _depth(dataset: xr.Dataset) -> np.ndarray:
    """Where layers stand, from 0 to 1: as recorded, or in their order."""
    if "depth" in dataset.coords and dataset.depth.dims == ("layer",):
        return dataset.depth.values
    return np.linspace(0, 1, dataset.sizes["layer"])


def draw_layers(values: xr.DataArray, axes: Axes) -> list[Line2D]:
    """Values (layer, parameter) against the parameter, one line a layer; the pixels are dashed. Returns the lines."""
    along = str(values.dims[1])
    x, ys, period = values[along].values, values.values, circular.period_of(values[along])
    if period is not None:
        circular_ticks(axes, period)
        # A line across what was not measured would be made up.
        if circles(x, period):
            x, ys = circular.around(x, ys, period)
    lines = []
    depths = values.depth.values if "depth" in values.coords else np.linspace(0, 1, len(ys))
    marker = "o" if len(x) == 1 else ""
    for y, name, depth in zip(ys, values.layer.values, depths, strict=True):
        look: Any = {"color": mpl.colormaps[DEPTH](float(depth) * 0.95), "zorder": 2}
        if str(name) == "input":
            look = {"color": "0.5", "ls": "--", "zorder": 3}
        lines += axes.plot(x, y, lw=1, marker=marker, ms=3, **look)
    axes.set_xlabel(axis_label(values[along]))
    return lines


def draw_difference(dataset: xr.Dataset, axes: Axes) -> list[Line2D]:
    """Difference curves of a result of `difference`, one line a layer, with their range over seeds. Returns the lines."""
    lines = draw_layers(dataset.difference, axes)
    reference(axes, y=0)
    if dataset.sizes["pair"] > 1:
        by_seed = dataset.difference_by_seed.transpose("pair", *dataset.difference.dims).values
        draw_range(lines, dataset.difference, by_seed, axes)
    return lines


def ratio_bar(drawn: ScalarMappable, label: str, axes: Any = None, cax: Axes | None = None) -> None:
    """The scale of an image of logarithms (base 2) of ratios, drawn in `RATIOS`."""
    figure = (cax or np.ravel(axes)[0]).figure
    place: Any = {"cax": cax} if cax else {"ax": axes, "aspect": 30, "pad": 0.01}
    bar = figure.colorbar(drawn, **place)
    bar.set_ticks([float(np.log2(v)) for v in (1 / 3, 1 / 2, 1, 2, 3)], labels=["⅓", "½", "1", "2", "3"])
    bar.set_label(label)
    bar.outline.set_visible(False)


def circular_ticks(axes: Axes, period: float) -> None:
    """All of the circle, with ticks as in `ticks`."""
    axes.set_xlim(0, period)
    axes.set_xticks(ticks(period))
    axes.set_xticks(np.linspace(0, period, 13), minor=True)


def ticks(period: float) -> np.ndarray:
    """Thirds of a whole turn, as for hue and phase; quarters of other circles, as of orientation; both ends included."""
    return np.linspace(0, period, 4 if period == 360 else 5)


def depth_bar(axes: Axes, *others: Axes) -> None:
    """The colour scale that `draw` uses for depth."""
    figure = axes.figure
    assert figure is not None
    bar = figure.colorbar(
        ScalarMappable(cmap=DEPTH), ax=[axes, *others], ticks=[0, 1], aspect=30 * (1 + len(others)), pad=0.01
    )
    bar.ax.set_yticklabels(["first", "last"])
    bar.set_label("layer", labelpad=-12)
    bar.outline.set_visible(False)

"""Any result, drawn with one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from fechner import circular, contents, results
from fechner.arguments import checked
from fechner.errors import FechnerError
from fechner.fisher import evenly, relative_to_mean
from fechner.plot import comparison, curves, density
from fechner.plot.panel import axis_label, reference, title_of
from fechner.plot.style import DEPTH, HUMAN, PRIOR, literally, new_figure, style


@checked
def draw(dataset: xr.Dataset | xr.DataTree) -> Figure:
    """The figure of any Dataset or DataTree that a function of fechner returned or a file of fechner holds.

    >>> from fechner import Gabor, draw, load, sensitivity
    >>> figure = draw(sensitivity(load("resnet18_small", "init"), Gabor(size=32), values=6, average={"phase": 2}))
    >>> figure.axes[0].get_xlabel()
    'orientation (degree)'

    Sensitivity: relative sensitivity √J / mean √J against the parameter, layers coloured by depth; recorded while a network
    learned: layers × step, or parameter × step. Densities, comparisons, differences between trainings, principal components
    and linear learning have figures of their own, and so has every figure of the paper. The figure belongs to no
    window; `figure.savefig` writes it.

    Args:
        dataset: a result, or on the command line a file that holds one.

    Raises:
        FechnerError: if the Dataset is not a whole result of fechner, or of a kind that has no figure.

    Command line:
        fechner draw curves.nc --out curves.svg
    """
    try:
        results.check(dataset)
    except FechnerError as e:
        raise FechnerError(f"this {type(dataset).__name__} {e}") from None
    kind = str(dataset.attrs["kind"])
    if kind == "sensitivity" and "step" in dataset.dims:
        kind = "training"
    if kind not in DRAWERS:
        paper = "; figures of the paper are drawn after `import fechner.paper`" if kind == "figure" else ""
        raise FechnerError(f"results of kind '{kind}' have no figure{paper}")
    _check_dimensions(dataset, kind)
    with style(), contents.complete(dataset):
        return DRAWERS[kind](literally(dataset))


def _check_dimensions(dataset: Any, kind: str) -> None:
    """Raise `FechnerError` for a dimension that the figure does not show; curves are averaged instead."""
    along = results.along(dataset)
    for name, dimensions in results.KINDS[kind].items():
        if kind != "sensitivity" and name in dataset:
            try:
                contents.alone(dataset, name, *(along if d == contents.ALONG else d for d in dimensions))
            except FechnerError as e:
                raise FechnerError(f"this Dataset cannot be drawn: {e}") from None


def _one(panel: Callable[[xr.Dataset, Axes], object]) -> Callable[[xr.Dataset], Figure]:
    """A figure of one panel."""

    def figure_of(dataset: xr.Dataset) -> Figure:
        figure = new_figure(3.5, 2.6)
        panel(dataset, figure.subplots())
        return figure

    return figure_of


def _sensitivity(dataset: xr.Dataset, axes: Axes) -> None:
    curves.draw(dataset, axes)
    averaged = [f"{dataset.sizes[d]} × {d}" for d in curves.averaged(dataset)]
    axes.set_title(title_of(dataset) + (f"\nmean and range over {', '.join(averaged)}" if averaged else ""))
    curves.depth_bar(axes)


def _difference(dataset: xr.Dataset) -> Figure:
    """Difference curves, and the shift of every layer."""
    figure = new_figure(7.2, 2.6)
    left, right = figure.subplots(1, 2)
    layers = dataset.isel(layer=~results.pixels(dataset))
    curves.draw_difference(layers, left)
    left.set(ylabel="Δ relative sensitivity", title="manipulated − upright")
    curves.depth_bar(left)
    place = np.arange(layers.sizes["layer"])
    shift, low, high = (layers[n].values for n in ("shift", "shift_low", "shift_high"))
    right.errorbar(place, shift, np.abs([shift - low, high - shift]), fmt="o", ms=3, lw=0.8, color=PRIOR)
    right.set_xticks(place, layers.layer.values, rotation=90)
    reference(right, y=0)
    right.set(ylabel=f"shift ({layers['shift'].attrs['units']})", title="shift that aligns the two")
    return figure


def _training(dataset: xr.Dataset) -> Figure:
    """Accuracy, and sensitivity of the last layer that was recorded, along training."""
    figure = new_figure(7.2, 2.6)
    left, right = figure.subplots(1, 2)
    if "validation_accuracy" in dataset:
        left.plot(np.arange(1, dataset.sizes["epoch_end"] + 1), dataset.validation_accuracy, "o-", ms=3, color=PRIOR)
        left.set(xlabel="epoch", ylabel="validation accuracy", ylim=(0, 1))
    else:
        left.remove()
    recorded, time = dataset.get("fisher_information"), "step"
    if "fisher_information_recorded" in dataset:
        recorded, time = dataset.fisher_information_recorded, "epoch"
    if recorded is None or time not in recorded.dims:
        right.remove()
        return figure
    along = results.along(dataset)
    last = recorded.isel(layer=-1)
    curves.ratio_bar(_steps(evenly(last, time, along), along, right), "√J / mean √J", right)
    right.set_title(f"layer {last.layer.item()}")
    return figure


def _labels(dataset: xr.Dataset) -> Figure:
    """Sensitivity of every layer but the pixels along learning, averaged over seeds."""
    along = results.along(dataset)
    layers = [str(name) for name in dataset.layer.values[~results.pixels(dataset)]]
    figure = new_figure(7.2, 2.4)
    panels = figure.subplots(1, len(layers), sharey=True, squeeze=False)[0]
    for axes, layer in zip(panels, layers, strict=True):
        mean = dataset.fisher_information.sel(layer=layer).mean("seed")
        drawn = _steps(mean.transpose("step", along), along, axes)
        axes.set_title(layer)
        axes.label_outer()
    curves.ratio_bar(drawn, "√J / mean √J", panels)
    return figure


def _steps(information: xr.DataArray, along: str, axes: Axes) -> QuadMesh:
    """√J / mean √J as an image, parameter × step or epoch, the first dimension."""
    x, time = information[along], str(information.dims[0])
    relative = relative_to_mean(np.sqrt(information.values.astype(float)))
    drawn = axes.pcolormesh(
        information[time], x, np.log2(relative).T, rasterized=True, shading="nearest", **curves.RATIOS
    )
    axes.set(xlabel=time, ylabel=axis_label(x))
    period = circular.period_of(x)
    if period is not None:
        axes.set_yticks(curves.ticks(period))
    return drawn


def _components(dataset: xr.Dataset) -> Figure:
    """Variance of the components, and the first sixteen as patches."""
    figure = new_figure(7.2, 2.6)
    left, right = figure.subfigures(1, 2, squeeze=False)[0]
    axes = left.subplots()
    number = dataset.component.values + 1 - int(dataset.component.values[0])
    axes.loglog(number, dataset.variance, color=PRIOR)
    axes.set(xlabel="component", ylabel="variance")
    if np.isfinite(dataset.exponent):
        axes.set_title(f"∝ 1 / component$^{{{float(dataset.exponent):.2f}}}$")
    shape = _patch(dataset)
    cells = right.subplots(4, 4).ravel()
    for cell in cells:
        cell.set_axis_off()
    for cell, component in zip(cells, dataset.components.values, strict=False):
        most = np.abs(component).max()
        if shape is None:
            cell.plot(component, color=PRIOR, lw=0.6)
            cell.set_ylim(-most, most)
        else:
            cell.imshow(component.reshape(shape).mean(0), cmap="gray", vmin=-most, vmax=most)
    right.suptitle("first sixteen, in the order of their variance", fontsize=8)
    return figure


def _patch(dataset: xr.Dataset) -> tuple[int, int, int] | None:
    """Channels, height and width of a patch; None where its pixels are in no known order."""
    pixels = dataset.sizes["pixel"]
    if "shape" in dataset.attrs:
        shape = tuple(int(n) for n in np.atleast_1d(dataset.attrs["shape"]))
    else:
        size, channels = int(dataset.attrs.get("size", 0)), 3 if dataset.attrs.get("colour") else 1
        shape = (channels, size, size)
    return shape if len(shape) == 3 and int(np.prod(shape)) == pixels else None


def _linear(dataset: xr.Dataset, axes: Axes) -> None:
    """How much of some components is learned."""
    learned = np.diagonal(dataset.end_to_end.values, axis1=1, axis2=2)
    components = np.unique(np.geomspace(1, learned.shape[1], 8).round().astype(int))
    for i, component in enumerate(components):
        colour = mpl.colormaps[DEPTH](i / len(components))
        axes.plot(dataset.step, learned[:, component - 1], color=colour, label=component)
    reference(axes, y=1, color=HUMAN, ls=":")
    axes.set(xlabel="step", ylabel="proportion learned")
    axes.legend(title="component", loc="center left", bbox_to_anchor=(1, 0.5), handlelength=1)


# What draws each kind of result; another package adds its own.
DRAWERS: dict[str, Callable[[Any], Figure]] = {
    "sensitivity": _one(_sensitivity),
    "density": _one(density.draw),
    "comparison": comparison.draw,
    "difference": _difference,
    "training": _training,
    "components": _components,
    "linear learning": _one(_linear),
    "label learning": _labels,
}

"""A second supplement of Figure 5: thresholds of every network, people's values alongside, and components as images.

It also holds the panel of thresholds that the main figure shares. The module `draw` lists all pictures of the figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fechner import human
from fechner.paper.fig5.claims import acuities, thresholds
from fechner.paper.fig5.compute import CRITERION, LABELS, RETAINED, learning
from fechner.plot.panel import letters, reference
from fechner.plot.style import HUMAN, letter, new_figure

COLOURS = {"tied": "#0072B2", "2": "#E69F00", "3": "#CC79A7"}
Networks = dict[str, xr.Dataset]


def draw_readouts(tree: xr.DataTree) -> Figure:
    """(a, b) thresholds of deeper networks, (c) relative thresholds, (d) acuity, (e) spectrum, (f) patch, (g) components."""
    components, networks = tree["components"].to_dataset(), learning(tree)
    figure = new_figure(7.2, 8.6)
    parts: Any = figure.subfigures(3, 1, height_ratios=[1, 1, 2.1])
    top, middle, gallery = parts
    a, b, c = top.subplots(1, 3)
    d, e, pair = middle.subplots(1, 3)
    for name, axes in (("2", a), ("3", b)):
        draw_thresholds(networks[name], name, axes)
    draw_discrimination(networks, c)
    draw_development(networks, d)
    draw_singular_values(components, e)
    draw_retained(components, tree["patches"].to_dataset(), pair)
    letters((a, b, c, d, e, pair))
    draw_gallery(components.leading_components.values, gallery)
    return figure


def draw_thresholds(network: xr.Dataset, name: str, axes: Axes) -> None:
    """Threshold against spatial frequency, from early to late steps of one network."""
    steps, curves = network.step.values, thresholds(network)
    for i, place in enumerate(nearest(steps, (0.03, 0.1, 0.25, 0.5, 1.0))):
        colour = mpl.colormaps["plasma"](i / 5)
        axes.plot(network.spatial_frequency, curves[place], color=colour, label=str(steps[place]))
    reference(axes, y=CRITERION, ls="--")
    axes.set(xlim=(0, 40), ylim=(0, 1), title=LABELS[name])
    axes.set(xlabel="frequency (cycles/100 px)", ylabel="threshold (cycles/100 px)")
    axes.legend(title="step", handlelength=0.8, loc="lower right", fontsize=5, title_fontsize=6, borderpad=0)


def nearest(steps: np.ndarray, shares: Sequence[float]) -> list[int]:
    """Places of the steps nearest to shares of the last one."""
    return [int(np.abs(steps - share * steps[-1]).argmin()) for share in shares]


def draw_discrimination(networks: Networks, axes: Axes) -> None:
    """Threshold as a percentage of the frequency after learning, and the ranges that texts give for people."""
    people = human.read("spatial-frequency-discrimination")
    for i, shade in zip(range(people.sizes["entry"]), (0.2, 0.35), strict=True):
        one = people.isel(entry=i)
        low, high = float(one.low), float(one.high)
        axes.axhspan(low, high, color=HUMAN, alpha=shade, lw=0, label=f"people, {low:g}–{high:g} %")
    for name, network in networks.items():
        frequency = network.spatial_frequency.values
        axes.loglog(frequency, 100 * thresholds(network)[-1] / frequency, color=COLOURS[name], label=LABELS[name])
    axes.set(xlim=(1, 40), ylim=(0.4, 100), title="after learning, and of people")
    axes.set_xticks([1, 3, 10, 30], ["1", "3", "10", "30"])
    axes.set(xlabel="frequency (cycles/100 px)", ylabel="threshold Δf/f (%)")
    axes.legend(loc="upper right", handlelength=1, borderpad=0, fontsize=5.5, labelspacing=0.2)


def draw_development(networks: Networks, axes: Axes) -> None:
    """Acuity of networks along learning and of children by age, each relative to its last value."""
    for name, network in networks.items():
        acuity = acuities(network.spatial_frequency.values, thresholds(network))
        axes.plot(network.step / network.step[-1], acuity / acuity[-1], color=COLOURS[name], label=LABELS[name])
    children = human.read("grating-acuity")
    oldest = children.isel(entry=int(children.age_high.values.argmax()))
    for i in range(children.sizes["entry"]):
        one = children.isel(entry=i)
        ages, values = [one.age_low, one.age_high] / oldest.age_high.values, [one.low, one.high] / oldest.high.values
        axes.plot(ages, values, "o:", color=HUMAN, ms=3, lw=0.9, label="children" if i == 0 else "")
    axes.set(xlim=(-0.03, 1.03), ylim=(0, 1.25), title="acuity, and that of children")
    axes.set(xlabel=f"step / last step, age / {float(oldest.age_high):g} months", ylabel="acuity / last acuity")
    axes.legend(loc="lower right", handlelength=1, borderpad=0, fontsize=6)


def draw_singular_values(components: xr.Dataset, axes: Axes) -> None:
    """Standard deviation along each component, with half the exponent of the power law of variance."""
    rank, deviation = components.component.values, np.sqrt(components.variance.values)
    exponent = float(components.exponent) / 2
    axes.loglog(rank, deviation, color="0.2")
    fitted = np.array([5.0, len(rank) / 2])
    axes.loglog(fitted, deviation[19] * (fitted / 20) ** -exponent, "--", color="#D55E00", lw=1)
    axes.text(0.97, 0.95, f"rank$^{{-{exponent:.2f}}}$", transform=axes.transAxes, ha="right", va="top")
    axes.set(xlabel="principal component", ylabel="singular value √variance", title="spectrum")


def draw_retained(components: xr.Dataset, patches: xr.Dataset, axes: Axes) -> None:
    """A patch, and the same patch of the first components alone, with the loss that these leave on average."""
    pair = np.hstack([square(patches[name].values[0]) for name in ("patch", "retained")])
    loss = float(components.variance[RETAINED:].sum()) / patches.sizes["pixel"]
    axes.imshow(pair, cmap="gray", vmin=0, vmax=1)
    axes.axvline(pair.shape[1] / 2 - 0.5, color="w", lw=2)
    axes.set_title(f"patch, and its first {RETAINED} components")
    axes.text(
        0.5, -0.06, f"mean squared error of all patches {loss:.4f}", transform=axes.transAxes, ha="center", va="top"
    )
    axes.set_axis_off()


def draw_gallery(leading: np.ndarray, figure: Any) -> None:
    """The first components as images, row by row, each on a grey scale of its own that is symmetric about zero."""
    grid = figure.subplots(7, 8)
    for axes in grid.flat:
        axes.set_axis_off()
    for rank, (axes, component) in enumerate(zip(grid.flat, leading, strict=False), 1):
        most = np.abs(component).max()
        axes.imshow(square(component), cmap="gray", vmin=-most, vmax=most)
        axes.set_title(str(rank), fontsize=5, pad=1)
    letter(grid[0, 0], "g")


def square(pixels: np.ndarray) -> np.ndarray:
    """The pixels of a square patch as an image."""
    return pixels.reshape(isqrt(len(pixels)), -1)

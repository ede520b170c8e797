"""Drawing Figure 6 and its sequels from the saved DataTree alone."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from scipy import stats

from fechner.interval import t_half_width
from fechner.paper.fig6.claims import WINDOW, burst_effects, growth, rearing, switch_slopes
from fechner.paper.fig6.compute import FREQUENT, LABELS, LAYER
from fechner.paper.fig6.draw_rearing import around, draw_rearing_images, step_image
from fechner.paper.fig6.sequels import BURST
from fechner.plot.curves import RATIOS, circular_ticks, ratio_bar
from fechner.plot.panel import band, letters, reference
from fechner.plot.style import letter, new_figure

COLOURS = {"published": "#E69F00", "erasure": "#0072B2", "flips": "#CC79A7"}
THEORY, FINAL, MEASURED = "#D55E00", "#5E3C99", "#0072B2"


def draw(tree: xr.DataTree) -> dict[str, Figure]:
    """The main figure and its two supplements, by file name."""
    return {
        "fig6": draw_main(tree["conditions"].to_dataset()),
        "fig6_supplement": draw_supplement(tree),
        "fig6_rearing": draw_rearing_images(tree["rearing"].to_dataset()),
    }


def draw_main(conditions: xr.Dataset) -> Figure:
    """Noise and theory (a); learning under label noise (b), under frequencies (c), and under both (d)."""
    figure = new_figure(7.2, 6.6)
    cells = figure.add_gridspec(3, 4, width_ratios=[1, 0.95, 1.25, 0.06])
    noise, theory = (figure.add_subplot(cells[0, i]) for i in (0, 1))
    draw_noise(conditions, noise)
    draw_theory(conditions, theory)
    letter(noise, "a")
    places = {"c": cells[0, 2]}
    for row, panel in ((1, "b"), (2, "d")):
        places |= {f"{panel}-{name}": cells[row, i] for i, name in enumerate(LABELS)}
    for condition, cell in places.items():
        pair: Any = cell.subgridspec(1, 2, width_ratios=[2.6, 1]).subplots(sharey=True)
        image, profile = pair
        mesh = draw_condition(conditions.sel(condition=condition, layer=LAYER), image, profile)
        if condition in ("c", "b-published", "d-published"):
            letter(image, condition[0])
            image.set_ylabel("orientation (degree)")
    ratio_bar(mesh, "relative sensitivity √J of the first hidden layer", cax=figure.add_subplot(cells[1:, 3]))
    return figure


def draw_noise(conditions: xr.Dataset, axes: Axes) -> None:
    """Probability that noise changes a label, by channel; and the density in grey."""
    first = conditions.isel(exposure=0)
    for name, label in LABELS.items():
        axes.plot(*around(first.noise.sel(condition=f"d-{name}")), color=COLOURS[name], label=label)
    density = first.density.sel(condition="c")
    axes.fill_between(*around(density / density.max()), color="0.9", label="density p (b: uniform)")
    axes.set(ylim=(0, 1.75), yticks=[0, 0.5, 1], ylabel="noise (probability)", title="label noise")
    axes.legend(loc="upper center", fontsize=6, handlelength=1.2, borderpad=0)
    _orientation_axis(axes)


def draw_theory(conditions: xr.Dataset, axes: Axes) -> None:
    """Density × signal of the labels, which sets learning speed to first order; density × information is flat."""
    for panel, line, label in (("d", "-", "(d) frequent at 90°"), ("b", ":", "(b) uniform")):
        axes.plot([], [], line, color="0.3", label=label)
        for name in LABELS:
            curve = conditions.effective_density.sel(condition=f"{panel}-{name}").isel(exposure=0)
            axes.plot(*around(curve / curve.mean()), line, color=COLOURS[name])
    axes.set(ylim=(0, 2.4), ylabel="relative to mean", title="theory: density × signal of labels")
    axes.legend(loc="upper center", fontsize=6, handlelength=1.6, borderpad=0)
    _orientation_axis(axes)


def draw_condition(one: xr.Dataset, image: Axes, profile: Axes) -> QuadMesh:
    """Relative sensitivity over orientation and step, mean over seeds; next to it the last recording and theory."""
    mesh = step_image(np.log2(one.relative_sensitivity.mean("seed")), image, **RATIOS)
    panel, _, channel = str(one.condition.values).partition("-")
    inputs = "uniform inputs" if panel == "b" else f"frequent at {FREQUENT:g}°"
    image.set_title(f"{inputs},\n{LABELS[channel] if channel else 'no label noise'}", fontsize=7)
    image.set_xticks(np.linspace(0, one.step.values[-1], 4)[:3])
    x, final = around(one.relative_sensitivity.isel(step=-1))
    band(profile, x, final, FINAL, sideways=True)
    expected = one.effective_density.isel(exposure=0)
    profile.plot(around(expected / expected.mean())[1], x, ":", color=THEORY)
    reference(profile, x=1)
    profile.tick_params(labelleft=False)
    profile.set(xlim=(0, 2.6), xticks=[0, 1, 2], xlabel="final √J")
    if panel == "c":
        profile.set_title("dotted:\ntheory", fontsize=6, color=THEORY)
    return mesh


def draw_supplement(tree: xr.DataTree) -> Figure:
    """Rearing, switch, burst; starvation, strength, accuracy; the linear toy, and all layers in the end."""
    conditions, reared, toy = (tree[node].to_dataset() for node in ("conditions", "rearing", "toy"))
    figure = new_figure(7.2, 6.4)
    grid: Any = figure.subplots(3, 3)
    draw_rearing(reared, grid[0, 0])
    draw_switch(reared, grid[0, 1])
    draw_burst(tree["burst"].to_dataset(), grid[0, 2])
    draw_starvation(conditions, grid[1, 0])
    draw_strength(tree["strength"].to_dataset(), grid[1, 1])
    draw_accuracy(conditions, grid[1, 2])
    draw_toy(toy, "flat", grid[2, 0])
    draw_toy(toy, "not flat", grid[2, 1])
    draw_layers(conditions, grid[2, 2])
    letters(grid.flat)
    return figure


def draw_rearing(reared: xr.Dataset, axes: Axes) -> None:
    """Preference for A over B along both orders of rearing, and without a switch."""
    for order, colour in zip(reared.order.values, (MEASURED, "#E69F00", "0.5"), strict=True):
        band(axes, reared.step, rearing(reared, order), colour, str(order))
    reference(axes, x=reared.step[-1] / 2, ls="--")
    reference(axes, y=0)
    axes.set(xlabel="step", ylabel="preference for A (log ratio)", title="controlled rearing")
    axes.legend(loc="lower right", handlelength=1, borderpad=0, fontsize=6)


def draw_switch(reared: xr.Dataset, axes: Axes) -> None:
    """Lines fitted before and after the switch, for every seed."""
    steps, slopes = reared.step.values, switch_slopes(reared)
    switch = steps[-1] / 2
    near = np.abs(steps - switch) <= WINDOW
    for curve, fitted in zip(rearing(reared, "A then B").values, slopes, strict=True):
        axes.plot(steps[near], curve[near], ".", color="0.5", ms=3)
        for slope, side in ((fitted.before, steps <= switch), (fitted.after, steps >= switch)):
            x = steps[near & side]
            axes.plot(x, curve[near & side].mean() + slope * (x - x.mean()), color=MEASURED, lw=0.9)
    text = "slope/1000 steps"
    for side in ("before", "after"):
        values = 1000 * np.array([getattr(fitted, side) for fitted in slopes])
        text += f"\n{side} {values.mean():.0f} ± {stats.sem(values):.0f}"
    axes.text(0.04, 0.04, text, transform=axes.transAxes, fontsize=6, va="bottom")
    reference(axes, x=switch, ls="--")
    axes.set(xlabel="step", ylabel="preference for A (log ratio)", title="switch from A to B")


def draw_burst(bursts: xr.Dataset, axes: Axes) -> None:
    """Effect of one step between 15° and 45° on the final preference for them, by the time of the step."""
    times, effects = burst_effects(bursts)
    axes.plot(times, effects, ".", color="0.6", ms=3)
    axes.errorbar(times, effects.mean(1), t_half_width(effects.T), color=MEASURED, marker="o", ms=3, capsize=2)
    reference(axes, y=0)
    title = f"burst at {BURST[0]:g}–{BURST[1]:g}°"
    axes.set(xlabel="step of the burst", ylabel="effect in the end (log ratio)", title=title)


def draw_starvation(conditions: xr.Dataset, axes: Axes) -> None:
    """Growth of √J against accuracy reached, every orientation and recording; bins of accuracy."""
    accuracy, rate = growth(conditions)
    axes.plot(accuracy.ravel(), rate.ravel(), ".", color="0.75", ms=1, rasterized=True)
    edges = np.linspace(0, 1, 6)
    means = [
        stats.binned_statistic(a.ravel(), r.ravel(), bins=edges).statistic for a, r in zip(accuracy, rate, strict=True)
    ]
    middle = (edges[1:] + edges[:-1]) / 2
    axes.errorbar(middle, np.mean(means, 0), t_half_width(means), color=MEASURED, marker="o", ms=3, capsize=2)
    axes.set(
        ylim=(-0.6, 1.05),
        xlabel="accuracy reached",
        ylabel="growth of √J / its fastest",
        title="gradient starvation?",
    )


def draw_strength(strength: xr.Dataset, axes: Axes) -> None:
    """Step at which the loss has fallen by a tenth against contrast, and a line of slope −1."""
    contrast, steps = strength.contrast.values, strength.step_at_tenth.transpose("contrast", "seed").values
    axes.loglog(contrast, steps, "o", color=MEASURED, ms=3)
    axes.loglog(contrast, steps[-1].mean() * contrast[-1] / contrast, ":", color=THEORY, label="theory: speed ∝ SD")
    for axis, values in ((axes.xaxis, contrast), (axes.yaxis, np.unique(np.round(steps.mean(1), -1)))):
        axis.set_ticks(values, [f"{value:g}" for value in values])
        axis.set_minor_locator(NullLocator())
    axes.set(xlabel="contrast ∝ SD of the feature", ylabel="step of learning", title="learning speed")
    axes.legend(loc="upper right", handlelength=1.5, borderpad=0)


def draw_accuracy(conditions: xr.Dataset, axes: Axes) -> None:
    """Accuracy by orientation along learning, condition c."""
    accuracy = conditions.accuracy.sel(condition="c").mean("seed")
    mesh = step_image(accuracy, axes, cmap="cividis", vmin=0, vmax=1)
    axes.set(ylabel="orientation (degree)", title="accuracy, condition c")
    axes.figure.colorbar(mesh, ax=axes, pad=0.02)


def draw_toy(toy: xr.Dataset, spectrum: str, axes: Axes) -> None:
    """Modes of two linear layers, one an orientation, with their closed form."""
    orientations = (0.0, 30.0, 60.0, 90.0)
    for i, orientation in enumerate(orientations):
        one = toy.sel(spectrum=spectrum, orientation=orientation)
        # Modes of a flat spectrum lie upon one another.
        width = 2.2 if spectrum == "flat" and i == 0 else 1.2
        axes.plot(one.step, one.learned, color=_viridis(i, orientations), label=f"{orientation:g}°", lw=width)
        axes.plot(one.step, one.predicted, ":", color=THEORY, lw=1.4)
    title = f"linear toy, spectrum {spectrum}"
    axes.set(ylim=(-0.03, 1.1), xlabel="step", ylabel="strength of the mode", title=title)
    axes.legend(loc="upper left", handlelength=1, borderpad=0, fontsize=6)


def draw_layers(conditions: xr.Dataset, axes: Axes) -> None:
    """Final relative sensitivity of every layer, condition c, mean over seeds."""
    one = conditions.sel(condition="c")
    final = one.relative_sensitivity.isel(step=-1).mean("seed")
    layers = [name for name in one.layer.values if name.startswith(("relu", "linear3", "softmax"))]
    for i, name in enumerate(layers):
        axes.plot(*around(final.sel(layer=name)), color=_viridis(i, layers), label=name)
    density = one.density.isel(exposure=0)
    axes.plot(*around(density / density.mean()), ":", color=THEORY, label="density")
    axes.set(ylim=(0, 3.4), ylabel="relative sensitivity √J", title="all layers, condition c")
    axes.legend(loc="upper left", handlelength=1, borderpad=0, fontsize=6, ncols=2)
    _orientation_axis(axes)


def _orientation_axis(axes: Axes) -> None:
    circular_ticks(axes, 180.0)
    axes.set_xlabel("orientation (degree)")


def _viridis(place: int, places: Any) -> Any:
    """The colour of a place among several, from dark to light."""
    return mpl.colormaps["viridis"](place / len(places))

"""Drawing Figure 6 and its sequels from the saved Dataset alone."""

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
from fechner.paper.fig6 import claims as fig6_claims
from fechner.paper.fig6.compute import FREQUENT, LABELS, LAYER
from fechner.paper.fig6.sequels import BURST
from fechner.plot.curves import RATIOS, circular_ticks, ratio_bar
from fechner.plot.style import letter, new_figure, style

COLOURS = {"published": "#E69F00", "erasure": "#0072B2", "flips": "#CC79A7"}
THEORY, FINAL = "#D55E00", "#5E3C99"
ORIENTATIONS = (0, 45, 90, 135, 180)


def draw(dataset: xr.Dataset) -> dict[str, Figure]:
    """The main figure and its supplement, by file name."""
    return {"fig6": draw_main(dataset), "fig6_supplement": draw_supplement(dataset)}


def draw_main(dataset: xr.Dataset) -> Figure:
    """Noise and theory (a); learning under label noise (b), under frequencies (c), and under both (d)."""
    with style():
        figure = new_figure(7.2, 6.6)
        cells = figure.add_gridspec(3, 4, width_ratios=[1, 0.95, 1.25, 0.06])
        noise, theory = (figure.add_subplot(cells[0, i]) for i in (0, 1))
        draw_noise(dataset, noise)
        draw_theory(dataset, theory)
        letter(noise, "a")
        shown = {"c": cells[0, 2]}
        for row, panel in ((1, "b"), (2, "d")):
            shown |= {f"{panel}-{name}": cells[row, i] for i, name in enumerate(LABELS)}
        for condition, cell in shown.items():
            pair: Any = cell.subgridspec(1, 2, width_ratios=[2.6, 1]).subplots(sharey=True)
            image, profile = pair
            drawn = draw_condition(dataset, condition, image, profile)
            panel, _, channel = condition.partition("-")
            if channel in ("", "published"):
                letter(image, panel)
                image.set_ylabel("orientation (degree)")
        ratio_bar(drawn, "relative sensitivity √J of the first hidden layer", cax=figure.add_subplot(cells[1:, 3]))
    return figure


def draw_noise(dataset: xr.Dataset, axes: Axes) -> None:
    """Probability that noise changes a label, by channel; and the density in grey."""
    x = circular_x(dataset)
    for name, label in LABELS.items():
        curve = dataset.noise.sel(condition=f"d-{name}").isel(exposure=0).values
        axes.plot(x, closed(curve), color=COLOURS[name], label=label)
    density = dataset.density.sel(condition="c").isel(exposure=0).values
    axes.fill_between(x, closed(density) / density.max(), color="0.9", label="density p (b: uniform)")
    axes.set_ylim(0, 1.75)
    axes.set_yticks([0, 0.5, 1])
    axes.set_ylabel("noise (probability)")
    axes.set_title("label noise")
    axes.legend(loc="upper center", fontsize=6, handlelength=1.2, borderpad=0)
    orientation_axis(axes)


def draw_theory(dataset: xr.Dataset, axes: Axes) -> None:
    """Density × signal of the labels, which sets learning speed to first order; density × information is flat."""
    x = circular_x(dataset)
    for name in LABELS:
        for panel, line in (("d", "-"), ("b", ":")):
            curve = dataset.effective_density.sel(condition=f"{panel}-{name}").isel(exposure=0).values
            axes.plot(x, closed(curve / curve.mean()), line, color=COLOURS[name])
    for line, label in (("-", "(d) frequent at 90°"), (":", "(b) uniform")):
        axes.plot([], [], line, color="0.3", label=label)
    axes.set_ylim(0, 2.4)
    axes.set_ylabel("relative to mean")
    axes.set_title("theory: density × signal of labels")
    axes.legend(loc="upper center", fontsize=6, handlelength=1.6, borderpad=0)
    orientation_axis(axes)


def draw_condition(dataset: xr.Dataset, condition: str, image: Axes, profile: Axes) -> QuadMesh:
    """Relative sensitivity over orientation and step, mean over seeds; beside it the last recording and theory."""
    one = dataset.sel(condition=condition, layer=LAYER)
    mean = closed(one.relative_sensitivity.mean("seed").values)
    drawn = image.pcolormesh(
        one.step, circular_x(dataset), np.log2(mean).T, **RATIOS, shading="gouraud", rasterized=True
    )  # fmt: skip
    panel, _, channel = condition.partition("-")
    inputs = "uniform inputs" if panel == "b" else f"frequent at {FREQUENT:g}°"
    image.set_title(f"{inputs},\n{LABELS[channel] if channel else 'no label noise'}", fontsize=7)
    image.set_xlabel("step")
    image.set_xticks(np.linspace(0, one.step.values[-1], 4)[:3])
    image.set_yticks(ORIENTATIONS)
    image.set_ylim(0, 180)
    final = closed(one.relative_sensitivity.isel(step=-1).values)
    middle, half = final.mean(0), t_half_width(final)
    profile.fill_betweenx(circular_x(dataset), middle - half, middle + half, color=FINAL, alpha=0.3, lw=0)
    profile.plot(middle, circular_x(dataset), color=FINAL)
    expected = one.effective_density.isel(exposure=0).values
    profile.plot(closed(expected / expected.mean()), circular_x(dataset), ":", color=THEORY)
    profile.axvline(1, color="0.7", lw=0.6, zorder=0)
    profile.tick_params(labelleft=False)
    profile.set_xlim(0, 2.6)
    profile.set_xticks([0, 1, 2])
    profile.set_xlabel("final √J")
    if panel == "c":
        profile.set_title("dotted:\ntheory", fontsize=6, color=THEORY)
    return drawn


def draw_supplement(dataset: xr.Dataset) -> Figure:
    """Rearing, switch, burst; starvation, strength, accuracy; the linear toy, and all layers in the end."""
    with style():
        figure = new_figure(7.2, 6.4)
        grid: Any = figure.subplots(3, 3)
        draw_rearing(dataset, grid[0, 0])
        draw_switch(dataset, grid[0, 1])
        draw_burst(dataset, grid[0, 2])
        draw_starvation(dataset, grid[1, 0])
        draw_strength(dataset, grid[1, 1])
        draw_accuracy(dataset, grid[1, 2])
        draw_toy(dataset, "flat", grid[2, 0])
        draw_toy(dataset, "not flat", grid[2, 1])
        draw_layers(dataset, grid[2, 2])
        for axes, name in zip(grid.flat, "abcdefghi", strict=True):
            letter(axes, name)
    return figure


def draw_rearing(dataset: xr.Dataset, axes: Axes) -> None:
    """Preference for A over B along both orders of rearing."""
    for order, colour in zip(dataset.order.values, ("#0072B2", "#E69F00"), strict=True):
        curve = fig6_claims.rearing(dataset, order).transpose("seed", "step")
        band(axes, curve.step.values, curve.values, colour, str(order))
    axes.axvline(curve.step.values[-1] / 2, color="0.6", lw=0.7, ls="--")
    axes.axhline(0, color="0.8", lw=0.6, zorder=0)
    axes.set_xlabel("step")
    axes.set_ylabel("preference for A (log ratio)")
    axes.set_title("controlled rearing")
    axes.legend(loc="upper right", handlelength=1, borderpad=0)


def draw_switch(dataset: xr.Dataset, axes: Axes) -> None:
    """Lines fitted before and after the switch, for every seed."""
    curve = fig6_claims.rearing(dataset, "A then B").transpose("seed", "step")
    steps = curve.step.values
    switch, window = steps[-1] / 2, fig6_claims.WINDOW
    near = np.abs(steps - switch) <= window
    for values, fitted in zip(curve.values, fig6_claims.switch_slopes(dataset), strict=True):
        axes.plot(steps[near], values[near], ".", color="0.5", ms=3)
        for slope, side in ((fitted.before, steps <= switch), (fitted.after, steps >= switch)):
            x = steps[near & side]
            axes.plot(x, values[near & side].mean() + slope * (x - x.mean()), color="#0072B2", lw=0.9)
    found = fig6_claims.switch_slopes(dataset)
    before, after = (np.array([getattr(s, side) for s in found]) for side in ("before", "after"))
    text = "\n".join(
        f"{name} {1000 * v.mean():.0f} ± {1000 * v.std(ddof=1) / np.sqrt(len(v)):.0f}"
        for name, v in (("before", before), ("after", after))
    )
    axes.text(0.04, 0.04, f"slope/1000 steps\n{text}", transform=axes.transAxes, fontsize=6, va="bottom")
    axes.axvline(switch, color="0.6", lw=0.7, ls="--")
    axes.set_xlabel("step")
    axes.set_ylabel("preference for A (log ratio)")
    axes.set_title("switch from A to B")


def draw_burst(dataset: xr.Dataset, axes: Axes) -> None:
    """Effect of one step between 15° and 45° on the final preference for them, by the time of the step."""
    times, effects = fig6_claims.burst_effects(dataset)
    axes.plot(times, effects, ".", color="0.6", ms=3)
    axes.errorbar(times, effects.mean(1), t_half_width(effects.T), color="#0072B2", marker="o", ms=3, capsize=2)
    axes.axhline(0, color="0.8", lw=0.6, zorder=0)
    axes.set_xlabel("step of the burst")
    axes.set_ylabel("effect in the end (log ratio)")
    axes.set_title(f"burst at {BURST[0]:g}–{BURST[1]:g}°")


def draw_starvation(dataset: xr.Dataset, axes: Axes) -> None:
    """Growth of √J against accuracy reached, every orientation and recording; bins of accuracy."""
    accuracy, rate = fig6_claims.growth(dataset)
    axes.plot(accuracy.ravel(), rate.ravel(), ".", color="0.75", ms=1, rasterized=True)
    edges = np.linspace(0, 1, 6)
    means = np.array(
        [
            stats.binned_statistic(a.ravel(), r.ravel(), bins=edges).statistic
            for a, r in zip(accuracy, rate, strict=True)
        ]
    )
    axes.errorbar(
        (edges[1:] + edges[:-1]) / 2, means.mean(0), t_half_width(means), color="#0072B2", marker="o", ms=3, capsize=2
    )
    axes.set_ylim(-0.6, 1.05)
    axes.set_xlabel("accuracy reached")
    axes.set_ylabel("growth of √J / its fastest")
    axes.set_title("gradient starvation?")


def draw_strength(dataset: xr.Dataset, axes: Axes) -> None:
    """Step at which the loss has fallen by a tenth against contrast, and a line of slope −1."""
    contrast, steps = dataset.contrast.values, dataset.step_at_tenth.transpose("contrast", "seed").values
    axes.loglog(contrast, steps, "o", color="#0072B2", ms=3)
    axes.loglog(contrast, steps[-1].mean() * contrast[-1] / contrast, ":", color=THEORY, label="theory: speed ∝ SD")
    for axis, ticks in ((axes.xaxis, contrast), (axes.yaxis, np.unique(np.round(steps.mean(1), -1)))):
        axis.set_ticks(ticks, [f"{t:g}" for t in ticks])
        axis.set_minor_locator(NullLocator())
    axes.set_xlabel("contrast ∝ SD of the feature")
    axes.set_ylabel("step of learning")
    axes.set_title("learning speed")
    axes.legend(loc="upper right", handlelength=1.5, borderpad=0)


def draw_accuracy(dataset: xr.Dataset, axes: Axes) -> None:
    """Accuracy by orientation along learning, condition c."""
    one = dataset.accuracy.sel(condition="c").mean("seed")
    drawn = axes.pcolormesh(
        one.step, circular_x(dataset), closed(one.values).T, cmap="cividis", vmin=0, vmax=1, shading="gouraud", rasterized=True
    )  # fmt: skip
    axes.set_yticks(ORIENTATIONS)
    axes.set_xlabel("step")
    axes.set_ylabel("orientation (degree)")
    axes.set_title("accuracy, condition c")
    axes.figure.colorbar(drawn, ax=axes, pad=0.02)


def draw_toy(dataset: xr.Dataset, spectrum: str, axes: Axes) -> None:
    """Modes of two linear layers, one an orientation, with their closed form."""
    one = dataset.sel(spectrum=spectrum)
    shown = (0.0, 30.0, 60.0, 90.0)
    for i, orientation in enumerate(shown):
        colour = mpl.colormaps["viridis"](i / len(shown))
        at = one.sel(toy_orientation=orientation)
        axes.plot(
            one.toy_step,
            at.toy_learned,
            color=colour,
            label=f"{orientation:g}°",
            lw=2.2 if spectrum == "flat" and i == 0 else 1.2,
        )
        axes.plot(one.toy_step, at.toy_predicted, ":", color=THEORY, lw=1.4)
    axes.set_ylim(-0.03, 1.1)
    axes.set_xlabel("step")
    axes.set_ylabel("strength of the mode")
    axes.set_title(f"linear toy, spectrum {spectrum}")
    axes.legend(loc="upper left", handlelength=1, borderpad=0, fontsize=6)


def draw_layers(dataset: xr.Dataset, axes: Axes) -> None:
    """Final relative sensitivity of every layer, condition c, mean over seeds."""
    one = dataset.sel(condition="c").isel(step=-1)
    layers = [name for name in one.layer.values if name.startswith(("relu", "linear3", "softmax"))]
    for i, name in enumerate(layers):
        curve = one.relative_sensitivity.sel(layer=name).mean("seed").values
        axes.plot(circular_x(dataset), closed(curve), color=mpl.colormaps["viridis"](i / len(layers)), label=name)
    density = one.density.isel(exposure=0).values
    axes.plot(circular_x(dataset), closed(density / density.mean()), ":", color=THEORY, label="density")
    axes.set_ylim(0, 3.4)
    axes.set_ylabel("relative sensitivity √J")
    axes.set_title("all layers, condition c")
    axes.legend(loc="upper left", handlelength=1, borderpad=0, fontsize=6, ncols=2)
    orientation_axis(axes)


def circular_x(dataset: xr.Dataset) -> np.ndarray:
    """Orientations with 180° once more."""
    return np.append(dataset.orientation.values, 180.0)


def closed(curve: np.ndarray) -> np.ndarray:
    """A curve over orientation (last axis) with its first value once more, at 180°."""
    return np.concatenate([curve, curve[..., :1]], -1)


def band(axes: Axes, x: np.ndarray, values: np.ndarray, colour: str, label: str) -> None:
    """Mean over seeds with its 95 % interval."""
    mean, half = values.mean(0), t_half_width(values)
    axes.fill_between(x, mean - half, mean + half, color=colour, alpha=0.25, lw=0)
    axes.plot(x, mean, color=colour, label=label)


def orientation_axis(axes: Axes) -> None:
    """The half circle, every 45 degrees."""
    circular_ticks(axes, 180.0)
    axes.set_xlabel("orientation (degree)")

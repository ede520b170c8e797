"""Drawing Figure 5 from the saved Dataset alone."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fechner import human
from fechner.learning import theory
from fechner.paper.fig5.claims import acuities, elbows, thresholds
from fechner.paper.fig5.compute import CRITERION, LABELS, NETWORKS, SIZE
from fechner.plot.style import letter, new_figure, style

SHOWN = (1, 2, 4, 8, 16, 32, 64, 256)
COLOURS = {"tied": "#0072B2", "2": "#E69F00", "3": "#CC79A7"}


def draw(dataset: xr.Dataset) -> dict[str, Figure]:
    """The main figure and its supplement, by file name."""
    return {"fig5": draw_main(dataset), "fig5_supplement": draw_supplement(dataset)}


def draw_supplement(dataset: xr.Dataset) -> Figure:
    """What is learned over steps and components as a surface; loss, what is off the diagonal, and the elbow.

    The band of the elbow is a 95 % bootstrap interval over phases.
    """
    with style():
        figure = new_figure(7.2, 4.6)
        parts: Any = figure.subfigures(2, 1, height_ratios=[1.15, 1])
        top, bottom = parts
        component = np.unique(np.geomspace(1, dataset.sizes["component"], 60).round().astype(int))
        for i, network in enumerate(NETWORKS):
            one = dataset.sel(network=network)
            later = np.flatnonzero(one.step.values >= 1)
            x, y = np.meshgrid(np.log10(component), np.log10(one.step.values[later]))
            axes: Any = top.add_subplot(1, 3, i + 1, projection="3d")
            surface = one.proportion.values[later][:, component - 1]
            axes.plot_surface(x, y, surface, cmap="viridis", rstride=1, cstride=1, lw=0, antialiased=False)
            axes.view_init(30, -50)
            axes.set_xticks(range(4), ["1", "10", "100", "1000"], fontsize=6)
            axes.set_yticks(range(4), ["1", "10", "100", "1000"], fontsize=6)
            axes.set_zticks([0, 0.5, 1], ["0", "", "1"], fontsize=6)
            axes.tick_params(pad=-3)
            axes.set_xlabel("component", labelpad=-8, fontsize=7)
            axes.set_ylabel("step", labelpad=-8, fontsize=7)
            axes.set_zlabel("s", labelpad=-12, fontsize=7)
            axes.set_title(LABELS[network])
        loss, off, elbow = bottom.subplots(1, 3)
        curves = thresholds(dataset)
        n = dataset.sizes["phase"]
        weights = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), 100) / n
        redrawn = [thresholds(dataset, w) for w in weights]
        for i, network in enumerate(NETWORKS):
            one = dataset.sel(network=network)
            steps = one.step.values
            loss.loglog(steps[1:], one.loss.values[1:], color=COLOURS[network], label=LABELS[network])
            off.semilogx(steps[1:], one.misalignment.values[1:], color=COLOURS[network])
            late = np.flatnonzero(steps >= 0.05 * steps[-1])
            found = elbows(dataset.spatial_frequency.values, curves[i, late])
            elbow.plot(steps[late] / steps[-1], found, color=COLOURS[network])
            again = [elbows(dataset.spatial_frequency.values, c[i, late]) for c in redrawn]
            low, high = np.quantile(again, [0.025, 0.975], axis=0)
            elbow.fill_between(steps[late] / steps[-1], low, high, color=COLOURS[network], alpha=0.2, lw=0)
        loss.set_ylabel("mean squared error")
        loss.legend(handlelength=1, borderpad=0, loc="lower left", fontsize=6)
        off.set_ylabel("off-diagonal share of the map")
        elbow.set_ylabel("elbow (cycles/100 px)")
        elbow.set_ylim(bottom=0)
        for axes, label in ((loss, "step"), (off, "step"), (elbow, "steps / last step")):
            axes.set_xlabel(label)
    return figure


def draw_main(dataset: xr.Dataset) -> Figure:
    """(a) spectrum, (b) learning curves by depth, (c) thresholds, (d) acuity, (e) theory, (f) reconstructions."""
    with style():
        figure = new_figure(7.2, 6.6)
        parts: Any = figure.subfigures(3, 1, height_ratios=[1, 1, 0.85])
        top, middle, bottom = parts
        a, *curves = top.subplots(1, 4)
        draw_spectrum(dataset, a)
        for axes, network in zip(curves, NETWORKS, strict=True):
            draw_learning(dataset, network, axes)
        c, d, d2, e = middle.subplots(1, 4)
        draw_thresholds(dataset, c)
        draw_acuity(dataset, d)
        draw_human(d2)
        draw_theory(dataset, e)
        draw_reconstructions(dataset, bottom)
        for axes, name in ((a, "a"), (curves[0], "b"), (c, "c"), (d, "d"), (e, "e")):
            letter(axes, name)
        bottom.text(0.005, 0.97, "f", fontweight="bold", fontsize=10, va="top")
    return figure


def draw_spectrum(dataset: xr.Dataset, axes: Axes) -> None:
    """Variance against rank, and the power law fitted from the fifth component to the middle one."""
    rank, variance = dataset.component.values, dataset.variance.values
    axes.loglog(rank, variance, color="0.2")
    exponent, low, high = (float(dataset[n]) for n in ("exponent", "exponent_low", "exponent_high"))
    fitted = np.array([5.0, len(rank) / 2])
    axes.loglog(fitted, variance[19] * (fitted / 20) ** -exponent, "--", color="#D55E00", lw=1)
    axes.text(
        0.97,
        0.95,
        f"rank$^{{-{exponent:.2f}}}$\n[{low:.2f}, {high:.2f}]",
        transform=axes.transAxes,
        ha="right",
        va="top",
    )
    axes.set_xlabel("principal component")
    axes.set_ylabel("variance")
    axes.set_title(f"{dataset.attrs['patches']} patches")


def draw_learning(dataset: xr.Dataset, network: str, axes: Axes) -> None:
    """Proportion learned of some components against steps, with theory (dotted) where it has a closed form."""
    one = dataset.sel(network=network)
    steps = one.step.values
    for i, component in enumerate(c for c in SHOWN if c <= dataset.sizes["component"]):
        colour = mpl.colormaps["viridis"](i / len(SHOWN))
        axes.plot(steps, one.proportion.sel(component=component), color=colour, lw=1, label=str(component))
        predicted = prediction(dataset, network, component, steps)
        if predicted is not None:
            axes.plot(steps, predicted, ":", color=colour, lw=0.9)
    axes.set_xscale("log")
    axes.set_xlim(1, steps[-1])
    axes.set_ylim(-0.05, 1.08)
    axes.set_xlabel("step")
    axes.set_ylabel("proportion learned s" if network == "tied" else "")
    axes.set_title(LABELS[network])
    if network == "3":
        axes.legend(title="component", handlelength=1, borderpad=0, loc="upper left", fontsize=5, title_fontsize=6)


def prediction(dataset: xr.Dataset, network: str, component: int, steps: np.ndarray) -> np.ndarray | None:
    """Closed form of a mode by itself, from what a random start has of it on average; None for three matrices.

    A column of a random W has squared length dσ², σ² = scale²/3; of two random layers the half that grows counts.
    """
    start = dataset.sizes["component"] * NETWORKS[network].scale ** 2 / 3
    time = steps * 2 / dataset.sizes["component"]
    variance = float(dataset.variance.sel(component=component))
    if network == "tied":
        return theory.tied(time, start, variance)
    return theory.two_layers(time, start / 2, variance, variance) if network == "2" else None


def draw_thresholds(dataset: xr.Dataset, axes: Axes) -> None:
    """Threshold against spatial frequency, from early to late steps of the tied network."""
    steps = dataset.step.sel(network="tied").values
    curves = thresholds(dataset.sel(network=["tied"]))[0]
    chosen = [int(np.abs(steps - s).argmin()) for s in np.array([0.03, 0.1, 0.25, 0.5, 1.0]) * steps[-1]]
    for i, at in enumerate(chosen):
        axes.plot(dataset.spatial_frequency, curves[at], color=mpl.colormaps["plasma"](i / 5), label=f"{steps[at]}")
    axes.axhline(CRITERION, color="0.6", lw=0.7, ls="--")
    axes.set_ylim(0, 1.0)
    axes.set_xlim(0, 40)
    axes.set_xlabel("frequency (cycles/100 px)")
    axes.set_ylabel("threshold (cycles/100 px)")
    axes.legend(title="step", handlelength=0.8, loc="lower right", fontsize=5, title_fontsize=6, borderpad=0)
    axes.set_title(LABELS["tied"])


def draw_acuity(dataset: xr.Dataset, axes: Axes) -> None:
    """Acuity against steps, each network's divided by its last."""
    curves = thresholds(dataset)
    for i, network in enumerate(NETWORKS):
        steps = dataset.step.sel(network=network).values
        acuity = acuities(dataset.spatial_frequency.values, curves[i])
        axes.plot(steps / steps[-1], acuity, color=COLOURS[network], label=LABELS[network])
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, 1)
    axes.set_xlabel("steps / last step")
    axes.set_ylabel("acuity (cycles/100 px)")
    axes.legend(handlelength=1, borderpad=0, loc="lower right", fontsize=6)
    axes.set_title("networks")


def draw_human(axes: Axes) -> None:
    """Grating acuity by age, from texts that give it: single values, and beginnings and ends joined."""
    data = human.read("grating-acuity")
    for i, colour in zip(range(data.sizes["entry"]), ("#D55E00", "#0072B2", "#009E73", "#CC79A7"), strict=False):
        one = data.isel(entry=i)
        axes.plot([one.age_low, one.age_high], [one.low, one.high], "o-", ms=3, color=colour)
    axes.set_xlabel("age (months)")
    axes.set_ylabel("acuity (cycles/degree)")
    axes.set_ylim(bottom=0)
    axes.set_title("children (4 studies)")


def draw_theory(dataset: xr.Dataset, axes: Axes) -> None:
    """Measured step at half learned against that of the closed form."""
    most = 1.0
    for network in ("tied", "2"):
        one = dataset.sel(network=network)
        start = dataset.sizes["component"] * NETWORKS[network].scale ** 2 / 3 / (1 if network == "tied" else 2)
        rate = (4 if network == "tied" else 2) * dataset.variance.values
        predicted = np.log(1 / start - 1) / rate / (2 / dataset.sizes["component"])
        axes.loglog(predicted, one.learning_step, "o", ms=2.5, color=COLOURS[network], label=LABELS[network], mew=0)
        most = max(most, float(np.nanmax(one.learning_step)))
    axes.loglog([10, most], [10, most], color="0.6", lw=0.7, zorder=0)
    axes.set_xlim(8, 1.5 * most)
    axes.set_xlabel("predicted step")
    axes.set_ylabel("step at s = ½")
    axes.legend(handlelength=1, borderpad=0, loc="upper left", fontsize=6)
    axes.set_title("theory")


def draw_reconstructions(dataset: xr.Dataset, figure: Any) -> None:
    """Two patches as the tied network gives them back along learning."""
    one = dataset.sel(network="tied")
    steps = one.step.values
    chosen = [int(np.abs(steps - s).argmin()) for s in np.array([0, 0.005, 0.03, 0.1, 0.3, 1.0]) * steps[-1]]
    grid = figure.subplots(2, len(chosen) + 1, squeeze=False)
    for example, row in enumerate(grid):
        images = [one.reconstruction[at, example].values for at in chosen] + [dataset.patch[example].values]
        titles = [f"step {steps[at]}" for at in chosen] + ["patch"]
        for axes, image, title in zip(row, images, titles, strict=True):
            axes.imshow(image.reshape(SIZE, SIZE), cmap="gray", vmin=0, vmax=1)
            axes.set_title(title if example == 0 else "", pad=2)
            axes.set_axis_off()

"""Drawing Figure 5 from the saved DataTree alone."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fechner import human
from fechner.learning import theory
from fechner.paper.fig5.claims import acuities, elbows, late_steps, thresholds
from fechner.paper.fig5.compute import LABELS, NETWORKS, SIZE, learning, starts
from fechner.paper.fig5.draw_readouts import COLOURS, Networks, draw_readouts, draw_thresholds, nearest
from fechner.plot.panel import letters
from fechner.plot.style import new_figure

COMPONENTS = (1, 2, 4, 8, 16, 32, 64, 256)


def draw(tree: xr.DataTree) -> dict[str, Figure]:
    """The main figure and its two supplements, by file name."""
    return {
        "fig5": draw_main(tree),
        "fig5_supplement": draw_supplement(tree),
        "fig5_readouts": draw_readouts(tree),
    }


def draw_supplement(tree: xr.DataTree) -> Figure:
    """What is learned over steps and components as a surface; loss, what is off the diagonal, and the elbow."""
    networks = learning(tree)
    figure = new_figure(7.2, 4.6)
    parts: Any = figure.subfigures(2, 1, height_ratios=[1.15, 1])
    top, bottom = parts
    for i, (name, network) in enumerate(networks.items()):
        axes = top.add_subplot(1, 3, i + 1, projection="3d")
        draw_surface(network.isel(step=network.step.values >= 1), axes)
        axes.set_title(LABELS[name])
    loss, off, elbow = bottom.subplots(1, 3)
    for name, network in networks.items():
        later = network.isel(step=slice(1, None))
        loss.loglog(later.step, later.loss, color=COLOURS[name], label=LABELS[name])
        off.semilogx(later.step, later.misalignment, color=COLOURS[name])
        draw_elbow(starts(tree)[name], COLOURS[name], elbow)
    loss.set(xlabel="step", ylabel="mean squared error")
    loss.legend(handlelength=1, borderpad=0, loc="lower left", fontsize=6)
    off.set(xlabel="step", ylabel="off-diagonal share of the map")
    elbow.set(xlabel="steps / last step", ylabel="elbow (cycles/100 px)")
    elbow.set_ylim(bottom=0)
    return figure


def draw_surface(network: xr.Dataset, axes: Any) -> None:
    """Proportion learned of components against steps, both on logarithmic scales."""
    component = np.unique(np.geomspace(1, network.sizes["component"], 60).round().astype(int))
    x, y = np.meshgrid(np.log10(component), np.log10(network.step.values))
    surface = network.proportion.values[:, component - 1]
    axes.plot_surface(x, y, surface, cmap="viridis", rstride=1, cstride=1, lw=0, antialiased=False)
    axes.view_init(30, -50)
    for set_ticks in (axes.set_xticks, axes.set_yticks):
        set_ticks(range(4), ["1", "10", "100", "1000"], fontsize=6)
    axes.set_zticks([0, 0.5, 1], ["0", "", "1"], fontsize=6)
    axes.tick_params(pad=-3)
    axes.set_xlabel("component", labelpad=-8, fontsize=7)
    axes.set_ylabel("step", labelpad=-8, fontsize=7)
    axes.set_zlabel("s", labelpad=-12, fontsize=7)


def draw_elbow(network: xr.Dataset, colour: str, axes: Axes) -> None:
    """The elbow along learning, for every random start."""
    late = late_steps(network)
    frequency, time = network.spatial_frequency.values, network.step.values[late] / network.step.values[-1]
    for curves in thresholds(network):
        axes.plot(time, elbows(frequency, curves[late]), color=colour, lw=0.8)


def draw_main(tree: xr.DataTree) -> Figure:
    """(a) spectrum, (b) learning curves by depth, (c) thresholds, (d) acuity, (e) theory, (f) reconstructions."""
    components, networks = tree["components"].to_dataset(), learning(tree)
    figure = new_figure(7.2, 6.6)
    parts: Any = figure.subfigures(3, 1, height_ratios=[1, 1, 0.85])
    top, middle, bottom = parts
    a, *panels = top.subplots(1, 4)
    draw_spectrum(components, a)
    a.set_title(f"{tree.attrs['patches']} patches")
    for axes, (name, network) in zip(panels, networks.items(), strict=True):
        draw_learning(network, name, components.variance, axes)
    c, d, children, e = middle.subplots(1, 4)
    draw_thresholds(networks["tied"], "tied", c)
    draw_acuity(networks, d)
    draw_human(children)
    draw_theory(networks, components.variance.values, e)
    draw_reconstructions(networks["tied"], tree["patches"].to_dataset().patch.values, bottom)
    letters((a, panels[0], c, d, e))
    bottom.text(0.005, 0.97, "f", fontweight="bold", fontsize=10, va="top")
    return figure


def draw_spectrum(components: xr.Dataset, axes: Axes) -> None:
    """Variance against rank, and the power law fitted from the fifth component to the middle one."""
    rank, variance = components.component.values, components.variance.values
    axes.loglog(rank, variance, color="0.2")
    exponent, low, high = (float(components[n]) for n in ("exponent", "exponent_low", "exponent_high"))
    fitted = np.array([5.0, len(rank) / 2])
    axes.loglog(fitted, variance[19] * (fitted / 20) ** -exponent, "--", color="#D55E00", lw=1)
    text = f"rank$^{{-{exponent:.2f}}}$\n[{low:.2f}, {high:.2f}]"
    axes.text(0.97, 0.95, text, transform=axes.transAxes, ha="right", va="top")
    axes.set(xlabel="principal component", ylabel="variance")


def draw_learning(network: xr.Dataset, name: str, variance: xr.DataArray, axes: Axes) -> None:
    """Proportion learned of some components against steps, with theory (dotted) where it has a closed form."""
    steps = network.step.values
    for i, component in enumerate(c for c in COMPONENTS if c <= len(variance)):
        colour = mpl.colormaps["viridis"](i / len(COMPONENTS))
        axes.plot(steps, network.proportion.sel(component=component), color=colour, lw=1, label=str(component))
        time, one = steps * 2 / len(variance), float(variance.sel(component=component))
        if name == "tied":
            axes.plot(steps, theory.tied(time, _start(name, len(variance)), one), ":", color=colour, lw=0.9)
        elif name == "2":
            predicted = theory.two_layers(time, _start(name, len(variance)), one, one)
            axes.plot(steps, predicted, ":", color=colour, lw=0.9)
    axes.set(xscale="log", xlim=(1, steps[-1]), ylim=(-0.05, 1.08), xlabel="step", title=LABELS[name])
    if name == "tied":
        axes.set_ylabel("proportion learned s")
    if name == "3":
        axes.legend(title="component", handlelength=1, borderpad=0, loc="upper left", fontsize=5, title_fontsize=6)


def _start(name: str, components: int) -> float:
    """What a random start has of a component on average, for networks with a closed form.

    A column of a random W has squared length dσ², σ² = scale²/3; of two random layers the half that grows counts.
    """
    start = components * NETWORKS[name].scale ** 2 / 3
    return start if name == "tied" else start / 2


def draw_acuity(networks: Networks, axes: Axes) -> None:
    """Acuity against steps, each network's divided by its last."""
    for name, network in networks.items():
        steps, acuity = network.step.values, acuities(network.spatial_frequency.values, thresholds(network))
        axes.plot(steps / steps[-1], acuity, color=COLOURS[name], label=LABELS[name])
    axes.set(xlim=(0, 1), xlabel="steps / last step", ylabel="acuity (cycles/100 px)", title="networks")
    axes.set_ylim(bottom=0)
    axes.legend(handlelength=1, borderpad=0, loc="lower right", fontsize=6)


def draw_human(axes: Axes) -> None:
    """Grating acuity by age, from texts that give it: single values, and beginnings and ends joined."""
    data = human.read("grating-acuity")
    for i, colour in zip(range(data.sizes["entry"]), ("#D55E00", "#0072B2", "#009E73", "#CC79A7"), strict=False):
        one = data.isel(entry=i)
        axes.plot([one.age_low, one.age_high], [one.low, one.high], "o-", ms=3, color=colour)
    axes.set(xlabel="age (months)", ylabel="acuity (cycles/degree)", title="children (4 studies)")
    axes.set_ylim(bottom=0)


def draw_theory(networks: Networks, variance: np.ndarray, axes: Axes) -> None:
    """Measured step at half learned against that of the closed form."""
    most = 1.0
    for name, speed in (("tied", 4), ("2", 2)):
        measured = networks[name].learning_step
        start = _start(name, len(variance))
        predicted = np.log(1 / start - 1) / (speed * variance) / (2 / len(variance))
        axes.loglog(predicted, measured, "o", ms=2.5, color=COLOURS[name], label=LABELS[name], mew=0)
        most = max(most, float(measured.max()))
    axes.loglog([10, most], [10, most], color="0.6", lw=0.7, zorder=0)
    axes.set(xlim=(8, 1.5 * most), xlabel="predicted step", ylabel="step at s = ½", title="theory")
    axes.legend(handlelength=1, borderpad=0, loc="upper left", fontsize=6)


def draw_reconstructions(tied: xr.Dataset, patches: np.ndarray, figure: Any) -> None:
    """Two patches as the tied network gives them back along learning."""
    places = nearest(tied.step.values, (0, 0.005, 0.03, 0.1, 0.3, 1.0))
    grid = figure.subplots(2, len(places) + 1, squeeze=False)
    titles = [*(f"step {tied.step.values[place]}" for place in places), "patch"]
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, pad=2)
    for example, row in enumerate(grid):
        images = [*tied.reconstruction.values[places, example], patches[example]]
        for axes, image in zip(row, images, strict=True):
            axes.imshow(image.reshape(SIZE, SIZE), cmap="gray", vmin=0, vmax=1)
            axes.set_axis_off()

"""Drawing Figure 3 from the saved DataTree alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fechner import circular, compare, human
from fechner.paper.curves import MAIN, RANDOM, by_seed, layers_only, networks, select, third, whole
from fechner.paper.fig3.compute import ROTATION
from fechner.paper.states import draw_along_depth, draw_columns
from fechner.plot import curves, density
from fechner.plot.panel import letters, reference
from fechner.plot.style import HUMAN, LABELS, PRIOR, STATES, new_figure

CHECKPOINTS = ("#0072B2", "#D55E00", "#CC79A7", "#56B4E9")


def draw(tree: xr.DataTree) -> dict[str, Figure]:
    """(a) stimuli, (b) human proxy and photographs, (c) curves, (d) correlation, (e) checkpoints if there are any."""
    measured, prior = tree["curves"].to_dataset(), tree["density"].to_dataset()
    backdrop = density.coarse(prior, 72)
    files = [w for w in dict.fromkeys(measured.weights.values.tolist()) if w not in ("pretrained", *RANDOM)]
    heights = [2.05, 5.5, *([2.05] if files else [])]
    figure = new_figure(7.2, sum(heights))
    top, middle, *bottom = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    a, b = top.subplots(1, 2, width_ratios=[0.4, 1])
    draw_stimuli(tree["stimulus"].to_dataset(), a)
    draw_reference(prior, b)
    main = [n for n in networks(measured) if n in MAIN]
    draw_columns(middle, measured, main, partial(density.backdrop, backdrop), partial(draw_correlation, prior))
    letters((a, b))
    for part in bottom:
        e = part.subplots()
        draw_checkpoints(measured, backdrop, files, e)
        letters((e,), "e")
    others = [n for n in networks(measured) if n not in MAIN]
    return {"fig3": figure} | ({"fig3_supplement": draw_others(measured, prior, others)} if others else {})


def draw_others(measured: xr.Dataset, prior: xr.Dataset, others: Sequence[str]) -> Figure:
    """Correlation against depth in networks of other families."""
    figure = new_figure(7.2, 2.4)
    panels = figure.subplots(1, len(others), squeeze=False)[0]
    for axes, network in zip(panels, others, strict=True):
        draw_correlation(prior, select(measured, network=network), axes)
        axes.set_title(network)
    panels[0].legend(loc="best", handlelength=1)
    return figure


def draw_stimuli(stimulus: xr.Dataset, axes: Axes) -> None:
    """The hues of the patches around a circle, at the default saturation and value."""
    colours = stimulus.image.values
    y, x = np.mgrid[1:-1:200j, -1:1:200j]
    angle, radius = np.rad2deg(np.arctan2(y, x)) % 360, np.hypot(x, y)
    index = (angle / 360 * len(colours)).astype(int) % len(colours)
    ring = np.concatenate([colours[index], ((radius > 0.55) & (radius < 1))[..., None]], -1)
    axes.imshow(ring, extent=(-1, 1, -1, 1))
    for hue in (0, 90, 180, 270):
        towards = np.deg2rad(hue)
        axes.text(0.36 * np.cos(towards), 0.36 * np.sin(towards), f"{hue}°", ha="center", va="center", fontsize=6)
    axes.set_title("uniform patches")
    axes.set_axis_off()


def draw_reference(prior: xr.Dataset, axes: Axes) -> None:
    """Hue frequency in photographs, and CIELAB distance per degree of hue as a proxy of human sensitivity."""
    density.draw(prior, axes)
    axes.set_ylabel("density (× uniform)", color=PRIOR)
    # The upper ends of intervals of hues that few photographs have are much higher.
    axes.set_ylim(0, 1.5 * float(prior.density.max()) * 360)
    axes.set_title(f"{prior.attrs['photographs']} photographs, and human proxy")
    right = axes.twinx()
    right.spines["right"].set_visible(True)
    hue = np.arange(0, 360.5, 0.5)
    right.plot(hue, human.cielab_hue_distance(hue), color=HUMAN)
    right.set_ylim(bottom=0)
    right.set_ylabel("CIELAB ΔE per degree", color=HUMAN)


def draw_checkpoints(measured: xr.Dataset, prior: xr.Dataset, files: Sequence[str], axes: Axes) -> None:
    """Late layers of checkpoints and of the pretrained network over the density of hue, upright and rotated."""
    density.area(prior, axes)
    rotated = np.interp(
        (prior.hue - ROTATION) % 360, *circular.around(prior.hue.values, prior.density.values * 360, 360.0)
    )
    x, y = circular.around(prior.hue.values, rotated, 360.0)
    axes.plot(x, y, color=PRIOR, ls=":", lw=0.8, label=f"density, rotated by {ROTATION:g}°")
    for name, colour in zip(["pretrained", *files], CHECKPOINTS, strict=False):
        part = select(measured, weights=name)
        if part.sizes["layer"]:
            part = select(part, network=str(part.network.values[0]))
            late = third(layers_only(part), "late").relative_sensitivity.mean("layer")
            axes.plot(*circular.around(part.hue.values, late.values, 360.0), color=colour, label=_stem(name))
    curves.circular_ticks(axes, 360.0)
    axes.set(xlabel="hue (degree)", ylabel="late layers, √J / mean\n(green: density)", title="checkpoints")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), handlelength=1.5, borderpad=0)


def _stem(file: str) -> str:
    """A file's name in a legend, which leaves out what begins with an underscore."""
    stem = Path(file).stem
    return f" {stem}" if stem.startswith("_") else stem


def draw_correlation(prior: xr.Dataset, part: xr.Dataset, axes: Axes) -> None:
    """Correlation of every layer's √J with the density against depth, of all values; mean and range over seeds, or interval."""
    for state, colour in STATES.items():
        seeds = by_seed(whole(select(part, weights=state)))
        compared = [layers_only(compare(one, prior).isel(reference=0)) for one in seeds]
        if compared:
            interval = (compared[0].correlation_low, compared[0].correlation_high) if len(compared) == 1 else None
            values = np.stack([one.correlation.values for one in compared])
            draw_along_depth(axes, values, colour, LABELS[state], interval)
    reference(axes, y=0)
    axes.set(xlabel="depth (first to last layer)", ylabel="r of √J with density")

"""Drawing networks trained on manipulated images, from the saved Dataset alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from fechner import circular, results
from fechner.paper.trained import when_draw
from fechner.paper.trained.claims import final_octaves, octaves
from fechner.paper.trained.files import Setup, setup_of
from fechner.paper.trained.pairs import (
    HUE,
    ROTATED,
    TURNED,
    UPRIGHT,
    compared,
    curves,
    density,
    recorded,
    setups,
    trained_alike,
    trainings,
)
from fechner.plot import curves as curves_figure
from fechner.plot import density as density_figure
from fechner.plot.panel import letters, reference
from fechner.plot.style import letter, new_figure

CONDITIONS = {UPRIGHT: "#0072B2", ROTATED: "#D55E00", TURNED: "#CC79A7", HUE: "#D55E00"}
EXPECTED = {ROTATED: 45.0, TURNED: 22.5, HUE: 90.0}


def draw(tree: xr.DataTree) -> dict[str, Figure]:
    """Rotated networks; the same along training and spatial frequency; when the effect is there; hue-shifted networks."""
    orientation, hue = tree.children["orientation"], tree.children.get("hue")
    figures = {
        "trained": draw_rotated(orientation),
        "trained_along": draw_along(orientation),
        "trained_when": when_draw.draw(orientation),
    }
    if hue is not None and (shifted := setups(hue, HUE)):
        figures["trained_hue"] = draw_hue(hue, shifted[0])
    return figures


def draw_rotated(part: xr.DataTree) -> Figure:
    """A row a network: curves after upright and rotated training, their difference, and the shift that aligns them."""
    alike = trained_alike(part)
    figure = new_figure(7.2, 2.0 * len(alike) + 0.3)
    grid = figure.subplots(len(alike), 4, squeeze=False, width_ratios=[1, 1, 1, 1.1])
    for row, setup in zip(grid, alike, strict=True):
        draw_pair(part, setup, ROTATED, row)
        row[0].set(title=f"{setup.short}\nupright{_accuracy(part, setup, UPRIGHT)}", ylabel="relative sensitivity")
        row[1].set_title(f"rotated by 45°{_accuracy(part, setup, ROTATED)}\ngreen: images")
        draw_shifts(part, setup, (ROTATED, TURNED), row[3])
    curves_figure.depth_bar(grid[0][2], *[r[2] for r in grid[1:]])
    letters(grid[0])
    return figure


def draw_hue(part: xr.DataTree, setup: Setup) -> Figure:
    """The same of hue curves after upright and hue-shifted training."""
    figure = new_figure(7.2, 2.3)
    row: Any = figure.subplots(1, 4, width_ratios=[1, 1, 1, 1.1])
    draw_pair(part, setup, HUE, row)
    row[0].set(title=f"{setup.label}\nupright", ylabel="relative sensitivity\n(green: hues of the images)")
    row[0].set_ylim(bottom=0)
    row[1].set_title("images\nhue + 90°")
    draw_shifts(part, setup, (HUE,), row[3])
    curves_figure.depth_bar(row[2])
    letters(row)
    return figure


def draw_pair(part: xr.DataTree, setup: Setup, condition: str, row: Any) -> None:
    """Curves after upright and manipulated training over how often values occur in the images, and their difference."""
    change = compared(part, setup, condition)
    assert change is not None
    for axes, state, turned in zip(row, ("upright", "manipulated"), (0.0, EXPECTED[condition]), strict=False):
        prior = density(part, turned)
        if prior is not None:
            density_figure.backdrop(prior, axes)
        curves_figure.draw_layers(change.relative_sensitivity.sel(state=state), axes)
        reference(axes, y=1)
    # Both panels are as high as the higher one needs.
    limits = np.array([axes.get_ylim() for axes in row[:2]])
    row[1].sharey(row[0])
    row[0].set_ylim(limits[:, 0].min(), limits[:, 1].max())
    row[1].tick_params(labelleft=False)
    curves_figure.draw_difference(change, row[2])
    pairs = int(change.attrs["pairs"])
    manipulated = "shifted" if condition == HUE else "rotated"
    row[2].set_title(f"{manipulated} − upright\n{pairs} seed{'s' if pairs > 1 else ''}")


def draw_shifts(part: xr.DataTree, setup: Setup, conditions: tuple[str, ...], axes: Axes) -> None:
    """The shift that aligns each layer's curve with that of upright training, and what the manipulation would give."""
    period = 0.0
    for i, condition in enumerate(conditions):
        change = compared(part, setup, condition)
        if change is None:
            continue
        period = circular.circle_of(change[results.along(change)])
        expected, colour = EXPECTED[condition], CONDITIONS[condition]
        shift, low, high = (change[f"shift{end}"].values for end in ("", "_low", "_high"))
        # A shift of −45° and one of 135° are the same: draw the one next to what is expected.
        turn = np.round((expected - shift) / period) * period
        error = np.abs([shift - low, high - shift])
        axes.errorbar(np.linspace(0, 1, len(shift)), shift + turn, error, fmt="o", ms=3, lw=0.8, color=colour)
        # A legend's markers would pass for layers.
        if len(conditions) > 1:
            place = 0.02 + 0.1 * i
            axes.text(0.98, place, f"{condition}°", ha="right", color=colour, fontsize=7, transform=axes.transAxes)
        reference(axes, y=expected, color=colour, ls=":", lw=1)
    axes.set(ylim=(-0.35 * period, 0.75 * period), yticks=np.arange(-0.25, 0.76, 0.25) * period)
    axes.set(xlabel="depth", ylabel="shift (degree)", title="shift that aligns\n(dotted: expected)")


def draw_along(part: xr.DataTree) -> Figure:
    """A row a network: preference for cardinal over oblique, layers × epochs and layers × spatial frequency."""
    alike = trained_alike(part)
    figure = new_figure(7.2, 2.1 * len(alike) + 0.4)
    grid = figure.subplots(len(alike), 4, squeeze=False, width_ratios=[1.5, 1.5, 1, 1])
    for row, setup in zip(grid, alike, strict=True):
        for i, (condition, title) in enumerate(((UPRIGHT, UPRIGHT), (ROTATED, "rotated by 45°"))):
            seeds = list(curves(part, setup, condition).values())
            layers = seeds[0].layer.values
            if recorded(seeds):
                mean = np.mean([octaves(one.fisher_information_recorded).mean(1) for one in seeds], 0)
                _image(row[i], mean, seeds[0].epoch.values, layers if i == 0 else None)
            else:
                row[i].set(xticks=[], yticks=[])
            row[i].set(xlabel="epoch", title=f"{setup.short}, {title}" if i == 0 else title)
            image = _image(row[2 + i], final_octaves(seeds).mean(0), seeds[0].spatial_frequency.values, None)
            row[2 + i].set(xlabel="frequency (c/deg)", title=title)
    curves_figure.ratio_bar(image, "√J cardinal / oblique", grid)
    letter(grid[0][0], "a")
    letter(grid[0][2], "b")
    return figure


def _image(axes: Axes, values: np.ndarray, x: np.ndarray, layers: np.ndarray | None) -> AxesImage:
    image = axes.imshow(values, aspect="auto", origin="lower", interpolation="nearest", **curves_figure.RATIOS)
    every = max(1, len(x) // 6)
    axes.set_xticks(np.arange(len(x))[::every], [f"{v:g}" for v in x[::every]])
    if layers is None:
        axes.set_yticks([])
    else:
        axes.set_yticks(np.arange(len(layers)), layers.tolist(), fontsize=6 if len(layers) < 12 else 5)
    return image


def _accuracy(part: xr.DataTree, setup: Setup, condition: str) -> str:
    """Of the networks trained so, in validation."""
    accuracies = [
        float(one.validation_accuracy[-1])
        for one in trainings(part)
        if setup_of(one) == setup and one.condition == condition and "validation_accuracy" in one
    ]
    return f", {np.mean(accuracies):.0%}" if accuracies else ""

"""Drawing networks trained on manipulated images, from the saved Dataset alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fechner import circular, results
from fechner.paper.trained import when_draw
from fechner.paper.trained.effect import AROUND, preference
from fechner.paper.trained.files import Setup, setup_of
from fechner.paper.trained.pairs import (
    HUE,
    ROTATED,
    TURNED,
    UPRIGHT,
    compared,
    curves,
    density,
    even,
    recorded,
    setups,
    trained_alike,
    trainings,
)
from fechner.plot import curves as curves_figure
from fechner.plot import density as density_figure
from fechner.plot.panel import letters, reference
from fechner.plot.style import new_figure

CONDITIONS = {UPRIGHT: "#0072B2", ROTATED: "#D55E00", TURNED: "#CC79A7", HUE: "#D55E00"}
EXPECTED = {ROTATED: 45.0, TURNED: 22.5, HUE: 90.0}


def draw(tree: xr.DataTree) -> dict[str, Figure]:
    """The causal test; preference along training; on what the effect depends; hue-shifted networks."""
    orientation, hue = tree.children["orientation"], tree.children.get("hue")
    figures = {
        "trained": draw_rotated(orientation),
        "trained_when": when_draw.draw(orientation),
    }
    if along := [setup for setup in trained_alike(orientation) if recorded(orientation, setup)]:
        figures["trained_along"] = draw_along(orientation, along)
    if hue is not None and (shifted := setups(hue, HUE)):
        figures["trained_hue"] = draw_hue(hue, shifted)
    return figures


def draw_rotated(part: xr.DataTree) -> Figure:
    """(a) The causal test of every network; below, a row a network: curves, their difference, and the shift that aligns them."""
    alike = trained_alike(part)
    figure = new_figure(7.2, 1.1 + 2.2 * len(alike))
    parts: Any = figure.subfigures(2, 1, height_ratios=[0.8 + 0.25 * len(alike), 1.9 * len(alike)])
    test = parts[0].subplots()
    when_draw.draw_ratios(part, alike, AROUND, test)
    test.set(
        ylim=(len(alike) - 0.4, -1.1), xlabel="√J cardinal / oblique, trained upright over trained on rotated images"
    )
    for x, text in ((2.2, "follows the images →"), (1 / 2.2, "← does the opposite")):
        test.text(x, -1, text, ha="center", va="top", color="0.4", fontsize=7)
    test.set_title("Do late layers come to prefer what is frequent in the images? A dot: a pair of trainings")
    grid = parts[1].subplots(len(alike), 4, squeeze=False, width_ratios=[1, 1, 1, 1.1])
    for row, setup in zip(grid, alike, strict=True):
        draw_pair(part, setup, ROTATED, row)
        row[0].set(title=f"{setup.short}\nupright{_accuracy(part, setup, UPRIGHT)}", ylabel="relative sensitivity")
        row[1].set_title(f"rotated by 45°{_accuracy(part, setup, ROTATED)}\ngreen: images")
        draw_shifts(part, setup, (ROTATED, TURNED), row[3])
    curves_figure.depth_bar(grid[0][2], *[r[2] for r in grid[1:]])
    letters([test, *grid[0]])
    return figure


def draw_hue(part: xr.DataTree, shifted: Sequence[Setup]) -> Figure:
    """The same of hue curves after upright and hue-shifted training, a row a network."""
    figure = new_figure(7.2, 2.3 * len(shifted))
    grid = figure.subplots(len(shifted), 4, squeeze=False, width_ratios=[1, 1, 1, 1.1])
    for row, setup in zip(grid, shifted, strict=True):
        draw_pair(part, setup, HUE, row)
        row[0].set(title=f"{setup.label}\nupright", ylabel="relative sensitivity\n(green: hues of the images)")
        row[0].set_ylim(bottom=0)
        row[1].set_title("images\nhue + 90°")
        draw_shifts(part, setup, (HUE,), row[3])
    curves_figure.depth_bar(*grid[:, 2])
    letters(grid[0])
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
    row[2].set_title(f"{manipulated} − upright\n{pairs} pair{'s' if pairs > 1 else ''}")


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
            text = axes.text(
                0.98, place, f"{condition}°", ha="right", color=colour, fontsize=7, transform=axes.transAxes
            )
            text.set_bbox({"color": "white", "alpha": 0.8, "pad": 0.3})
        reference(axes, y=expected, color=colour, ls=":", lw=1)
    axes.set(ylim=(-0.35 * period, 0.75 * period), yticks=np.arange(-0.25, 0.76, 0.25) * period)
    axes.set(xlabel="depth", ylabel="shift (degree)", title="shift that aligns\n(dotted: expected)")


def draw_along(part: xr.DataTree, alike: Sequence[Setup]) -> Figure:
    """A row a network: preference for cardinal over oblique, layers × epochs, after upright and rotated training."""
    figure = new_figure(7.2, 2.1 * len(alike) + 0.4)
    grid = figure.subplots(len(alike), 2, squeeze=False)
    for row, setup in zip(grid, alike, strict=True):
        for axes, condition in zip(row, (UPRIGHT, ROTATED), strict=True):
            recordings = [one.fisher_information_recorded for one in curves(part, setup, condition).values()]
            logs = [np.log2(preference(even(one, "orientation", "layer", "epoch"))) for one in recordings]
            look: Any = {"aspect": "auto", "origin": "lower", "interpolation": "nearest"} | curves_figure.RATIOS
            image = axes.imshow(np.mean(logs, 0), **look)
            axes.set(xlabel="epoch", title=f"{setup.short}, {condition}", yticks=[])
        layers = recordings[0].layer.values.tolist()
        row[0].set_yticks(np.arange(len(layers)), layers, fontsize=6 if len(layers) < 12 else 5)
    curves_figure.ratio_bar(image, "√J cardinal / oblique", grid)
    return figure


def _accuracy(part: xr.DataTree, setup: Setup, condition: str) -> str:
    """Of the networks trained so, in validation."""
    accuracies = [
        float(one.validation_accuracy[-1])
        for one in trainings(part)
        if setup_of(one) == setup and one.condition == condition and "validation_accuracy" in one
    ]
    return f", {np.mean(accuracies):.0%}" if accuracies else ""

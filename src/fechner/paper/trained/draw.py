"""Drawing networks trained on manipulated images, from the saved Dataset alone."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from fechner import circular, results
from fechner.paper.trained import when_draw as trained_when_draw
from fechner.paper.trained.compute import (
    HUE,
    ROTATED,
    TURNED,
    UPRIGHT,
    compared,
    curves,
    density,
    of_hue,
    preference,
    short,
    trained_alike,
)
from fechner.plot import curves as curves_figure
from fechner.plot import density as density_figure
from fechner.plot.style import letter, new_figure, style

CONDITIONS = {UPRIGHT: "#0072B2", ROTATED: "#D55E00", TURNED: "#CC79A7", HUE: "#D55E00"}
EXPECTED = {ROTATED: 45.0, TURNED: 22.5, HUE: 90.0}


def draw(dataset: xr.Dataset) -> dict[str, Figure]:
    """Rotated networks; the same along training and spatial frequency; when the effect is there; hue-shifted networks."""
    found = {
        "trained": draw_rotated(dataset),
        "trained_along": draw_along(dataset),
        "trained_when": trained_when_draw.draw(dataset),
    }
    hue = of_hue(dataset)
    if hue is not None and compared(hue, str(hue.network.values[0]), HUE) is not None:
        found["trained_hue"] = draw_hue(dataset, hue)
    return found


def draw_rotated(dataset: xr.Dataset) -> Figure:
    """A row a network: curves after upright and rotated training, their difference, and the shift that aligns them."""
    shown = trained_alike(dataset)
    with style():
        figure = new_figure(7.2, 2.0 * len(shown) + 0.3)
        grid = figure.subplots(len(shown), 4, squeeze=False, width_ratios=[1, 1, 1, 1.1])
        for row, network in zip(grid, shown, strict=True):
            found = compared(dataset, network, ROTATED)
            assert found is not None
            for axes, state, turned in ((row[0], "upright", 0.0), (row[1], "manipulated", EXPECTED[ROTATED])):
                prior = density(dataset, "orientation", turned)
                if prior is not None:
                    density_figure.backdrop(prior, axes)
                curves_figure.draw_layers(found.relative_sensitivity.sel(state=state), axes)
                axes.axhline(1, color="0.6", lw=0.6, zorder=1)
                condition = ROTATED if turned else UPRIGHT
                correct = _accuracy(dataset, network, condition)
                axes.set_title(
                    f"rotated by 45°{correct}\ngreen: images" if turned else f"{short(network)}\nupright{correct}"
                )
            row[0].set_ylabel("relative sensitivity")
            _share_height(row[0], row[1])
            curves_figure.draw_difference(found, row[2])
            row[2].set_title(f"rotated − upright\n{_pairs(found)}")
            draw_shifts(dataset, network, (ROTATED, TURNED), row[3])
        curves_figure.depth_bar(grid[0][2], *[r[2] for r in grid[1:]])
        for axes, name in zip(grid[0], "abcd", strict=True):
            letter(axes, name)
    return figure


def _share_height(one: Axes, other: Axes) -> None:
    """Both panels as high as the higher one needs."""
    limits = np.array([one.get_ylim(), other.get_ylim()])
    other.sharey(one)
    one.set_ylim(limits[:, 0].min(), limits[:, 1].max())
    other.tick_params(labelleft=False)


def draw_shifts(dataset: xr.Dataset, network: str, conditions: tuple[str, ...], axes: Axes) -> None:
    """The shift that aligns each layer's curve with that of upright training, and what the manipulation would give."""
    highest = 0.0
    for condition in conditions:
        found = compared(dataset, network, condition)
        if found is None:
            continue
        period = circular.circle_of(found[results.along(found)])
        depth = np.linspace(0, 1, found.sizes["layer"])
        shift = found["shift"].values
        # A shift of −45° and one of 135° are the same: draw the one next to what is expected.
        turn = np.round((EXPECTED[condition] - shift) / period) * period
        colour = CONDITIONS[condition]
        error = np.abs(np.stack([shift - found.shift_low.values, found.shift_high.values - shift]))
        axes.errorbar(depth, shift + turn, error, fmt="o", ms=3, lw=0.8, color=colour)
        # A legend's markers would pass for layers.
        if len(conditions) > 1:
            low = 0.02 + 0.1 * conditions.index(condition)
            axes.text(0.98, low, f"{condition}°", ha="right", color=colour, fontsize=7, transform=axes.transAxes)
        axes.axhline(EXPECTED[condition], color=colour, ls=":", lw=1, zorder=1)
        highest = max(highest, period)
    axes.set_ylim(-0.35 * highest, 0.75 * highest)
    axes.set_yticks(np.arange(-0.25, 0.76, 0.25) * highest)
    axes.set_xlabel("depth")
    axes.set_ylabel("shift (degree)")
    axes.set_title("shift that aligns\n(dotted: expected)")


def draw_along(dataset: xr.Dataset) -> Figure:
    """A row a network: preference for cardinal over oblique, layers × epochs and layers × spatial frequency."""
    shown = trained_alike(dataset)
    with style():
        figure = new_figure(7.2, 2.1 * len(shown) + 0.4)
        grid = figure.subplots(len(shown), 4, squeeze=False, width_ratios=[1.5, 1.5, 1, 1])
        for row, network in zip(grid, shown, strict=True):
            for i, (condition, title) in enumerate(((UPRIGHT, UPRIGHT), (ROTATED, "rotated by 45°"))):
                mine = curves(dataset, network, condition)
                recorded = np.mean(
                    [preference(c.fisher_information_recorded).mean("spatial_frequency") for c in mine], 0
                )
                final = np.mean([preference(c.fisher_information_samples.mean("phase")) for c in mine], 0)
                layers, epochs = mine[0].layer.values, mine[0].epoch.values
                _image(row[i], recorded.T, epochs, layers if i == 0 else None)
                row[i].set_xlabel("epoch")
                row[i].set_title(f"{short(network)}, {title}" if i == 0 else title)
                drawn = _image(row[2 + i], final, mine[0].spatial_frequency.values, None)
                row[2 + i].set_xlabel("frequency (c/deg)")
                row[2 + i].set_title(title)
        curves_figure.ratio_bar(drawn, "√J cardinal / oblique", grid)
        letter(grid[0][0], "a")
        letter(grid[0][2], "b")
    return figure


def _image(axes: Axes, values: np.ndarray, x: np.ndarray, layers: np.ndarray | None) -> AxesImage:
    drawn = axes.imshow(values, aspect="auto", origin="lower", interpolation="nearest", **curves_figure.RATIOS)
    every = max(1, len(x) // 6)
    axes.set_xticks(np.arange(len(x))[::every], [f"{v:g}" for v in x[::every]])
    if layers is None:
        axes.set_yticks([])
    else:
        axes.set_yticks(np.arange(len(layers)), layers.tolist(), fontsize=6 if len(layers) < 12 else 5)
    return drawn


def draw_hue(dataset: xr.Dataset, hue: xr.Dataset) -> Figure:
    """Hue curves after upright and hue-shifted training, their difference, and the shift that aligns them."""
    network = str(hue.network.values[0])
    found = compared(hue, network, HUE)
    assert found is not None
    with style():
        figure = new_figure(7.2, 2.3)
        row: Any = figure.subplots(1, 4, width_ratios=[1, 1, 1, 1.1])
        for axes, state, title, turned in (
            (row[0], "upright", UPRIGHT, 0.0),
            (row[1], "manipulated", "hue + 90°", EXPECTED[HUE]),
        ):
            prior = density(dataset, "hue", turned)
            if prior is not None:
                density_figure.backdrop(prior, axes)
            curves_figure.draw_layers(found.relative_sensitivity.sel(state=state), axes)
            axes.set_title(f"{network if not turned else 'images'}\n{title}")
        row[0].set_ylabel("relative sensitivity\n(green: hues of the images)")
        _share_height(row[0], row[1])
        row[0].set_ylim(bottom=0)
        curves_figure.draw_difference(found, row[2])
        row[2].set_title(f"shifted − upright\n{_pairs(found)}")
        draw_shifts(hue, network, (HUE,), row[3])
        curves_figure.depth_bar(row[2])
        for axes, name in zip(row, "abcd", strict=True):
            letter(axes, name)
    return figure


def _pairs(found: xr.Dataset) -> str:
    count = int(found.attrs["pairs"])
    return f"{count} seed{'s' if count > 1 else ''}"


def _accuracy(dataset: xr.Dataset, network: str, condition: str) -> str:
    """Of the networks trained so, in validation."""
    runs = json.loads(dataset.attrs["trainings"]).values()
    reached = [r["accuracy"] for r in runs if (r["label"], r["condition"]) == (network, condition) and r["accuracy"]]
    return f", {np.mean(reached):.0%}" if reached else ""

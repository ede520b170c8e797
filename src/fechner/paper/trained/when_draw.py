"""Drawing when sensitivity follows what training images contain, from the saved Dataset alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fechner import circular
from fechner.paper.trained.compute import base, networks, short, trained_alike
from fechner.paper.trained.files import UNMIRRORED
from fechner.paper.trained.when import effects, moved_along, upright_and_rotated
from fechner.plot import curves
from fechner.plot.style import letter, new_figure, style

# Okabe & Ito's colours, one an architecture.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "0.2")
_AROUND, _BESIDE = "0.5", "#0072B2"
# Variants of a network share its colour.
_LINES = ("-", "--", ":", "-.")
_MOVED = "preference moved (octaves)"


def draw(dataset: xr.Dataset) -> Figure:
    """(a, b) Late curves with and without mirroring; (c) effect of each network; (d to f) along what it depends."""
    with style():
        figure = new_figure(7.2, 4.8)
        grid: Any = figure.subplots(2, 3)
        without = [n for n in networks(dataset) if n.endswith(UNMIRRORED)]
        shown = without[0].removesuffix(UNMIRRORED) if without else trained_alike(dataset)[0]
        draw_mirroring(dataset, shown, grid[0, 0], grid[0, 1])
        draw_effects(dataset, grid[0, 2])
        for axes, (dimension, title) in zip(
            grid[1],
            (("layer", "depth"), ("spatial_frequency", "spatial frequency (c/deg)"), ("epoch", "epoch of training")),
            strict=True,
        ):
            draw_along(dataset, dimension, axes)
            axes.set_xlabel(title)
        grid[1, 0].set_ylabel(_MOVED)
        handles, labels = grid[1, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, handlelength=1.5)
        for axes, name in zip(grid.ravel(), "abcdef", strict=True):
            letter(axes, name)
    return figure


def draw_mirroring(dataset: xr.Dataset, network: str, upright: Axes, rotated: Axes) -> None:
    """Late curves of a network trained with and without mirrored images; dotted: the axes of mirroring."""
    orientation = dataset.orientation.values
    for name, colour, told in ((network, "#D55E00", "mirrored"), (network + UNMIRRORED, "0.2", "not mirrored")):
        if name not in networks(dataset):
            continue
        for axes, curve in zip((upright, rotated), upright_and_rotated(dataset, name), strict=True):
            axes.plot(*circular.around(orientation, curve, 180.0), color=colour, label=told)
    for axes, title, turned in ((upright, "upright", 0.0), (rotated, "rotated by 45°", 45.0)):
        curves.circular_ticks(axes, 180.0)
        axes.set_title(f"{short(network)}, {title}")
        axes.set_xlabel("orientation (degree)")
        axes.axhline(1, color="0.8", lw=0.6, zorder=1)
        for x in np.arange(turned, 181, 90):
            axes.axvline(x, color="0.5", ls=":", lw=1, zorder=1)
    rotated.sharey(upright)
    rotated.tick_params(labelleft=False)
    upright.set_ylim(0, 1.25 * upright.get_ylim()[1])
    upright.set_ylabel("√J / mean √J, late layers")
    upright.legend(loc="upper center", handlelength=1, ncols=2, columnspacing=1, borderpad=0)


def draw_effects(dataset: xr.Dataset, axes: Axes) -> None:
    """By how much rotation moves the preference of late layers, at the axes of mirroring and beside them."""
    names = networks(dataset)[::-1]
    for i, name in enumerate(names):
        found = effects(dataset, name)
        for at, key, marker, colour in ((i + 0.15, "around", "o", _AROUND), (i - 0.15, "beside", "s", _BESIDE)):
            mean, low, high = found[key]
            axes.errorbar(mean, at, xerr=[[mean - low], [high - mean]], fmt=marker, ms=3.5, lw=1, color=colour)
    axes.axvline(0, color="0.6", lw=0.8, zorder=1)
    # Variants follow their network, and are named by what they change.
    told = [short(n) if n == base(n) or base(n) not in names else "… " + n.partition(", ")[2] for n in names]
    axes.set_yticks(range(len(names)), told, fontsize=6)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel(_MOVED)
    axes.set_title("7.5° to 20° beside them", color=_BESIDE)
    axes.text(0.5, 1.14, "within 7.5° of the axes", color=_AROUND, ha="center", transform=axes.transAxes)


def draw_along(dataset: xr.Dataset, dimension: str, axes: Axes) -> None:
    """The effect beside the axes of mirroring along depth, spatial frequency or epochs, one line a network."""
    names = networks(dataset)
    colours = dict(zip(dict.fromkeys(map(base, names)), _COLOURS, strict=False))
    variants = {n: [m for m in names if base(m) == base(n)].index(n) for n in names}
    for name in names:
        x, y = moved_along(dataset, name, dimension)
        line, marker = _LINES[variants[name] % len(_LINES)], "" if dimension == "epoch" else "o"
        axes.plot(x, y, ls=line, marker=marker, ms=2.5, color=colours[base(name)], label=short(name))
    axes.axhline(0, color="0.6", lw=0.8, zorder=1)

"""Drawing when sensitivity follows what training images contain, from the saved Dataset alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fechner import circular
from fechner.paper.trained.effect import AROUND, BESIDE, Band, by_pair, geometric, moved_along
from fechner.paper.trained.files import Setup
from fechner.paper.trained.pairs import ROTATED, late, pairs, recorded, setups, trained_alike
from fechner.plot import curves as curves_figure
from fechner.plot.panel import letters, reference
from fechner.plot.style import PRIOR, new_figure

# Okabe & Ito's colours, one an architecture.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "0.2")
_BESIDE = "#0072B2"
# Variants of a network share its colour.
_LINES = ("-", "--", ":", "-.")
# Ratios are drawn up to this one, and down to its reciprocal.
_MOST = 11.0


def draw(part: xr.DataTree) -> Figure:
    """(a, b) Late curves with and without mirroring; (c) effect at its axes and beside; (d to f) along what it depends on."""
    figure = new_figure(7.2, 4.8)
    grid: Any = figure.subplots(2, 3)
    known = setups(part)
    unmirrored = [setup for setup in known if not setup.mirrored]
    draw_mirroring(part, unmirrored[0]._replace(mirrored=True) if unmirrored else trained_alike(part)[0], *grid[0, :2])
    for band, at, colour in ((AROUND, -0.15, "0.5"), (BESIDE, 0.15, _BESIDE)):
        draw_ratios(part, known, band, grid[0, 2], at, colour)
    # Variants follow their network, and are named by what they change.
    labels = [f"… {s.variant}" if s.variant and Setup(s.network) in known else s.short for s in known]
    grid[0, 2].set_yticks(range(len(known)), labels, fontsize=6)
    grid[0, 2].set_title("7.5° to 20° beside them", color=_BESIDE)
    grid[0, 2].text(0.5, 1.14, "within 7.5° of the axes", color="0.5", ha="center", transform=grid[0, 2].transAxes)
    dimensions = {"layer": "depth", "spatial_frequency": "spatial frequency (c/deg)", "epoch": "epoch of training"}
    for axes, (dimension, label) in zip(grid[1], dimensions.items(), strict=True):
        draw_along(part, dimension, axes)
        axes.set_xlabel(label)
    grid[1, 0].set_ylabel("ratio of ratios beside them")
    figure.legend(*grid[1, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4, handlelength=1.5)
    letters(grid.flat)
    return figure


def draw_ratios(
    part: xr.DataTree, chosen: Sequence[Setup], band: Band, axes: Axes, at: float = 0.0, colour: str = _BESIDE
) -> None:
    """A line a setup: the ratio of ratios of each pair of trainings (dots), their geometric mean and its interval."""
    for i, setup in enumerate(chosen):
        ratios = by_pair(part, setup, band)
        mean = geometric(ratios)
        axes.plot([mean.low, mean.high], [i + at, i + at], color=colour, lw=1.2)
        axes.plot(mean.value, i + at, "|", ms=11, mew=2, color=colour)
        axes.plot(ratios, np.full(len(ratios), i + at), "o", ms=4.5, mfc="white", color=colour)
    axes.set_xscale("log", base=2)
    axes.axvspan(1, _MOST, color=PRIOR, alpha=0.08, lw=0)
    reference(axes, x=1, color="0.3")
    ticks = [1 / 4, 1 / 2, 1, 2, 4, 8]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    # Intervals of two pairs go on beyond.
    axes.set(xlim=(1 / _MOST, _MOST), ylim=(len(chosen) - 0.4, -0.6), xlabel="ratio of ratios")
    axes.set_yticks(range(len(chosen)), [setup.short for setup in chosen])


def draw_mirroring(part: xr.DataTree, setup: Setup, upright: Axes, rotated: Axes) -> None:
    """Late curves of a network trained with and without mirrored images; dotted: the axes of mirroring."""
    known = setups(part)
    for one, colour, label in (
        (setup, "#D55E00", "mirrored"),
        (setup._replace(mirrored=False), "0.2", "not mirrored"),
    ):
        if one in known:
            for axes, trained in zip((rotated, upright), pairs(part, one, ROTATED), strict=True):
                root = xr.concat([late(curves) for curves in trained], "pair") ** 0.5
                relative = (root / root.mean("orientation")).mean("pair")
                axes.plot(*circular.around(root.orientation, relative, 180.0), color=colour, label=label)
    for axes, title, turned in ((upright, "upright", 0.0), (rotated, "rotated by 45°", 45.0)):
        curves_figure.circular_ticks(axes, 180.0)
        axes.set(title=f"{setup.short}, {title}", xlabel="orientation (degree)")
        reference(axes, y=1)
        reference(axes, x=np.arange(turned, 181, 90), ls=":", color="0.5")
    rotated.sharey(upright)
    rotated.tick_params(labelleft=False)
    upright.set(ylim=(0, 1.25 * upright.get_ylim()[1]), ylabel="√J / mean √J, late layers")
    upright.legend(loc="upper center", handlelength=1, ncols=2, columnspacing=1, borderpad=0)


def draw_along(part: xr.DataTree, dimension: str, axes: Axes) -> None:
    """The effect beside the axes of mirroring along depth, spatial frequency or epochs, one line a network."""
    known = setups(part)
    colours = dict(zip(dict.fromkeys(setup.network for setup in known), _COLOURS, strict=False))
    for setup in known:
        if dimension == "epoch" and not recorded(part, setup):
            continue
        variants = [other for other in known if other.network == setup.network]
        ratio = moved_along(part, setup, dimension)
        x = np.linspace(0, 1, len(ratio)) if dimension == "layer" else ratio[dimension]
        look: Any = {"color": colours[setup.network], "ls": _LINES[variants.index(setup) % len(_LINES)]}
        axes.plot(x, ratio, marker="" if dimension == "epoch" else "o", ms=2.5, label=setup.short, **look)
    axes.set_yscale("log", base=2)
    ticks = [0.5, 1, 2, 4]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    reference(axes, y=1)

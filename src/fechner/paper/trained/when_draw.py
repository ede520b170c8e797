"""Drawing when sensitivity follows what training images contain, from the saved Dataset alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fechner import circular
from fechner.paper.trained.files import Setup
from fechner.paper.trained.pairs import ROTATED, pairs, recorded, setups, trained_alike
from fechner.paper.trained.when import effects, moved_along, upright_and_rotated
from fechner.plot import curves
from fechner.plot.panel import letters, reference
from fechner.plot.style import new_figure

# Okabe & Ito's colours, one an architecture.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "0.2")
_AROUND, _BESIDE = "0.5", "#0072B2"
# Variants of a network share its colour.
_LINES = ("-", "--", ":", "-.")
_MOVED = "preference moved (octaves)"


def draw(part: xr.DataTree) -> Figure:
    """(a, b) Late curves with and without mirroring; (c) effect of each network; (d to f) along what it depends."""
    figure = new_figure(7.2, 4.8)
    grid: Any = figure.subplots(2, 3)
    unmirrored = [setup for setup in setups(part) if not setup.mirrored]
    draw_mirroring(part, unmirrored[0]._replace(mirrored=True) if unmirrored else trained_alike(part)[0], *grid[0, :2])
    draw_effects(part, grid[0, 2])
    labels = {"layer": "depth", "spatial_frequency": "spatial frequency (c/deg)", "epoch": "epoch of training"}
    for axes, (dimension, label) in zip(grid[1], labels.items(), strict=True):
        draw_along(part, dimension, axes)
        axes.set_xlabel(label)
    grid[1, 0].set_ylabel(_MOVED)
    figure.legend(*grid[1, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4, handlelength=1.5)
    letters(grid.flat)
    return figure


def draw_mirroring(part: xr.DataTree, setup: Setup, upright: Axes, rotated: Axes) -> None:
    """Late curves of a network trained with and without mirrored images; dotted: the axes of mirroring."""
    known = setups(part)
    for one, colour, label in (
        (setup, "#D55E00", "mirrored"),
        (setup._replace(mirrored=False), "0.2", "not mirrored"),
    ):
        if one in known:
            orientation, late = upright_and_rotated(part, one)
            for axes, curve in zip((upright, rotated), late, strict=True):
                axes.plot(*circular.around(orientation, curve, 180.0), color=colour, label=label)
    for axes, title, turned in ((upright, "upright", 0.0), (rotated, "rotated by 45°", 45.0)):
        curves.circular_ticks(axes, 180.0)
        axes.set(title=f"{setup.short}, {title}", xlabel="orientation (degree)")
        reference(axes, y=1)
        reference(axes, x=np.arange(turned, 181, 90), ls=":", color="0.5")
    rotated.sharey(upright)
    rotated.tick_params(labelleft=False)
    upright.set(ylim=(0, 1.25 * upright.get_ylim()[1]), ylabel="√J / mean √J, late layers")
    upright.legend(loc="upper center", handlelength=1, ncols=2, columnspacing=1, borderpad=0)


def draw_effects(part: xr.DataTree, axes: Axes) -> None:
    """By how much rotation moves the preference of late layers, at the axes of mirroring and beside them."""
    known = setups(part)[::-1]
    for i, setup in enumerate(known):
        measured = effects(part, setup)
        for at, name, marker, colour in ((i + 0.15, "around", "o", _AROUND), (i - 0.15, "beside", "s", _BESIDE)):
            effect = measured[name]
            error = [[effect.value - effect.low], [effect.high - effect.value]]
            axes.errorbar(effect.value, at, xerr=error, fmt=marker, ms=3.5, lw=1, color=colour)
    reference(axes, x=0)
    # Variants follow their network, and are named by what they change.
    labels = [f"… {s.variant}" if s.variant and Setup(s.network) in known else s.short for s in known]
    axes.set_yticks(range(len(known)), labels, fontsize=6)
    axes.set(ylim=(-0.6, len(known) - 0.4), xlabel=_MOVED)
    axes.set_title("7.5° to 20° beside them", color=_BESIDE)
    axes.text(0.5, 1.14, "within 7.5° of the axes", color=_AROUND, ha="center", transform=axes.transAxes)


def draw_along(part: xr.DataTree, dimension: str, axes: Axes) -> None:
    """The effect beside the axes of mirroring along depth, spatial frequency or epochs, one line a network."""
    known = setups(part)
    colours = dict(zip(dict.fromkeys(setup.network for setup in known), _COLOURS, strict=False))
    for setup in known:
        if dimension == "epoch" and not recorded([one for seeds in pairs(part, setup, ROTATED) for one in seeds]):
            continue
        variants = [other for other in known if other.network == setup.network]
        line = _LINES[variants.index(setup) % len(_LINES)]
        marker = "" if dimension == "epoch" else "o"
        axes.plot(
            *moved_along(part, setup, dimension),
            ls=line,
            marker=marker,
            ms=2.5,
            color=colours[setup.network],
            label=setup.short,
        )
    reference(axes, y=0)

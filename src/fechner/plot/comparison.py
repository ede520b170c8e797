"""Curves over the density, and how far every layer follows it: the figure of any result of `fechner.compare`."""

from __future__ import annotations

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fechner import circular, results
from fechner.plot import curves
from fechner.plot.style import HUMAN, PRIOR, new_figure, style


def draw(found: xr.Dataset) -> Figure:
    """Four panels: curves over the first reference; correlation, exponent and ratio of every layer."""
    with style():
        figure = new_figure(7.2, 2.4)
        first, *rest = figure.subplots(1, 4, width_ratios=[1.5, 1, 1, 1])
        draw_curves(found, first)
        for axes, (name, label) in zip(
            rest,
            (
                ("correlation", "correlation with √J"),
                ("exponent", "exponent q of J ∝ p$^q$"),
                ("ratio", str(found.ratio.attrs.get("long_name", "ratio"))),
            ),
            strict=True,
        ):
            draw_measure(found, axes, name, label)
        rest[0].axhline(0, color="0.8", lw=0.6, zorder=0)
        rest[0].legend(loc="lower left", bbox_to_anchor=(0, 1), handlelength=1, borderpad=0)
        for value, label in ((2.0, "infomax"), (0.5, "discrimax")):
            rest[1].axhline(value, color="0.5", lw=0.6, ls=":", zorder=0)
            rest[1].annotate(label, (1, value), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=6)
        rest[1].axhline(0, color="0.8", lw=0.6, zorder=0)
        rest[2].axhline(1, color="0.8", lw=0.6, zorder=0)
    return figure


def draw_curves(found: xr.Dataset, axes: Axes) -> None:
    """Relative sensitivity of every layer, over the first reference, divided by its mean."""
    along = results.along(found)
    x, y = found[along].values, found.reference_curve[0].values
    period = circular.period_of(found[along])
    if period is not None:
        x, y = circular.around(x, y, period)
    else:
        axes.set_xscale("log")
    axes.fill_between(x, 0, y, color=PRIOR, alpha=0.2, lw=0, zorder=0)
    axes.plot(x, y, color=PRIOR, lw=0.8, zorder=1)
    curves.draw(found, axes)
    axes.set_ylabel("√J, and density (green), / mean")
    axes.set_title(", ".join(str(found.attrs[n]) for n in ("network", "weights") if found.attrs.get(n)))


def draw_measure(found: xr.Dataset, axes: Axes, name: str, label: str) -> None:
    """One measure of every layer against its depth, with intervals; colour says against which reference."""
    names = [str(r) for r in found.reference.values]
    shown = names if name == "correlation" else names[:1]
    for reference, colour in zip(shown, (PRIOR, HUMAN, "0.4"), strict=False):
        one = found.sel(reference=reference)
        layers = one.isel(layer=~results.pixels(one))
        low, value, high = (layers[n].values for n in (f"{name}_low", name, f"{name}_high"))
        axes.fill_between(layers.depth, low, high, color=colour, alpha=0.2, lw=0)
        axes.plot(layers.depth, value, "o-", ms=2.5, lw=0.8, color=colour, label=reference)
        pixels = one.isel(layer=results.pixels(one))
        axes.plot(pixels.depth, pixels[name], "s", ms=3.5, mfc="none", color=colour)
    axes.set_xlabel("depth (□ pixels)")
    axes.set_ylabel(label)

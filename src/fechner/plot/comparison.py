"""Curves over the density, and how far every layer follows it: the figure of any result of `fechner.compare`."""

from __future__ import annotations

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fechner import circular, results
from fechner.plot import curves
from fechner.plot.panel import reference, title_of
from fechner.plot.style import HUMAN, PRIOR, new_figure, style


def draw(compared: xr.Dataset) -> Figure:
    """Four panels: curves over the first reference; correlation, exponent and ratio of every layer."""
    with style():
        figure = new_figure(7.2, 2.4)
        first, correlation, exponent, ratio = figure.subplots(1, 4, width_ratios=[1.5, 1, 1, 1])
        draw_curves(compared, first)
        draw_measure(compared, correlation, "correlation", "correlation with √J")
        draw_measure(compared, exponent, "exponent", "exponent q of J ∝ p$^q$")
        draw_measure(compared, ratio, "ratio", str(compared.ratio.attrs.get("long_name", "ratio")))
        correlation.legend(loc="lower left", bbox_to_anchor=(0, 1), handlelength=1, borderpad=0)
        for value, label in ((2.0, "infomax"), (0.5, "discrimax")):
            reference(exponent, y=value, color="0.5", ls=":")
            exponent.annotate(
                label, (1, value), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=6
            )
        for axes, value in ((correlation, 0), (exponent, 0), (ratio, 1)):
            reference(axes, y=value)
    return figure


def draw_curves(compared: xr.Dataset, axes: Axes) -> None:
    """Relative sensitivity of every layer, over the first reference, divided by its mean."""
    coordinate = compared[results.along(compared)]
    x, y = coordinate.values, compared.reference_curve[0].values
    period = circular.period_of(coordinate)
    if period is not None:
        x, y = circular.around(x, y, period)
    else:
        axes.set_xscale("log")
    axes.fill_between(x, 0, y, color=PRIOR, alpha=0.2, lw=0, zorder=0)
    axes.plot(x, y, color=PRIOR, lw=0.8, zorder=1)
    curves.draw(compared, axes)
    axes.set(ylabel="√J, and density (green), / mean", title=title_of(compared))


def draw_measure(compared: xr.Dataset, axes: Axes, name: str, label: str) -> None:
    """One measure of every layer against its depth, with intervals; colour says against which reference."""
    references = [str(r) for r in compared.reference.values]
    pixels = results.pixels(compared)
    for reference_name, colour in zip(
        references if name == "correlation" else references[:1], (PRIOR, HUMAN, "0.4"), strict=False
    ):
        one = compared.sel(reference=reference_name)
        layers = one.isel(layer=~pixels)
        axes.fill_between(layers.depth, layers[f"{name}_low"], layers[f"{name}_high"], color=colour, alpha=0.2, lw=0)
        axes.plot(layers.depth, layers[name], "o-", ms=2.5, lw=0.8, color=colour, label=reference_name)
        input_layer = one.isel(layer=pixels)
        axes.plot(input_layer.depth, input_layer[name], "s", ms=3.5, mfc="none", color=colour)
    axes.set(xlabel="depth (□ pixels)", ylabel=label)

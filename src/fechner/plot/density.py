"""The density of a feature in photographs, with its interval: the figure of any result of `image_statistics`."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from fechner import circular, results
from fechner.interval import jackknife_t
from fechner.plot.curves import circular_ticks
from fechner.plot.panel import axis_label, reference
from fechner.plot.style import HUMAN, PRIOR

CURVES = ("density", "density_low", "density_high")


def coarse(dataset: xr.Dataset, values: int) -> xr.Dataset:
    """The same density in fewer bins, for drawing."""
    along = results.along(dataset)
    period = circular.circle_of(dataset[along])
    grid = circular.grid(values, period)
    density = circular.rebin(dataset.density.values, grid, period)
    low, high = jackknife_t(density, circular.rebin(dataset.density_jackknife.values, grid, period), scale="density")
    curves = {name: (along, curve) for name, curve in zip(CURVES, (density, low, high), strict=True)}
    return xr.Dataset(curves, {along: (along, grid, dataset[along].attrs)}, dataset.attrs)


def draw(dataset: xr.Dataset, axes: Axes) -> None:
    """Density relative to uniform on a circle; the power spectrum, on logarithmic axes, for spatial frequency."""
    if "power" in dataset:
        _draw_power(dataset, axes)
        return
    coordinate = dataset[results.along(dataset)]
    period = circular.circle_of(coordinate)
    area(dataset, axes)
    x, y = circular.around(coordinate.values, dataset.density.values * period, period)
    axes.plot(x, y, color=PRIOR, lw=0.8, zorder=1)
    reference(axes, y=1)
    circular_ticks(axes, period)
    axes.set(xlabel=axis_label(coordinate), ylabel="density (× uniform)")
    axes.set_ylim(bottom=0)


def _draw_power(dataset: xr.Dataset, axes: Axes) -> None:
    coordinate = dataset[results.along(dataset)]
    x, middle = coordinate.values, dataset.sizes[coordinate.name] // 2
    exponent, low, high = (float(dataset[n]) for n in ("exponent", "exponent_low", "exponent_high"))
    axes.loglog(x, dataset.power, color=PRIOR)
    axes.loglog(x, float(dataset.power[middle]) * (x / x[middle]) ** -exponent, color=HUMAN, ls="--", lw=0.8)
    ticks = [t for t in (1, 2, 5, 10, 20, 50, 100) if x[0] <= t <= x[-1]]
    axes.set_xticks(ticks, [str(t) for t in ticks])
    axes.set_xticks([], minor=True)
    axes.set(xlabel=axis_label(coordinate), ylabel=f"power ({dataset.power.attrs['units'].replace('^2', '²')})")
    label = f"∝ 1 / frequency$^{{{exponent:.2f}}}$" + (f" [{low:.2f}, {high:.2f}]" if np.isfinite(low) else "")
    axes.text(0.97, 0.95, label, transform=axes.transAxes, ha="right", va="top")


def area(dataset: xr.Dataset, axes: Axes) -> None:
    """A density on a circle as an area, relative to uniform, and its interval as a darker band."""
    along = results.along(dataset)
    period = circular.circle_of(dataset[along])
    curves = [dataset[n].values * period for n in CURVES]
    x, (y, low, high) = circular.around(dataset[along].values, curves, period)
    axes.fill_between(x, 0, y, color=PRIOR, alpha=0.15, lw=0, zorder=0)
    axes.fill_between(x, low, high, color=PRIOR, alpha=0.3, lw=0, zorder=0)


def backdrop(dataset: xr.Dataset, axes: Axes) -> None:
    """The same on a scale of its own, as high as the panel, behind what is drawn there."""
    behind, period = axes.twinx(), circular.circle_of(dataset[results.along(dataset)])
    area(dataset, behind)
    high = dataset.density_high
    # Where photographs bound no upper end, the density itself counts.
    behind.set_ylim(0, 1.05 * float(high.where(np.isfinite(high), dataset.density).max()) * period)
    behind.set_axis_off()
    axes.set_zorder(behind.get_zorder() + 1)
    axes.patch.set_visible(False)

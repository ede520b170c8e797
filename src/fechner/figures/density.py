"""The density of a feature in photographs, with its interval: the figure of any result of `image_statistics`."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from fechner import circular
from fechner.figures.style import HUMAN, PRIOR


def draw(dataset: xr.Dataset, axes: Axes) -> None:
    """Density relative to uniform on a circle; the power spectrum, on logarithmic axes, for spatial frequency."""
    along = str(dataset.attrs["along"])
    units = dataset[along].attrs["units"]
    axes.set_xlabel(f"{along.replace('_', ' ')} ({units})")
    if "power" in dataset:
        x = dataset[along].values
        axes.loglog(x, dataset.power, color=PRIOR)
        exponent = float(dataset.exponent)
        middle = len(x) // 2
        axes.loglog(x, float(dataset.power[middle]) * (x / x[middle]) ** -exponent, color=HUMAN, ls="--", lw=0.8)
        ticks = [t for t in (1, 2, 5, 10, 20, 50, 100) if x[0] <= t <= x[-1]]
        axes.set_xticks(ticks, [str(t) for t in ticks])
        axes.set_xticks([], minor=True)
        axes.set_ylabel(f"power ({dataset.power.attrs['units'].replace('^2', '²')})")
        low, high = float(dataset.exponent_low), float(dataset.exponent_high)
        axes.text(
            0.97,
            0.95,
            f"∝ 1 / frequency$^{{{exponent:.2f}}}$ [{low:.2f}, {high:.2f}]",
            transform=axes.transAxes,
            ha="right",
            va="top",
        )
        return
    period = circular.PERIODS[along]
    area(dataset, axes, period)
    axes.axhline(1, color="0.8", lw=0.6, zorder=0)
    axes.set_xlim(0, period)
    axes.set_xticks(np.linspace(0, period, 5 if along == "orientation" else 7))
    axes.set_ylim(bottom=0)
    axes.set_ylabel("density (× uniform)")


def area(dataset: xr.Dataset, axes: Axes, period: float, scale: float = 1.0) -> None:
    """The density as a filled curve with its interval, closed around the circle, times `scale`."""
    values = dataset[str(dataset.attrs["along"])].values
    x, drawn = circular.around(values, [dataset[n].values for n in ("density", "density_low", "density_high")], period)
    y, low, high = scale * period * drawn
    axes.fill_between(x, 0, y, color=PRIOR, alpha=0.15, lw=0, zorder=0)
    axes.fill_between(x, low, high, color=PRIOR, alpha=0.3, lw=0, zorder=0)
    axes.plot(x, y, color=PRIOR, lw=0.8, zorder=1)

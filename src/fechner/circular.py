"""Grids, distances and densities on circles: orientation (period 180°), hue and phase (360°).

A circular grid is half-open: [0, period) without its end, which is its beginning. The period comes with the coordinate of a
result, never from the name of a parameter. A density integrates to 1 over one period, in the units of the coordinate.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from fechner.errors import FechnerError

Array = npt.NDArray[np.float64]

# What 0 and the direction of a circular coordinate mean. Every result states it, and two results are compared only if they
# state the same.
BARS = "of the bars, 0 is horizontal, counter-clockwise as seen on screen"
HSV = "HSV hue of sRGB"
CIELCH = "CIELAB hue angle, D65, 2° observer"
_PERIODS = {BARS: 180.0, HSV: 360.0, CIELCH: 360.0}


def period_of(coordinate: xr.DataArray) -> float | None:
    """The period that a coordinate of a result states in its attributes; None for a parameter that is not circular.

    >>> period_of(xr.DataArray([0.0, 90.0], attrs={"units": "degree", "period": 180.0}))
    180.0

    Files that were written before coordinates had this attribute have the period of their convention.
    """
    period = coordinate.attrs.get("period", _PERIODS.get(str(coordinate.attrs.get("convention", ""))))
    return None if period is None else float(period)


def circle_of(coordinate: xr.DataArray) -> float:
    """The period of a coordinate that has to be circular; `FechnerError` if it has none.

    >>> circle_of(xr.DataArray([0.0, 180.0], attrs={"period": 360.0}))
    360.0
    """
    period = period_of(coordinate)
    if period is None:
        raise FechnerError(
            f"{coordinate.name} is not circular here: its coordinate has no attribute period; if it is, set that to a whole turn"
        )
    return period


def grid(n: int, period: float) -> Array:
    """`n` evenly spaced values on the half-open circle [0, period).

    >>> grid(4, 180.0)
    array([  0.,  45.,  90., 135.])
    """
    return np.arange(n, dtype=np.float64) * (period / n)


def distance(a: npt.ArrayLike, b: npt.ArrayLike, period: float) -> Array:
    """Shortest distance between two values on a circle, in [0, period/2].

    >>> float(distance(170.0, 10.0, 180.0))
    20.0
    """
    d = np.abs(np.asarray(a, dtype=float) - np.asarray(b, dtype=float)) % period
    return np.minimum(d, period - d)


def near(values: npt.ArrayLike, targets: npt.ArrayLike, period: float, within: float) -> npt.NDArray[np.bool_]:
    """Which values lie at most `within` from any of the targets, around the circle.

    >>> near([0.0, 45.0, 90.0, 135.0], [90.0], 180.0, 45.0)
    array([False,  True,  True,  True])
    """
    d = distance(np.asarray(values)[:, None], np.asarray(targets)[None, :], period)
    return np.asarray((d <= within + 1e-9).any(axis=1))


def around(values: npt.ArrayLike, curve: npt.ArrayLike, period: float) -> tuple[Array, Array]:
    """A curve with one more point at either end, so that a line through it reaches around the circle.

    >>> around([30.0, 90.0, 150.0], [1.0, 2.0, 3.0], 180.0)
    (array([-30.,  30.,  90., 150., 210.]), array([3., 1., 2., 3., 1.]))
    """
    values, curve = np.asarray(values, dtype=float), np.asarray(curve, dtype=float)
    longer = np.concatenate([values[-1:] - period, values, values[:1] + period])
    return longer, np.concatenate([curve[..., -1:], curve, curve[..., :1]], -1)


def normalize(weights: npt.ArrayLike, period: float) -> Array:
    """Densities from weights on an even grid of a circle (last axis); NaN where all weights are zero.

    >>> normalize([1.0, 3.0], 100.0)
    array([0.005, 0.015])
    """
    weights = np.asarray(weights, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return weights / weights.sum(-1, keepdims=True) * (weights.shape[-1] / period)


def rebin(density: npt.ArrayLike, values: npt.ArrayLike, period: float) -> Array:
    """A density on an even grid (last axis), averaged over the cells around other values on the same circle.

    >>> rebin(np.array([1.0, 3.0, 1.0, 3.0]), [0.0, 50.0], 100.0)
    array([2., 2.])

    The cell of a value reaches half-way to its neighbours, so that the integral over the circle stays what it was. Values
    must increase.
    """
    density, values = np.asarray(density, dtype=float), np.asarray(values, dtype=float)
    n = density.shape[-1]
    longer, _ = around(values, values, period)
    edges = (longer[1:] + longer[:-1]) / 2
    # The integral of the density from the edge of its first bin, linear within each bin. Bins are centred on multiples of
    # period / n, so that the edges are half a bin away from them.
    cumulative = np.concatenate([np.zeros((*density.shape[:-1], 1)), np.cumsum(density, -1)], -1) * (period / n)
    position = (edges / period + 0.5 / n) % 1 * n
    bin_index = np.minimum(position.astype(int), n - 1)
    integral = cumulative[..., bin_index] + (position - bin_index) * (period / n) * density[..., bin_index]
    turns = np.floor(edges / period + 0.5 / n) * cumulative[..., -1:]
    return np.diff(integral + turns, axis=-1) / np.diff(edges)

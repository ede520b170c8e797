"""Grids, distances and densities on circles: orientation (period 180°), hue and phase (360°)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


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
    """Which values lie within `within` of any of the targets, around the circle."""
    d = distance(np.asarray(values)[:, None], np.asarray(targets)[None, :], period)
    return np.asarray((d <= within + 1e-9).any(axis=1))

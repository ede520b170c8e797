"""How closely curves agree with a reference: correlation, exponent and contrast, each over the last axis.

Curves are √J or J (…, value), in which NaN stands for values that do not count, and the reference is a density on the same
values. `compare` and the figures of the paper use these. Tests: tests/test_comparison.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fechner import circular

Array = npt.NDArray[np.float64]
# A curve that varies by less than this share of its mean is flat: its correlation would be that of rounding errors.
FLAT = 1e-2
# Degrees around a cardinal or an oblique orientation that count as near it.
WITHIN = 7.5


def contrast(root: Array, along: str, grid: Array, reference: Array) -> Array:
    """Mean √J (last axis) where it should be high over where it should be low.

    >>> float(contrast(np.array([3.0, 1.0, 3.0, 1.0]), "orientation", np.array([0.0, 45.0, 90.0, 135.0]), np.ones(4)))
    3.0

    For orientation these are the cardinal and the oblique ones, otherwise the quarters of the grid in which the reference is
    highest and lowest; values that are NaN are left out. NaN where there are no such values, and for a layer without
    sensitivity, such as a classifier that starts at zero.
    """
    if along == "orientation":
        high, low = circular.near(grid, [0, 90], 180, WITHIN), circular.near(grid, [45, 135], 180, WITHIN)
    else:
        order = np.argsort(reference, kind="stable")
        quarter = max(1, len(order) // 4)
        low, high = (np.isin(np.arange(len(order)), part) for part in (order[:quarter], order[-quarter:]))
    if not high.any() or not low.any():
        return np.full(root.shape[:-1], np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = _mean(root[..., high]) / _mean(root[..., low])
    return np.where(np.isfinite(ratio), ratio, np.nan)


def correlation(root: Array, reference: Array) -> Array:
    """Pearson's r over the values of the last axis that are known; 0 for a flat curve."""
    y = np.where(np.isfinite(root), reference, np.nan)
    x, y = (v - _mean(v)[..., None] for v in (root, y))
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.nansum(x * y, -1) / np.sqrt(np.nansum(x * x, -1) * np.nansum(y * y, -1))
    return np.where(flat(root), 0.0, r)


def _mean(values: Array) -> Any:
    """The mean of the values of the last axis that are known; NaN where none is."""
    with np.errstate(invalid="ignore"):
        return np.nansum(values, -1) / np.isfinite(values).sum(-1)


def flat(root: Array) -> Any:
    """Whether a curve varies by less than 1 % of its mean, where it is known."""
    return np.fmax.reduce(root, -1) - np.fmin.reduce(root, -1) <= FLAT * _mean(root)


def correlation_over_pixels(root: Array, reference: Array, inputs: npt.NDArray[np.intp]) -> Array:
    """The correlation of each layer minus that of its pixels, over the same values."""
    pixels = np.where(np.isfinite(root), root[..., inputs, :], np.nan)
    return correlation(root, reference) - correlation(pixels, reference)


def exponent(information: Array, reference: Array) -> Array:
    """The slope of log J on log p by least squares, over the values at which neither is zero."""
    usable = (reference > 0) & (information > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y = (np.where(usable, np.log(v), 0.0) for v in np.broadcast_arrays(reference, information))
        n = usable.sum(-1, keepdims=True)
        x = np.where(usable, x - x.sum(-1, keepdims=True) / n, 0.0)
        return (x * y).sum(-1) / (x * x).sum(-1)


def share_of_rotations(root: Array, reference: Array) -> Array:
    """The share of all rotations of the reference at which the correlation is at least as large as without one."""
    n = len(reference)
    shifted = np.stack([correlation(root, np.roll(reference, k)) for k in range(n)])
    p = np.where(np.isfinite(shifted[0]), (shifted >= shifted[0] - 1e-12).mean(0), np.nan)
    return np.where(flat(root), 1.0, p)

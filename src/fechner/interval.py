"""95 % intervals from a few sampled units: trainings, networks, photographs, or random draws.

What is sampled decides the interval. Over independent repetitions of one number it is Student's t. A quantity that is
computed from all units together, such as a density of photographs, is computed again with each group of units left out,
and `jackknife_t` turns these values into an interval. tests/test_coverage.py simulates how often both hold the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

Array = npt.NDArray[np.float64]
# At most so many groups of units are left out in turn.
GROUPS = 100
# Of fewer groups the interval covers too seldom.
FEWEST = 5
# Where an interval is symmetric: there, and back.
SCALES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "identity": (np.asarray, np.asarray),
    "log": (np.log, np.exp),
    # Densities are sums of which a few photographs may make the most. No upper end is too high where it is not negative.
    "density": (
        lambda p: -1 / np.sqrt(p),
        lambda x: np.where(x < 0, np.square(1 / x), np.where(np.isnan(x), np.nan, np.inf)),
    ),
}


def t_half_width(values: npt.ArrayLike) -> Any:
    """Half the width of the 95 % t-interval of the mean over the first axis; NaN for a single value.

    >>> round(float(t_half_width([1.0, 2.0, 3.0])), 2)
    2.48
    """
    values = np.asarray(values, float)
    count = len(values)
    if count < 2:
        return np.full(values.shape[1:], np.nan)
    return stats.t.ppf(0.975, count - 1) * values.std(0, ddof=1) / np.sqrt(count)


def jackknife_t(value: npt.ArrayLike, *without: npt.ArrayLike, scale: str = "identity") -> tuple[Any, Any]:
    """The 95 % interval (low, high) of a value (…), by the jackknife and Student's t.

    >>> sample = np.arange(1.0, 10)
    >>> without = [np.delete(sample, i).mean() for i in range(9)]
    >>> low, high = jackknife_t(sample.mean(), without)
    >>> half = float(t_half_width(sample))          # of a mean, the jackknife is Student's t
    >>> bool(np.allclose([low, high], [5 - half, 5 + half]))
    True

    Args:
        value: the quantity, computed from all units.
        without: for each kind of unit that was sampled (photographs, draws), the quantity (group, …) with each group of
            units left out in turn. The variances of several kinds add up.
        scale: where the interval is symmetric: "identity", "log" (ratios), or "density" (−1/√p).

    The degrees of freedom are one less than there are groups if these scatter like normal numbers, and fewer where a few
    groups decide: they follow from the kurtosis of the values, and for several kinds from Satterthwaite's formula.

    Returns:
        Two arrays of the shape of the value. The upper end of a density is infinite where it is not bounded. Both are NaN
        where nothing was sampled or what was sampled does not change the value, where a kind of unit has fewer than five
        groups, and where the value without some group is not known or has no place on the scale.

    Sources: Tukey (1958); for groups, Shao & Wu (1989); the variance of a variance, Cramér (1946), 27.4.
    """
    to, back = SCALES[scale]
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = to(np.asarray(value, float))
        total, weighted = np.zeros_like(middle), np.zeros_like(middle)
        for each in without:
            values = to(np.asarray(each, float))
            count = len(values)
            if count < FEWEST:
                total = np.full_like(middle, np.nan)
                break
            squares = np.square(values - middle)
            variance = (count - 1) * squares.mean(0)
            excess = np.where(variance > 0, np.square(squares).mean(0) / np.square(squares.mean(0)) - 3, 0.0)
            doubtful = np.maximum(excess, 0) / count + 2 / (count - 1)
            total, weighted = total + variance, weighted + np.square(variance) * doubtful / 2
        degrees = np.where(total > 0, np.square(total) / weighted, np.nan)
        half = stats.t.ppf(0.975, degrees) * np.sqrt(total) if without else np.full_like(middle, np.nan)
        return back(middle - half), back(middle + half)


def leave_out(sums: Array) -> Array:
    """Of sums of groups (group, …), the sum of all others for each group.

    >>> leave_out(np.array([1.0, 2.0, 4.0]))
    array([6., 5., 3.])
    """
    # A product and no difference of the total, so that what only one group has is exactly 0 without it.
    return np.asarray(np.tensordot(1.0 - np.eye(len(sums)), sums, 1))


def interval_in_words(count: int, repetitions: str) -> str:
    """The kind of interval that Student's t gives, in words.

    >>> interval_in_words(3, "seeds"), interval_in_words(1, "seeds")
    ('95 % t-interval over 3 seeds', '95 % interval over seeds, of which a single one has none,')
    """
    if count > 1:
        return f"95 % t-interval over {count} {repetitions}"
    return f"95 % interval over {repetitions}, of which a single one has none,"

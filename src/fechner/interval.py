"""Intervals of a mean over a few independent repetitions, such as seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats


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

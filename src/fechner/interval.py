"""95 % intervals of a mean over a few independent repetitions, such as seeds.

What is sampled decides the interval: over several seeds it is Student's t, which is right for few of them; over one seed
there are only its nuisance values, and `interval_in_words` says so in words. The claims of the paper and `fechner.difference` rest on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

Array = npt.NDArray[np.float64]


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


def over_seeds(
    measure: Callable[..., npt.ArrayLike], *samples: Array, bootstraps: int = 1000, seed: int = 0
) -> tuple[Any, Any, Any]:
    """The mean over seeds of a measure of curves, and its 95 % interval (low, high).

    >>> mean, low, high = over_seeds(np.mean, np.random.default_rng(0).normal(size=(5, 36, 8)))
    >>> bool(low < mean < high)
    True

    Each of `samples` holds J (seed, …, nuisance value). `measure` is called with the J (…) of one seed from each of them,
    averaged over nuisance values. The interval of several seeds is that of Student's t. The interval of a single seed is a
    bootstrap over draws of nuisance values, alike for all curves, which leaves out how trainings differ; it is NaN without
    `bootstraps`, and where there is a single value, the mean over a grid.
    """
    seeds, values = samples[0].shape[0], samples[0].shape[-1]
    each = np.stack([np.asarray(measure(*(s[i].mean(-1) for s in samples))) for i in range(seeds)])
    if seeds > 1 or not bootstraps or values == 1:
        mean, half = each.mean(0), t_half_width(each)
        return mean, mean - half, mean + half
    shares = np.random.default_rng(seed).multinomial(values, np.full(values, 1 / values), bootstraps) / values
    replicates = np.stack([np.asarray(measure(*(s[0] @ share for s in samples))) for share in shares])
    low, high = np.quantile(replicates, [0.025, 0.975], axis=0)
    return each[0], low, high


def interval_in_words(seeds: int) -> str:
    """The kind of interval that `over_seeds` computes, in words.

    >>> interval_in_words(3)
    '95 % t-interval over 3 seeds'
    """
    if seeds > 1:
        return f"95 % t-interval over {seeds} seeds"
    return "95 % bootstrap interval over the nuisance values of one seed"

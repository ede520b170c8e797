"""What Figure 5 claims, tested: power law, order, sharpness with depth, elbow and acuity."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import stats

from fechner.learning import readouts
from fechner.paper.claim import Claim
from fechner.paper.fig5.compute import CRITERION, LABELS

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
BOOTSTRAPS = 500


def claims(dataset: xr.Dataset) -> list[Claim]:
    """All claims, with 95 % intervals."""
    exponent, low, high = (float(dataset[n]) for n in ("exponent", "exponent_low", "exponent_high"))
    ranks = np.arange(5, len(dataset.variance) // 2)
    straight = float(stats.linregress(np.log(ranks), np.log(dataset.variance.values[ranks - 1])).rvalue ** 2)
    found = [
        Claim(
            "fig5-power-law",
            "fig5",
            f"the variance of principal components of natural patches falls as a power law of rank (R² {straight:.3f})",
            "exponent from the fifth component to the middle one, above 0, with R² of a straight line in logarithms above "
            "0.95; 95 % jackknife interval over groups of photographs",
            exponent,
            (low, high),
            bool(low > 0 and straight > 0.95),
        )
    ]
    for network, label in LABELS.items():
        one = dataset.sel(network=network)
        when, variance = one.learning_step.values, dataset.variance.values
        learned = np.flatnonzero(np.isfinite(when) & (when > 0))
        if len(learned) > 3:
            found.append(
                _over_components(
                    f"fig5-order-{network}",
                    f"{label}: components are learned in the order of their variance ({len(learned)} learned)",
                    "rank correlation of minus a component's learning step with its variance, above 0.9",
                    partial(_order, when, variance),
                    learned,
                    0.9,
                )
            )
    found += _sharpness(dataset)
    return found + _thresholds(dataset)


def thresholds(dataset: xr.Dataset, weights: Array | None = None) -> Array:
    """1/√J (network, snapshot, frequency), J averaged over phases, each weighing as given."""
    samples = dataset.fisher_information_samples.transpose("network", "snapshot", "spatial_frequency", "phase").values
    weights = np.full(samples.shape[-1], 1 / samples.shape[-1]) if weights is None else weights
    return (samples @ weights) ** -0.5


def elbows(frequency: Array, curves: Array) -> Array:
    """Elbow of each threshold curve, fitted where the threshold is below five times its least value."""
    fitted = []
    for curve in curves:
        near = curve <= 5 * curve.min()
        last = len(curve) if near.all() else max(int(np.argmin(near)), 4)
        fitted.append(readouts.elbow(frequency[:last], curve[:last]))
    return np.array(fitted)


def acuities(frequency: Array, curves: Array) -> Array:
    """Acuity of each threshold curve, in cycles/100 pixels; NaN while no threshold is below the criterion."""
    return np.array([readouts.acuity(frequency, curve, CRITERION) for curve in curves])


def _sharpness(dataset: xr.Dataset) -> list[Claim]:
    ratios = np.log(dataset.step_at_nine_tenths / dataset.step_at_tenth)
    both = np.flatnonzero(np.isfinite(ratios.sel(network=["2", "3"]).values).all(0))
    if len(both) < 4:
        return []
    two, three = (ratios.sel(network=n).values for n in ("2", "3"))
    return [
        _over_components(
            "fig5-sharpness",
            f"sigmoids are sharper with depth ({len(both)} components learned by both)",
            "log of the ratio of the steps at which 0.9 and 0.1 of a component are learned, two matrices minus three, mean "
            "over components, above 0",
            lambda i: float((two[i] - three[i]).mean()),
            both,
            0.0,
        )
    ]


def _thresholds(dataset: xr.Dataset) -> list[Claim]:
    frequency, n = dataset.spatial_frequency.values, dataset.sizes["phase"]
    steps = dataset.step.sel(network="tied").values
    late = np.flatnonzero(steps >= 0.05 * steps[-1])
    rng = np.random.default_rng(0)
    draws = rng.multinomial(n, np.full(n, 1 / n), 100) / n

    def measured(weights: Array | None) -> tuple[float, float]:
        curves = thresholds(dataset.sel(network=["tied"]), weights)[0, late]
        moved = float(stats.spearmanr(steps[late], elbows(frequency, curves)).statistic)
        grown = acuities(frequency, curves)
        seen = np.isfinite(grown)
        rest = {name: _residual(g(steps[late][seen]), grown[seen]) for name, g in GROWTH.items()}
        return moved, float(np.log(rest["linear"] / min(rest["square root"], rest["logarithmic"])))

    (moved, linear), again = measured(None), np.array([measured(w) for w in draws])
    best = _best(dataset, late)
    # Acuity is undefined as long as no threshold is below the criterion.
    again[:, 1] = np.where(np.isfinite(linear), again[:, 1], 0)
    intervals = [tuple(float(q) for q in np.nanquantile(again[:, i], [0.025, 0.975])) for i in (0, 1)]
    found = [
        Claim(
            "fig5-elbow",
            "fig5",
            "one matrix, tied: the threshold is flat up to an elbow that moves to higher frequencies with learning",
            "rank correlation of the fitted elbow with the step, from a twentieth of learning on, above 0; 95 % bootstrap "
            "interval over phases",
            moved,
            (intervals[0][0], intervals[0][1]),
            bool(intervals[0][0] > 0),
        ),
        Claim(
            "fig5-acuity",
            "fig5",
            f"one matrix, tied: acuity grows linearly with steps (best of three: {best})",
            "log of the squared residuals of acuity about a line in steps, over the least about a line in their square root "
            "or logarithm, below 0; 95 % bootstrap interval over phases",
            linear,
            (intervals[1][0], intervals[1][1]),
            bool(intervals[1][1] < 0),
        ),
    ]
    return found if np.isfinite(linear) else found[:1]


GROWTH: dict[str, Callable[[Array], Array]] = {
    "linear": lambda t: t.astype(float),
    "square root": lambda t: np.sqrt(t),
    "logarithmic": lambda t: np.log(np.maximum(t, 1)),
}


def _best(dataset: xr.Dataset, late: npt.NDArray[np.intp]) -> str:
    steps = dataset.step.sel(network="tied").values[late]
    grown = acuities(dataset.spatial_frequency.values, thresholds(dataset.sel(network=["tied"]))[0, late])
    seen = np.isfinite(grown)
    return min(GROWTH, key=lambda name: _residual(GROWTH[name](steps[seen]), grown[seen]))


def _residual(x: Array, y: Array) -> float:
    if len(x) < 4:
        return float("nan")
    fit = stats.linregress(x, y)
    return float(np.square(y - fit.intercept - fit.slope * x).sum())


def _order(when: Array, variance: Array, components: Indices) -> float:
    if len(np.unique(components)) < 2:
        return float("nan")
    return float(stats.spearmanr(-when[components], variance[components]).statistic)


def _over_components(
    id_: str, statement: str, criterion: str, measure: Callable[[Indices], float], components: Indices, above: float
) -> Claim:
    rng = np.random.default_rng(0)
    again = [measure(rng.choice(components, len(components))) for _ in range(BOOTSTRAPS)]
    low, high = np.nanquantile(again, [0.025, 0.975])
    return Claim(
        id_,
        "fig5",
        statement,
        f"{criterion}; 95 % bootstrap interval over components, whole interval above",
        measure(components),
        (float(low), float(high)),
        bool(low > above),
    )

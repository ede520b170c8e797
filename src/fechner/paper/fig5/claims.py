"""What Figure 5 claims, tested: power law, order, sharpness with depth, elbow and acuity."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import stats

from fechner.learning import readouts
from fechner.paper.claim import Claim, Estimate, above, below, judge
from fechner.paper.fig5.compute import CRITERION, LABELS, learning

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
BOOTSTRAPS = 500
# How acuity may grow with steps.
GROWTH: dict[str, Callable[[Array], Array]] = {
    "linear": lambda steps: steps.astype(float),
    "square root": lambda steps: np.sqrt(steps),
    "logarithmic": lambda steps: np.log(np.maximum(steps, 1)),
}


def claims(tree: xr.DataTree) -> list[Claim]:
    """All claims, with 95 % intervals."""
    components, networks = tree["components"].to_dataset(), learning(tree)
    return [
        _power_law(components),
        *(claim for name in LABELS for claim in _order(name, networks[name], components.variance.values)),
        *_sharpness(networks["2"], networks["3"]),
        *_readouts(networks["tied"]),
    ]


def thresholds(network: xr.Dataset, weights: Array | None = None) -> Array:
    """1/√J (step, frequency) of one network, J averaged over phases, each weighing as given."""
    samples = network.fisher_information_samples.transpose("step", "spatial_frequency", "phase").values
    weights = np.full(samples.shape[-1], 1 / samples.shape[-1]) if weights is None else weights
    return (samples @ weights) ** -0.5


def phase_weights(network: xr.Dataset) -> Array:
    """Weights of phases (replicate, phase) of a bootstrap over them."""
    phases = network.sizes["phase"]
    return np.random.default_rng(0).multinomial(phases, np.full(phases, 1 / phases), 100) / phases


def late_steps(network: xr.Dataset) -> Indices:
    """Places of the steps after the first twentieth of learning."""
    steps = network.step.values
    return np.flatnonzero(steps >= 0.05 * steps[-1])


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


def _power_law(components: xr.Dataset) -> Claim:
    ranks = np.arange(5, components.sizes["component"] // 2)
    line = stats.linregress(np.log(ranks), np.log(components.variance.values[ranks - 1]))
    straight = float(line.rvalue**2)
    exponent, low, high = (float(components[n]) for n in ("exponent", "exponent_low", "exponent_high"))
    return judge(
        "fig5-power-law",
        f"the variance of principal components of natural patches falls as a power law of rank (R² {straight:.3f})",
        "exponent from the fifth component to the middle one",
        Estimate(exponent, low, high, "95 % jackknife interval over groups of photographs"),
        above(0),
    )


def _order(name: str, network: xr.Dataset, variance: Array) -> list[Claim]:
    step = network.learning_step.values
    learned = np.flatnonzero(np.isfinite(step) & (step > 0))
    if len(learned) <= 3:
        return []

    def order(components: Indices) -> float:
        if len(np.unique(components)) < 2:
            return float("nan")
        return float(stats.spearmanr(-step[components], variance[components]).statistic)

    return [
        judge(
            f"fig5-order-{name}",
            f"{LABELS[name]}: components are learned in the order of their variance ({len(learned)} learned)",
            "rank correlation of minus a component's learning step with its variance",
            _over_components(order, learned),
            above(0.9),
        )
    ]


def _sharpness(two: xr.Dataset, three: xr.Dataset) -> list[Claim]:
    ratios = [np.log(n.step_at_nine_tenths.values / n.step_at_tenth.values) for n in (two, three)]
    both = np.flatnonzero(np.isfinite(ratios).all(0))
    if len(both) < 4:
        return []
    return [
        judge(
            "fig5-sharpness",
            f"sigmoids are sharper with depth ({len(both)} components learned by both)",
            "log of the ratio of the steps at which 0.9 and 0.1 of a component are learned, two matrices minus three, mean "
            "over components",
            _over_components(lambda i: float((ratios[0][i] - ratios[1][i]).mean()), both),
            above(0),
        )
    ]


def _readouts(tied: xr.Dataset) -> list[Claim]:
    frequency, late = tied.spatial_frequency.values, late_steps(tied)
    steps = tied.step.values[late]

    def elbow_moves(curves: Array) -> float:
        return float(stats.spearmanr(steps, elbows(frequency, curves)).statistic)

    def residuals(curves: Array) -> dict[str, float]:
        acuity = acuities(frequency, curves)
        # Acuity is undefined as long as no threshold is below the criterion.
        defined = np.isfinite(acuity)
        return {name: _residual(grown(steps[defined]), acuity[defined]) for name, grown in GROWTH.items()}

    def linearity(curves: Array) -> float:
        left = residuals(curves)
        return float(np.log(left["linear"] / min(left["square root"], left["logarithmic"])))

    measured = thresholds(tied)[late]
    replicates = [thresholds(tied, weights)[late] for weights in phase_weights(tied)]

    def over_phases(readout: Callable[[Array], float]) -> Estimate:
        return _bootstrap(readout(measured), [readout(curves) for curves in replicates], "phases")

    elbow = judge(
        "fig5-elbow",
        "one matrix, tied: the threshold is flat up to an elbow that moves to higher frequencies with learning",
        "rank correlation of the fitted elbow with the step, from a twentieth of learning on",
        over_phases(elbow_moves),
        above(0),
    )
    if not np.isfinite(linearity(measured)):
        return [elbow]
    left = residuals(measured)
    acuity = judge(
        "fig5-acuity",
        f"one matrix, tied: acuity grows linearly with steps (best of three: {min(left, key=left.__getitem__)})",
        "log of the squared residuals of acuity about a line in steps, over the least about a line in their square root "
        "or logarithm",
        over_phases(linearity),
        below(0),
    )
    return [elbow, acuity]


def _residual(x: Array, y: Array) -> float:
    if len(x) < 4:
        return float("nan")
    fit = stats.linregress(x, y)
    return float(np.square(y - fit.intercept - fit.slope * x).sum())


def _over_components(measure: Callable[[Indices], float], components: Indices) -> Estimate:
    rng = np.random.default_rng(0)
    replicates = [measure(rng.choice(components, len(components))) for _ in range(BOOTSTRAPS)]
    return _bootstrap(measure(components), replicates, "components")


def _bootstrap(value: float, replicates: list[float], resampled: str) -> Estimate:
    """Replicates that are undefined, as a rank correlation of equal numbers is, count nowhere."""
    defined = [replicate for replicate in replicates if not np.isnan(replicate)]
    return Estimate.bootstrap(value, defined or replicates, resampled)

"""What Figure 5 says, judged over random starts: power law, order, sharpness with depth, threshold, elbow and acuity.

Every network learns from several random starts of its weights, which are what intervals are over. The gratings drive linear
networks, so that eight phases average J exactly. Benjamin et al. (2022), Fig. 5.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import stats

from fechner.learning import readouts
from fechner.paper.claim import Claim, Estimate, Measurement, above, below, judge, measured, within
from fechner.paper.fig5.compute import CRITERION, LABELS, starts
from fechner.statistics import power_law

Array = npt.NDArray[np.float64]
# The spectrum counts as straight if its exponents below and above the middle of the fitted ranks agree within a quarter.
STRAIGHT = (0.8, 1.25)
# How acuity may grow with steps.
GROWTH: dict[str, Callable[[Array], Array]] = {
    "linear": lambda steps: steps.astype(float),
    "square root": lambda steps: np.sqrt(steps),
    "logarithmic": lambda steps: np.log(np.maximum(steps, 1)),
}


def claims(tree: xr.DataTree) -> list[Claim]:
    """What the paper says of the spectrum, of the order and speed of learning, and of what is read out of the maps."""
    components, networks = tree["components"].to_dataset(), starts(tree)
    tied = networks["tied"]
    return [
        judge(
            "fig5-power-law",
            "the variance of principal components of natural patches falls as a power law of rank",
            "exponent of the higher half of the fitted ranks over that of the lower half",
            _over_photographs(components, bend),
            within(*STRAIGHT),
        ),
        judge(
            "fig5-order",
            "components are learned in the order of their variance, whatever the depth",
            "rank correlation of minus a component's learning step with its variance, least of the three networks",
            over_starts(np.min([order(network, components.variance.values) for network in networks.values()], 0)),
            above(0.9),
        ),
        judge(
            "fig5-sharpness",
            "sigmoids are sharper with depth",
            "log of the ratio of the steps at which 0.9 and 0.1 of a component are learned, two matrices minus three, mean "
            "over components that both learn",
            over_starts(sharpening(networks["2"], networks["3"])),
            above(0),
        ),
        judge(
            "fig5-threshold",
            "one matrix, tied: the threshold is flat at low frequencies and rises linearly above an elbow",
            "log of the squared residuals of the threshold about a line that is flat and then rises, over those about a "
            "parabola, mean over steps from a twentieth of learning on",
            over_starts(_of_starts(tied, hinge_over_parabola)),
            below(0),
        ),
        judge(
            "fig5-elbow",
            "one matrix, tied: the elbow moves to higher frequencies with learning",
            "rank correlation of the fitted elbow with the step, from a twentieth of learning on",
            over_starts(_of_starts(tied, lambda f, steps, curves: _rank(steps, elbows(f, curves)))),
            above(0),
        ),
        judge(
            "fig5-acuity",
            "one matrix, tied: acuity grows linearly with steps",
            "log of the squared residuals of acuity about a line in steps, over the least about a line in their square root "
            "or logarithm",
            over_starts(_of_starts(tied, linearity)),
            below(0),
        ),
    ]


def measurements(tree: xr.DataTree) -> list[Measurement]:
    """Exponents of the spectrum, and for each network how many components it learns and in what order."""
    components, networks = tree["components"].to_dataset(), starts(tree)
    exponent = "exponent of variance ∝ 1/rank^exponent, fitted from the fifth component to the middle one"
    value, low, high = (float(components[f"exponent{end}"]) for end in ("", "_low", "_high"))
    known = Estimate(value, low, high, "95 % jackknife interval over groups of photographs")
    listed = [measured("fig5-exponent", exponent, known)]
    for name, network in networks.items():
        learned = np.isfinite(network.learning_step).sum("component").values
        listed += [
            measured(f"fig5-learned-{name}", f"{LABELS[name]}: components learned by half", over_starts(learned)),
            measured(
                f"fig5-order-{name}",
                f"{LABELS[name]}: rank correlation of minus a component's learning step with its variance",
                over_starts(order(network, components.variance.values)),
            ),
        ]
    last = _of_starts(networks["tied"], lambda f, steps, curves: elbows(f, curves)[-1])
    acuity = _of_starts(networks["tied"], lambda f, steps, curves: acuities(f, curves)[-1])
    return [
        *listed,
        measured("fig5-last-elbow", "one matrix, tied: elbow in the end (cycles/100 px)", over_starts(last)),
        measured("fig5-last-acuity", "one matrix, tied: acuity in the end (cycles/100 px)", over_starts(acuity)),
    ]


def over_starts(values: npt.ArrayLike) -> Estimate:
    """The mean over random starts with Student's t-interval."""
    return Estimate.over(values, "random starts")


def thresholds(network: xr.Dataset) -> Array:
    """1/√J (…, step, frequency) of one network, J averaged over phases."""
    samples = network.fisher_information_samples.transpose(..., "step", "spatial_frequency", "phase").values
    return np.asarray(samples.mean(-1) ** -0.5)


def late_steps(network: xr.Dataset) -> npt.NDArray[np.intp]:
    """Places of the steps after the first twentieth of learning."""
    steps = network.step.values
    return np.flatnonzero(steps >= 0.05 * steps[-1])


def near(curve: Array) -> int:
    """How many of the lowest frequencies have a threshold below five times the least, where elbows are fitted; at least 4."""
    below_all = curve <= 5 * curve.min()
    return len(curve) if below_all.all() else max(int(np.argmin(below_all)), 4)


def elbows(frequency: Array, curves: Array) -> Array:
    """Elbow of each threshold curve, fitted where the threshold is below five times its least value."""
    return np.array([readouts.elbow(frequency[: near(curve)], curve[: near(curve)]) for curve in curves])


def acuities(frequency: Array, curves: Array) -> Array:
    """Acuity of each threshold curve, in cycles/100 pixels; NaN while no threshold is below the criterion."""
    return np.array([readouts.acuity(frequency, curve, CRITERION) for curve in curves])


def bend(variance: Array) -> float:
    """Exponent of a spectrum above the middle of the fitted ranks (in logarithms) over that below; 1 for a power law.

    >>> round(bend(np.arange(1, 1025.0) ** -1.3), 2)
    1.0
    """
    lower, middle, upper = np.geomspace(min(5, len(variance) // 4 + 1), len(variance) // 2, 3)
    return power_law(variance, middle, upper) / power_law(variance, lower, middle)


def order(network: xr.Dataset, variance: Array) -> Array:
    """Rank correlation of minus the learning step with the variance, for each start; NaN where fewer than four are learned."""
    correlations = []
    for step in network.learning_step.transpose("start", "component").values:
        learned = np.isfinite(step) & (step > 0)
        correlations.append(_rank(-step[learned], variance[learned]) if learned.sum() > 3 else np.nan)
    return np.array(correlations)


def sharpening(two: xr.Dataset, three: xr.Dataset) -> Array:
    """By how much sigmoids are steeper with three matrices than with two (start,), over components that both learn."""
    ratios = [np.log(n.step_at_nine_tenths / n.step_at_tenth).transpose("start", "component") for n in (two, three)]
    difference = (ratios[0] - ratios[1]).values
    enough = np.isfinite(difference).sum(1) > 3
    return np.where(enough, np.nanmean(np.where(enough[:, None], difference, 0.0), 1), np.nan)


def hinge_over_parabola(frequency: Array, steps: Array, curves: Array) -> float:
    """How much closer a flat and then rising line comes to thresholds than a parabola, which has as many parameters."""
    logs = []
    for curve in curves:
        x, y = frequency[: near(curve)], curve[: near(curve)]
        rising = np.maximum(x - readouts.elbow(x, y), 0)
        parabola = np.polynomial.Polynomial.fit(x, y, 2)
        logs.append(np.log(_residual(rising, y) / np.square(y - parabola(x)).sum()))
    return float(np.mean(logs))


def linearity(frequency: Array, steps: Array, curves: Array) -> float:
    """How much closer to a line acuity grows in steps than in the better of their square root and logarithm."""
    acuity = acuities(frequency, curves)
    # Acuity is undefined as long as no threshold is below the criterion.
    defined = np.isfinite(acuity)
    if defined.sum() < 4:
        return float("nan")
    left = {name: _residual(grown(steps[defined]), acuity[defined]) for name, grown in GROWTH.items()}
    return float(np.log(left["linear"] / min(left["square root"], left["logarithmic"])))


def _of_starts(network: xr.Dataset, readout: Callable[[Array, Array, Array], float]) -> Array:
    """A readout of frequencies, steps and threshold curves (step, frequency) of late steps, for each start."""
    late = late_steps(network)
    frequency, steps = network.spatial_frequency.values, network.step.values[late]
    return np.array([readout(frequency, steps, curves[late]) for curves in thresholds(network)])


def _over_photographs(components: xr.Dataset, measure: Callable[[Array], float]) -> Estimate:
    without = [measure(v) for v in components.variance_jackknife.values]
    return Estimate.jackknife(measure(components.variance.values), without, "groups of photographs")


def _residual(x: Array, y: Array) -> float:
    fit = stats.linregress(x, y)
    return float(np.square(y - fit.intercept - fit.slope * x).sum())


def _rank(x: Array, y: Array) -> float:
    return float(stats.spearmanr(x, y).statistic)

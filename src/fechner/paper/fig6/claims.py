"""What Figure 6 says, judged over seeds: information, frequency, both balanced, and what early exposure leaves behind.

Benjamin et al. (2022), Fig. 6 and its sequels. Criteria, margins among them, were fixed before seeds were looked at.
"""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import stats

from fechner.learning import history
from fechner.paper.claim import Bound, Claim, Estimate, Measurement, above, below, judge, measured, within
from fechner.paper.fig6.compute import FREQUENT, LABELS, LAYER, RARE
from fechner.paper.fig6.sequels import BURST

Array = npt.NDArray[np.float64]
WINDOW = 60.0
# Neither of two orientations wins if sensitivity to them differs by less than a fifth.
MARGIN = 1.2
PREFERENCE = "log of mean √J within 30° of {:g}° over that of {:g}°"


def claims(tree: xr.DataTree) -> list[Claim]:
    """Seven sentences of the paper, with 95 % t-intervals over seeds."""
    conditions, reared = tree["conditions"].to_dataset(), tree["rearing"].to_dataset()
    switch = int(reared.step[-1]) // 2

    def claim(name: str, statement: str, quantity: str, values: npt.ArrayLike, bound: Bound) -> Claim:
        return judge(f"fig6-{name}", statement, quantity, Estimate.over(values, "seeds"), bound)

    informative, frequent = PREFERENCE.format(RARE, FREQUENT), PREFERENCE.format(FREQUENT, RARE)
    return [
        claim(
            "b",
            "uniform inputs: orientations whose labels are more informative win",
            f"{informative}, published erasure, last step",
            -preference(conditions, "b-published")[:, -1],
            above(0),
        ),
        claim(
            "c",
            "labels without noise: frequent orientations are learned preferentially",
            f"{frequent}, mean over the course of learning",
            preference(conditions, "c")[:, 1:].mean(1),
            above(0),
        ),
        claim(
            "d-flips",
            "at equal total information, kept by labels that flip, frequent orientations win",
            f"{frequent}, last step",
            preference(conditions, "d-flips")[:, -1],
            above(0),
        ),
        judge(
            "fig6-d-erasure",
            "at equal total information, kept by labels that are missing, neither wins (theory: density × signal is uniform)",
            f"geometric mean over seeds of mean √J within 30° of {FREQUENT:g}° over that of {RARE:g}°, last step",
            Estimate.over(preference(conditions, "d-erasure")[:, -1], "seeds").exp(),
            within(1 / MARGIN, MARGIN),
        ),
        claim(
            "hysteresis",
            f"what was learned first lasts: networks reared {switch} steps in A and {switch} in B differ from the reverse",
            "hysteresis index, the difference in preference left in the end over that at the switch",
            history.hysteresis(rearing(reared, "A then B"), rearing(reared, "B then A"), switch),
            above(0),
        ),
        claim(
            "switch",
            "sensitivity follows new statistics from the switch on",
            f"slope of the preference for A per step within {WINDOW:g} steps after the switch to B, minus that of the same "
            "network without a switch",
            switch_effects(reared),
            below(0),
        ),
        claim(
            "critical-period",
            f"one step of exposure to {BURST[0]:g}–{BURST[1]:g}° lasts less the later it comes",
            "slope of its effect on the final preference for the band on its time, per step, over all times",
            [stats.linregress(*one).slope for one in _by_seed(tree["burst"].to_dataset())],
            below(0),
        ),
    ]


def measurements(tree: xr.DataTree) -> list[Measurement]:
    """The final preference of every condition alongside what theory makes of it, and what the sequels measure."""
    theory = json.loads(tree.attrs["imbalance"])
    conditions, strength = tree["conditions"].to_dataset(), tree["strength"].to_dataset()

    def over_seeds(name: str, statement: str, values: npt.ArrayLike) -> Measurement:
        return measured(f"fig6-{name}", statement, Estimate.over(values, "seeds"))

    listed = [over_seeds("c-final", f"(c) {PREFERENCE.format(FREQUENT, RARE)}", preference(conditions, "c")[:, -1])]
    for name, label in LABELS.items():
        of_labels, of_both = theory[name]["signal"], theory[name]["effective"]
        listed += [
            over_seeds(
                f"b-{name}-final",
                f"(b) {label}: {PREFERENCE.format(RARE, FREQUENT)} (theory: labels keep {of_labels:.2f} × the signal)",
                -preference(conditions, f"b-{name}")[:, -1],
            ),
            over_seeds(
                f"d-{name}-final",
                f"(d) {label}: {PREFERENCE.format(FREQUENT, RARE)} (theory: density × signal is {of_both:.2f} × as much)",
                preference(conditions, f"d-{name}")[:, -1],
            ),
        ]
    times, effects = burst_effects(tree["burst"].to_dataset())
    starvation = [_starvation(a, r) for a, r in zip(*growth(conditions), strict=True)]
    speed = -np.log(strength.step_at_tenth.transpose("contrast", "seed"))
    return [
        *listed,
        *(
            over_seeds(f"burst-{time}", f"effect of the burst at step {time} on the final preference", effect)
            for time, effect in zip(times, effects, strict=True)
        ),
        over_seeds(
            "starvation",
            "gradient starvation: rank correlation of growth of √J with accuracy, where accuracy is above 0.05, condition c",
            starvation,
        ),
        over_seeds(
            "strength",
            "exponent of learning speed, one over the step at which the loss has fallen by a tenth, against contrast (theory "
            "of linear networks: 1)",
            np.polyfit(np.log(strength.contrast), speed, 1)[0],
        ),
    ]


def preference(conditions: xr.Dataset, condition: str) -> Array:
    """Preference of the first hidden layer for frequent over rare orientations (seed, step)."""
    curves = history.preference(conditions.sel(condition=condition), FREQUENT, RARE, LAYER)
    return np.asarray(curves.transpose("seed", "step").values)


def rearing(reared: xr.Dataset, order: str) -> xr.DataArray:
    """Preference for the orientations of A over those of B (seed, step), along one order of rearing."""
    return history.preference(reared.sel(order=order), FREQUENT, RARE, LAYER).transpose("seed", "step")


def switch_slopes(reared: xr.Dataset, order: str = "A then B") -> list[history.Slopes]:
    """Slopes of the preference for A of every seed, before and after the switch, or where it would have been."""
    curve = rearing(reared, order)
    steps = curve.step.values
    return [history.slopes(steps, c, steps[-1] / 2, WINDOW) for c in curve.values]


def switch_effects(reared: xr.Dataset) -> Array:
    """Slope after the switch minus that of the same network without one, for every seed."""
    switched, control = (switch_slopes(reared, order) for order in ("A then B", "A throughout"))
    return np.array([one.after - other.after for one, other in zip(switched, control, strict=True)])


def burst_effects(bursts: xr.Dataset) -> tuple[Array, Array]:
    """Times of the burst, and its effect on the final preference for the band (time, seed), against no burst."""
    centre = sum(BURST) / 2
    final = history.preference(bursts, centre, centre + 90, LAYER, (BURST[1] - BURST[0]) / 2)
    effect = final - final.sel(burst_time=-1)
    effect = effect.isel(burst_time=effect.burst_time.values >= 0).transpose("burst_time", "seed")
    return effect.burst_time.values, effect.values


def growth(conditions: xr.Dataset) -> tuple[Array, Array]:
    """Accuracy half-way between recordings and growth of √J per step, in condition c: (seed, interval, orientation).

    Growth is relative to the fastest of its orientation.
    """
    one = conditions.sel(condition="c", layer=LAYER).transpose("seed", "step", ...)
    root, right = np.sqrt(one.fisher_information.values), one.accuracy.values
    rate = np.diff(root, axis=1) / np.diff(one.step.values)[None, :, None]
    return (right[:, 1:] + right[:, :-1]) / 2, rate / rate.max(1, keepdims=True)


def _by_seed(bursts: xr.Dataset) -> list[tuple[Array, Array]]:
    times, effects = burst_effects(bursts)
    return [(times, effect) for effect in effects.T]


def _starvation(accuracy: Array, rate: Array) -> float:
    """Rank correlation of growth with accuracy, where there is any; NaN where there is too little of it."""
    reached = accuracy > 0.05
    if len(np.unique(accuracy[reached])) < 2:
        return float("nan")
    return float(stats.spearmanr(accuracy[reached], rate[reached]).statistic)

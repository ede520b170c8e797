"""What Figure 6 claims, tested over seeds: information, frequency, hysteresis, critical period, starvation."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import stats

from fechner.learning import history
from fechner.paper.claim import Claim, Estimate, above, judge
from fechner.paper.fig6.compute import FREQUENT, LABELS, LAYER, RARE
from fechner.paper.fig6.sequels import BURST

Array = npt.NDArray[np.float64]
WINDOW = 60.0
PREFERENCE = "log of mean √J within 30° of {:g}° over that of {:g}°"


def claims(tree: xr.DataTree) -> list[Claim]:
    """All claims, with 95 % t-intervals over seeds."""
    theory = json.loads(tree.attrs["imbalance"])
    conditions = tree["conditions"].to_dataset()

    def prefers(condition: str, statement: str, favoured: float, against: float) -> Claim:
        final = history.preference(
            conditions.sel(condition=condition).isel(step=-1), favoured=favoured, against=against, layer=LAYER
        )
        panel = condition[0]
        return _claim(condition, f"({panel}) {statement}", PREFERENCE.format(favoured, against), final.values)

    uniform = [
        prefers(
            f"b-{name}",
            f"uniform inputs, {label}: informative orientations win (theory: their labels keep "
            f"{theory[name]['signal']:.2f} × the signal)",
            RARE,
            FREQUENT,
        )
        for name, label in LABELS.items()
    ]
    without_noise = prefers(
        "c", "labels without noise: frequent orientations win (theory: they are 3.00 × as frequent)", FREQUENT, RARE
    )
    balanced = [
        prefers(
            f"d-{name}",
            f"equal total information by {label}, unbalanced {theory[name]['total']:.2f}-fold: frequent orientations win "
            f"(theory: density × signal, {theory[name]['effective']:.2f} × as much, "
            + ("so they do)" if theory[name]["effective"] > 1.001 else "so neither does)"),
            FREQUENT,
            RARE,
        )
        for name, label in LABELS.items()
    ]
    return [*uniform, without_noise, *balanced, *_sequels(tree)]


def rearing(reared: xr.Dataset, order: str) -> xr.DataArray:
    """Preference for the orientations of A over those of B (seed, step), along one order of rearing."""
    return history.preference(reared.sel(order=order), FREQUENT, RARE, LAYER).transpose("seed", "step")


def switch_slopes(reared: xr.Dataset) -> list[history.Slopes]:
    """Slopes of the preference for A of every seed, before and after the switch from A to B."""
    curve = rearing(reared, "A then B")
    steps = curve.step.values
    return [history.slopes(steps, c, steps[-1] / 2, WINDOW) for c in curve.values]


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


def _sequels(tree: xr.DataTree) -> list[Claim]:
    reared, strength = tree["rearing"].to_dataset(), tree["strength"].to_dataset()
    first, second = rearing(reared, "A then B"), rearing(reared, "B then A")
    switch = int(first.step[-1]) // 2
    slopes = switch_slopes(reared)
    times, effects = burst_effects(tree["burst"].to_dataset())
    starvation = [_starvation(a, r) for a, r in zip(*growth(tree["conditions"].to_dataset()), strict=True)]
    speed = -np.log(strength.step_at_tenth.transpose("contrast", "seed"))
    return [
        _claim(
            "hysteresis",
            f"what was learned first lasts: networks reared {switch} steps in A and {switch} in B differ from the reverse",
            "hysteresis index, the difference in preference left in the end over that at the switch",
            history.hysteresis(first, second, switch),
        ),
        _claim(
            "switch",
            "sensitivity begins to follow new statistics at the switch "
            f"(median slope ratio {np.median([s.ratio for s in slopes]):.1f})",
            f"slope of the preference for A within {WINDOW:g} steps before the switch to B, minus that after it, per step",
            [s.before - s.after for s in slopes],
        ),
        _claim(
            "critical-period",
            f"one step of exposure to {BURST[0]:g}–{BURST[1]:g}° lasts more the earlier it comes",
            f"effect on the final preference for the band, at step {times[0]} minus at step {times[-1]}",
            effects[0] - effects[-1],
        ),
        _claim(
            "starvation",
            "gradient starvation: sensitivity to an orientation grows more slowly the better it is recognised already",
            "minus the rank correlation of growth of √J with accuracy, where accuracy is above 0.05, condition c",
            -np.array(starvation),
        ),
        _claim(
            "strength",
            "a feature of larger standard deviation is learned faster (theory of linear networks: exponent 1)",
            "exponent of learning speed, one over the step at which the loss has fallen by a tenth, against contrast",
            np.polyfit(np.log(strength.contrast), speed, 1)[0],
        ),
    ]


def _starvation(accuracy: Array, rate: Array) -> float:
    """Rank correlation of growth with accuracy, where there is any; NaN where there is too little of it."""
    reached = accuracy > 0.05
    if len(np.unique(accuracy[reached])) < 2:
        return float("nan")
    return float(stats.spearmanr(accuracy[reached], rate[reached]).statistic)


def _claim(name: str, statement: str, quantity: str, values: npt.ArrayLike) -> Claim:
    """A claim that a number is above 0, over seeds."""
    return judge(f"fig6-{name}", statement, quantity, Estimate.over(values, "seeds"), above(0))

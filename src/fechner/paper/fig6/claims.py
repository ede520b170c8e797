"""What Figure 6 claims, tested over seeds: information, frequency, hysteresis, critical period, starvation."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import stats

from fechner.learning import history
from fechner.paper.claim import Claim, t_interval
from fechner.paper.fig6.compute import FREQUENT, LABELS, LAYER, RARE
from fechner.paper.fig6.sequels import BURST

Array = npt.NDArray[np.float64]
WINDOW = 60.0
INFORMATIVE = f"log of mean √J within 30° of {RARE:g}° over that of {FREQUENT:g}°"
FREQUENTLY = f"log of mean √J within 30° of {FREQUENT:g}° over that of {RARE:g}°"


def claims(dataset: xr.Dataset) -> list[Claim]:
    """All claims, with 95 % t-intervals over seeds."""
    theory = json.loads(dataset.attrs["imbalance"])
    found = [
        _claim(
            f"fig6-b-{name}",
            f"(b) uniform inputs, {label}: informative orientations win (theory: their labels keep "
            f"{theory[name]['signal']:.2f} × the signal)",
            INFORMATIVE,
            final_preference(dataset, f"b-{name}", RARE, FREQUENT),
        )
        for name, label in LABELS.items()
    ]
    found.append(
        _claim(
            "fig6-c",
            "(c) labels without noise: frequent orientations win (theory: they are 3.00 × as frequent)",
            FREQUENTLY,
            final_preference(dataset, "c", FREQUENT, RARE),
        )
    )
    found += [
        _claim(
            f"fig6-d-{name}",
            f"(d) equal total information by {label}, unbalanced {theory[name]['total']:.2f}-fold: frequent orientations win "
            f"(theory: density × signal, {theory[name]['effective']:.2f} × as much, "
            + ("so they do)" if theory[name]["effective"] > 1.001 else "so neither does)"),
            FREQUENTLY,
            final_preference(dataset, f"d-{name}", FREQUENT, RARE),
        )
        for name, label in LABELS.items()
    ]
    return found + _sequels(dataset)


def final_preference(dataset: xr.Dataset, condition: str, favoured: float, against: float) -> Array:
    """Preference of each seed's first hidden layer in the end."""
    one = dataset[["fisher_information"]].sel(condition=condition).isel(step=-1)
    return np.asarray(history.preference(one, favoured, against, LAYER))


def rearing(dataset: xr.Dataset, order: str) -> xr.DataArray:
    """Preference for the orientations of A over those of B (seed, step), along one order of rearing."""
    one = dataset[["rearing_fisher_information"]].sel(order=order)
    return history.preference(
        one.rename(rearing_fisher_information="fisher_information", rearing_step="step"), FREQUENT, RARE, LAYER
    )


def switch_slopes(dataset: xr.Dataset) -> list[history.Slopes]:
    """Slopes of the preference for A of every seed, before and after the switch from A to B."""
    curve = rearing(dataset, "A then B").transpose("seed", "step")
    steps = curve.step.values
    return [history.slopes(steps, c, steps[-1] / 2, WINDOW) for c in curve.values]


def burst_effects(dataset: xr.Dataset) -> tuple[Array, Array]:
    """Times of the burst, and its effect on the final preference for the band (time, seed), against no burst."""
    centre = sum(BURST) / 2
    renamed = dataset[["burst_fisher_information"]].rename(burst_fisher_information="fisher_information")
    final = history.preference(renamed, centre, centre + 90, LAYER, (BURST[1] - BURST[0]) / 2)
    effect = final - final.sel(burst_time=-1)
    bursts = effect.sel(burst_time=[t for t in effect.burst_time.values if t >= 0]).transpose("burst_time", "seed")
    return bursts.burst_time.values, bursts.values


def growth(dataset: xr.Dataset) -> tuple[Array, Array]:
    """Accuracy half-way between recordings and growth of √J per step, in condition c: (seed, interval, orientation).

    Growth is relative to the fastest of its orientation.
    """
    one = dataset.sel(condition="c")
    root = np.sqrt(one.fisher_information.sel(layer=LAYER)).transpose("seed", "step", "orientation").values
    right = one.accuracy.transpose("seed", "step", "orientation").values
    rate = np.diff(root, axis=1) / np.diff(one.step.values)[None, :, None]
    return (right[:, 1:] + right[:, :-1]) / 2, rate / rate.max(1, keepdims=True)


def _sequels(dataset: xr.Dataset) -> list[Claim]:
    first, second = rearing(dataset, "A then B"), rearing(dataset, "B then A")
    switch = int(first.step[-1]) // 2
    index = history.hysteresis(first, second, switch)
    found_slopes = switch_slopes(dataset)
    change = np.array([s.after - s.before for s in found_slopes])
    ratio = np.median([s.ratio for s in found_slopes])
    times, effects = burst_effects(dataset)
    accuracy, rate = growth(dataset)
    starved = np.array([_starvation(a, r) for a, r in zip(accuracy, rate, strict=True)])
    exponents = -np.polyfit(np.log(dataset.contrast), np.log(dataset.step_at_tenth.transpose("contrast", "seed")), 1)[0]
    return [
        _claim(
            "fig6-hysteresis",
            f"what was learned first lasts: networks reared {switch} steps in A and {switch} in B differ from the reverse",
            "hysteresis index, the difference in preference left in the end over that at the switch",
            index,
        ),
        _claim(
            "fig6-switch",
            f"sensitivity begins to follow new statistics at the switch (median slope ratio {ratio:.1f})",
            f"slope of the preference for A within {WINDOW:g} steps before the switch to B, minus that after it, per step",
            -change,
        ),
        _claim(
            "fig6-critical-period",
            f"one step of exposure to {BURST[0]:g}–{BURST[1]:g}° lasts more the earlier it comes",
            f"effect on the final preference for the band, at step {times[0]} minus at step {times[-1]}",
            effects[0] - effects[-1],
        ),
        _claim(
            "fig6-starvation",
            "gradient starvation: sensitivity to an orientation grows more slowly the better it is told already",
            "minus the rank correlation of growth of √J with accuracy, where accuracy is above 0.05, condition c",
            -starved,
        ),
        _claim(
            "fig6-strength",
            "a feature of larger standard deviation is learned faster (theory of linear networks: exponent 1)",
            "exponent of learning speed, one over the step at which the loss has fallen by a tenth, against contrast",
            exponents,
        ),
    ]


def _starvation(accuracy: Array, rate: Array) -> float:
    """Rank correlation of growth with accuracy, where there is any; NaN where there is too little of it."""
    reached = accuracy > 0.05
    if len(np.unique(accuracy[reached])) < 2:
        return float("nan")
    return float(stats.spearmanr(accuracy[reached], rate[reached]).statistic)


def _claim(id_: str, statement: str, criterion: str, values: Array) -> Claim:
    """A claim that a number is above 0, over seeds."""
    mean, low, high = t_interval(values)
    return Claim(
        id_,
        "fig6",
        statement,
        f"{criterion}; 95 % t-interval over {len(values)} seeds above 0",
        mean,
        (low, high),
        bool(low > 0),
    )

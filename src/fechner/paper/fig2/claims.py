"""What Figure 2 claims, tested: cardinal over oblique sensitivity, by depth and by state of the weights."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import stats

from fechner import circular
from fechner.comparison import contrast
from fechner.paper import following
from fechner.paper.claim import Claim, t_interval
from fechner.paper.run import MAIN, RANDOM, layers_only, networks, select, third
from fechner.plot.style import LABELS

BOOTSTRAPS = 2000
_ALEXNETS = {
    "alexnet_no_overlap": "pools that do not overlap",
    "alexnet_no_pooling": "strided convolutions",
    "alexnet_circular": "round kernels",
}
Array = npt.NDArray[np.float64]


def ratio(sensitivity: Array, orientation: Array) -> Array:
    """Mean √J within 7.5° of 0° and 90°, over that within 7.5° of 45° and 135°; orientation is the last axis."""
    root = np.sqrt(np.where(sensitivity > 0, sensitivity, np.nan))
    return contrast(root, "orientation", orientation, root)


def dip(sensitivity: Array, orientation: Array) -> Array:
    """Logarithm (base 2) of √J at exactly 0° and 90° over that 2° to 5° from there; NaN without such orientations."""
    at, within, beyond = (circular.near(orientation, [0, 90], 180, d) for d in (0.0, 5.0, 1.9))
    beside = within & ~beyond
    if not at.any() or not beside.any():
        return np.full(sensitivity.shape[:-1], np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        fall = np.log2(np.sqrt(sensitivity[..., at]).mean(-1) / np.sqrt(sensitivity[..., beside]).mean(-1))
    return np.where(np.isfinite(fall), fall, np.nan)


def ratios(dataset: xr.Dataset, measure: Callable[[Array, Array], Array] = ratio) -> tuple[Array, Array]:
    """Cardinal/oblique ratio, or another measure, of each layer, and of 2000 bootstraps over phases (bootstrap, layer)."""
    samples = dataset.fisher_information_samples.transpose("phase", "layer", "orientation").values
    orientation = dataset.orientation.values
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(len(samples), np.full(len(samples), 1 / len(samples)), BOOTSTRAPS) / len(samples)
    again = np.stack([measure(np.tensordot(w, samples, 1), orientation) for w in drawn])
    return measure(samples.mean(0), orientation), again


def claims(dataset: xr.Dataset) -> list[Claim]:
    """All claims that the networks in the dataset allow, each with a 95 % interval."""
    found: list[Claim] = []
    for network in networks(dataset):
        if network in MAIN:
            found += _of_network(dataset, network)
            found += following.claims(dataset, network, "fig2", "gabor", "orientation")
    return found + _pooling(dataset)


def _of_network(dataset: xr.Dataset, network: str) -> list[Claim]:
    found: list[Claim] = []

    def add(
        id_: str, statement: str, criterion: str, measured: float, interval: tuple[float, float], holds: bool
    ) -> None:
        found.append(
            Claim(f"fig2-{network}-{id_}", "fig2", f"{network}: {statement}", criterion, measured, interval, holds)
        )

    logs = {state: _late_by_seed(dataset, network, state) for state in RANDOM}
    for state in RANDOM:
        if len(logs[state]) > 1:
            mean, low, high = t_interval(logs[state])
            add(
                f"late-{state}",
                f"late layers {LABELS[state]} do not prefer horizontal and vertical",
                "cardinal/oblique ratio of √J, geometric mean over the last third of the layers, lies in [0.9, 1.1]; "
                "95 % t-interval over seeds, whole interval inside",
                *_exp(mean, low, high),
                holds=bool(np.log(0.9) < low and high < np.log(1.1)),
            )
    pretrained = layers_only(select(dataset, network=network, weights="pretrained", stimulus="gabor"))
    if not pretrained.sizes["layer"]:
        return found
    late, late_again = (np.nanmean(np.log(r), -1) for r in ratios(third(pretrained, "late")))
    low, high = np.quantile(late_again, [0.025, 0.975])
    add(
        "late-pretrained",
        "late layers of the pretrained network are most sensitive to horizontal and vertical",
        "cardinal/oblique ratio of √J, geometric mean over the last third of the layers, above 1; "
        "95 % bootstrap interval over phases, whole interval above",
        *_exp(float(late), low, high),
        holds=bool(low > 0),
    )
    for state in RANDOM:
        if len(logs[state]) > 1:
            mean, low, high = t_interval(float(late) - logs[state])
            add(
                f"pretrained-over-{state}",
                f"the preference of late layers for horizontal and vertical is absent {_absent[state]}",
                f"late cardinal/oblique ratio, pretrained over {state}, above 1; 95 % t-interval over seeds",
                *_exp(mean, low, high),
                holds=bool(low > 0),
            )
    early, early_again = (np.nanmean(np.log(r), -1) for r in ratios(third(pretrained, "early")))
    low, high = np.quantile(early_again, [0.025, 0.975])
    add(
        "early-pretrained",
        "early layers of the pretrained network prefer horizontal and vertical too",
        "cardinal/oblique ratio of √J, geometric mean over the first third of the layers, above 1; "
        "95 % bootstrap interval over phases",
        *_exp(float(early), low, high),
        holds=bool(low > 0),
    )
    one, again = ratios(pretrained)
    lowest = int(np.nanargmin(one))
    tail = 0.025 / len(one)
    low, high = np.quantile(again[:, lowest], [tail, 1 - tail])
    add(
        "early-reversed",
        f"before that the preference is reversed: '{pretrained.layer.values[lowest]}' prefers obliques (not in the paper)",
        "smallest cardinal/oblique ratio of √J of any layer, below 1; 95 % bootstrap interval over phases, "
        f"Bonferroni-corrected for the choice among {len(one)} layers",
        float(one[lowest]),
        (float(low), float(high)),
        holds=bool(high < 1),
    )
    depth = np.arange(len(one))
    trend = float(stats.spearmanr(depth, one).statistic)
    low, high = np.quantile([stats.spearmanr(depth, r).statistic for r in again], [0.025, 0.975])
    add(
        "depth",
        f"the preference grows with depth (above 1 from layer '{_onset(pretrained, again)}' on)",
        "rank correlation of a layer's cardinal/oblique ratio with its depth, above 0; 95 % bootstrap interval over phases",
        trend,
        (float(low), float(high)),
        holds=bool(low > 0),
    )
    falls, again = ratios(third(pretrained, "late"), dip)
    if np.isfinite(falls).any():
        fall, fall_again = np.nanmean(falls), np.nanmean(again, -1)
        low, high = np.quantile(fall_again, [0.025, 0.975])
        add(
            "mirror",
            "at exactly 0° and 90°, which mirroring leaves as they are, late layers lose sensitivity (not in the paper)",
            "log2 of √J at 0° and 90° over that 2° to 5° from there, mean over the last third of the layers, below 0; "
            "95 % bootstrap interval over phases",
            float(fall),
            (float(low), float(high)),
            holds=bool(high < 0),
        )
    return found


_absent = {"init": "at initialisation", "shuffled": "once its weights are shuffled"}


def _onset(dataset: xr.Dataset, again: Array) -> str:
    """First layer from which on every ratio is above 1 with 95 % confidence."""
    above = np.quantile(again, 0.025, axis=0) > 1
    below = np.flatnonzero(~above)
    first = 0 if not len(below) else int(below[-1]) + 1
    return str(dataset.layer.values[first]) if first < len(above) else "none"


def _pooling(dataset: xr.Dataset) -> list[Claim]:
    """AlexNet with random weights: does changing its pooling or its kernels change the preference of its architecture?"""
    found = []
    for state, (variant, what) in product(RANDOM, _ALEXNETS.items()):
        base, other = (_late_by_seed(dataset, n, state) for n in ("alexnet", variant))
        if len(base) > 1 and len(base) == len(other):
            mean, low, high = t_interval(np.abs(base) - np.abs(other))
            found.append(
                Claim(
                    f"fig2-{variant}" + ("" if state == "init" else f"-{state}"),
                    "fig2",
                    f"AlexNet {LABELS[state]}: with {what} the late layers' anisotropy is smaller",
                    "|log cardinal/oblique ratio| of late layers, AlexNet minus variant, above 0; 95 % t-interval over seeds",
                    mean,
                    (low, high),
                    bool(low > 0),
                )
            )
    return found


def _late_by_seed(dataset: xr.Dataset, network: str, state: str) -> Array:
    """Log of the late ratio for every seed of a state."""
    part = select(dataset, network=network, weights=state, stimulus="gabor")
    logs = []
    for seed in np.unique(part.seed.values):
        late = third(layers_only(select(part, seed=seed)), "late")
        logs.append(float(np.nanmean(np.log(ratio(late.fisher_information.values, late.orientation.values)))))
    return np.array(logs)


def _exp(mean: float, low: float, high: float) -> tuple[float, tuple[float, float]]:
    return float(np.exp(mean)), (float(np.exp(low)), float(np.exp(high)))

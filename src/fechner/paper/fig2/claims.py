"""What Figure 2 claims, tested: cardinal over oblique sensitivity, by depth and by state of the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import stats

from fechner import circular
from fechner.comparison import contrast
from fechner.paper import following
from fechner.paper.claim import Bound, Claim, Estimate, above, below, judge, within
from fechner.paper.curves import MAIN, RANDOM, by_seed, layers_only, networks, select, third
from fechner.plot.style import LABELS

BOOTSTRAPS = 2000
RATIO = "cardinal/oblique ratio of √J, geometric mean over the last third of the layers"
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


def claims(tree: xr.DataTree) -> list[Claim]:
    """All claims that the networks that were measured allow, each with a 95 % interval."""
    curves, prior = tree["curves"].to_dataset(), tree["density"].to_dataset()
    judged: list[Claim] = []
    for network in (n for n in networks(curves) if n in MAIN):
        judged += [
            judge(f"fig2-{network}-{id_}", f"{network}: {statement}", quantity, estimate, bound)
            for id_, statement, quantity, estimate, bound in _of_network(curves, network)
        ]
        judged += following.claims(curves, prior, network, "fig2", "gabor")
    return judged + [judge(*claim) for claim in _pooling(curves)]


def _of_network(dataset: xr.Dataset, network: str) -> Iterator[tuple[str, str, str, Estimate, Bound]]:
    """Of each claim what `judge` takes; ids and statements without the network's name."""
    random = {state: logs for state in RANDOM if len(logs := _late_by_seed(dataset, network, state)) > 1}
    for state, logs in random.items():
        yield (
            f"late-{state}",
            f"late layers {LABELS[state]} do not prefer horizontal and vertical",
            RATIO,
            Estimate.over(logs, "seeds").exp(),
            within(0.9, 1.1),
        )
    pretrained = layers_only(select(dataset, network=network, weights="pretrained", stimulus="gabor"))
    if not pretrained.sizes["layer"]:
        return
    early, late = (_log_ratio(third(pretrained, which)) for which in ("early", "late"))
    yield (
        "late-pretrained",
        "late layers of the pretrained network are most sensitive to horizontal and vertical",
        RATIO,
        late.exp(),
        above(1),
    )
    for state, logs in random.items():
        yield (
            f"pretrained-over-{state}",
            f"the preference of late layers for horizontal and vertical is absent {_ABSENT[state]}",
            f"{RATIO}, pretrained over {state}",
            Estimate.over(late.value - logs, "seeds").exp(),
            above(1),
        )
    yield (
        "early-pretrained",
        "early layers of the pretrained network prefer horizontal and vertical too",
        "cardinal/oblique ratio of √J, geometric mean over the first third of the layers",
        early.exp(),
        above(1),
    )
    by_layer, replicates = ratios(pretrained)
    lowest, count = int(np.nanargmin(by_layer)), len(by_layer)
    yield (
        "early-reversed",
        f"before that the preference is reversed: '{pretrained.layer.values[lowest]}' prefers obliques (not in the paper)",
        "smallest cardinal/oblique ratio of √J of any layer",
        Estimate.bootstrap(by_layer[lowest], replicates[:, lowest], "phases"),
        below(1),
    )
    trend, *trends = (stats.spearmanr(np.arange(count), r).statistic for r in (by_layer, *replicates))
    yield (
        "depth",
        f"the preference grows with depth (above 1 from layer '{_onset(pretrained, replicates)}' on)",
        "rank correlation of a layer's cardinal/oblique ratio with its depth",
        Estimate.bootstrap(trend, trends, "phases"),
        above(0),
    )
    by_layer, replicates = ratios(third(pretrained, "late"), dip)
    if np.isfinite(by_layer).any():
        yield (
            "mirror",
            "at exactly 0° and 90°, which mirroring leaves as they are, late layers lose sensitivity (not in the paper)",
            "log2 of √J at 0° and 90° over that 2° to 5° from there, mean over the last third of the layers",
            Estimate.bootstrap(float(np.nanmean(by_layer)), np.nanmean(replicates, -1), "phases"),
            below(0),
        )


_ABSENT = {"init": "at initialisation", "shuffled": "once its weights are shuffled"}


def _onset(dataset: xr.Dataset, again: Array) -> str:
    """First layer from which on every ratio is above 1 with 95 % confidence."""
    above = np.quantile(again, 0.025, axis=0) > 1
    below = np.flatnonzero(~above)
    first = 0 if not len(below) else int(below[-1]) + 1
    return str(dataset.layer.values[first]) if first < len(above) else "none"


def _pooling(dataset: xr.Dataset) -> Iterator[tuple[str, str, str, Estimate, Bound]]:
    """AlexNet with random weights: does changing its pooling or its kernels change the preference of its architecture?"""
    for state, (variant, change) in product(RANDOM, _ALEXNETS.items()):
        base, other = (_late_by_seed(dataset, n, state) for n in ("alexnet", variant))
        if len(base) > 1 and len(base) == len(other):
            yield (
                f"fig2-{variant}" + ("" if state == "init" else f"-{state}"),
                f"AlexNet {LABELS[state]}: with {change} the late layers' anisotropy is smaller",
                "|log cardinal/oblique ratio| of late layers, AlexNet minus variant",
                Estimate.over(np.abs(base) - np.abs(other), "seeds"),
                above(0),
            )


def _log_ratio(layers: xr.Dataset) -> Estimate:
    """Log of the geometric mean of the layers' cardinal/oblique ratios; a layer without sensitivity does not count."""
    value, replicates = (np.nanmean(np.log(r), -1) for r in ratios(layers))
    return Estimate.bootstrap(value, replicates, "phases")


def _late_by_seed(dataset: xr.Dataset, network: str, state: str) -> Array:
    """Log of the late ratio for every seed of a state."""
    seeds = by_seed(select(dataset, network=network, weights=state, stimulus="gabor"))
    late = (third(layers_only(one), "late") for one in seeds)
    return np.array([np.nanmean(np.log(ratio(one.fisher_information.values, one.orientation.values))) for one in late])

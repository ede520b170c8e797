"""What Figure 2 claims, tested over networks: cardinal over oblique sensitivity, and how far it follows the density.

What is known of each network, and of its controls, are measurements. Values that are uncertain and layers that are not
resolved count nowhere, so that shuffled weights, whose curves are noise, carry no claim.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import stats

from fechner import circular
from fechner.agreement import contrast
from fechner.paper import following
from fechner.paper.claim import Claim, Estimate, Measurement, above, judge, measured, within
from fechner.paper.curves import ALL, COUNTED, RANDOM, by_seed, certain, layers_only, networks, select, third, whole
from fechner.paper.following import gain, main, over_networks
from fechner.plot.style import LABELS

RATIO = f"cardinal/oblique ratio of √J, geometric mean over the last third of the layers, {COUNTED}"
_ALEXNETS = {
    "alexnet_no_overlap": "pools that do not overlap",
    "alexnet_no_pooling": "strided convolutions",
    "alexnet_circular": "round kernels",
}
Array = npt.NDArray[np.float64]


def ratio(curves: xr.Dataset) -> Array:
    """Of each layer, mean √J within 7.5° of 0° and 90° over that within 7.5° of 45° and 135°, where it carries a claim."""
    information = certain(curves).fisher_information.transpose("layer", "orientation").values
    root = np.sqrt(np.where(information > 0, information, np.nan))
    return contrast(root, "orientation", curves.orientation.values, root)


def dip(curves: xr.Dataset) -> Array:
    """Of each layer, log2 of √J at exactly 0° and 90° over that 2° to 5° from there; NaN without such orientations."""
    orientation = curves.orientation.values
    at, within_5, beyond = (circular.near(orientation, [0, 90], 180, d) for d in (0.0, 5.0, 1.9))
    around = within_5 & ~beyond
    if not at.any() or not around.any():
        return np.full(curves.sizes["layer"], np.nan)
    root = np.sqrt(certain(curves).fisher_information.transpose("layer", "orientation").values)
    with np.errstate(divide="ignore", invalid="ignore"):
        fall = np.log2(root[..., at].mean(-1) / root[..., around].mean(-1))
    return np.where(np.isfinite(fall), fall, np.nan)


def claims(tree: xr.DataTree) -> list[Claim]:
    """The paper's sentences on orientation, each with an interval over networks."""
    curves, prior = tree["curves"].to_dataset(), tree["density"].to_dataset()
    trained, initial = (
        {network: float(np.mean(_mean_log(part))) for network, part in main(curves, state).items()}
        for state in ("pretrained", "init")
    )
    judged = [
        (
            "late-pretrained",
            "late layers of pretrained networks are most sensitive to horizontal and vertical",
            RATIO,
            trained,
            above(1),
        ),
        (
            "late-init",
            "late layers of initialised networks do not prefer horizontal and vertical",
            RATIO,
            initial,
            within(0.9, 1.1),
        ),
        (
            "pretrained-over-init",
            "training brings the preference of late layers for horizontal and vertical",
            f"{RATIO}; pretrained over initialised, where both count",
            gain(curves, lambda part: float(np.mean(_mean_log(part)))),
            above(1),
        ),
    ]
    return [
        judge(f"fig2-{id_}", statement, quantity, over_networks(logs).exp(), bound)
        for id_, statement, quantity, logs, bound in judged
        if logs
    ] + following.claims(curves, prior, "fig2")


def measurements(tree: xr.DataTree) -> list[Measurement]:
    """What is known of each network and of its controls."""
    curves, prior = tree["curves"].to_dataset(), tree["density"].to_dataset()
    of_all = {n: float(np.mean(_mean_log(part))) for n, part in main(whole(curves), "pretrained").items()}
    statement = RATIO.replace(COUNTED, ALL)
    return [
        *([measured("fig2-late-pretrained-all-values", statement, over_networks(of_all).exp())] if of_all else []),
        *(one for network in networks(curves) for one in _of_network(curves, network)),
        *following.measurements(curves, prior, "fig2"),
        *_pooling(curves),
    ]


def _of_network(dataset: xr.Dataset, network: str) -> Iterator[Measurement]:
    def record(id_: str, statement: str, estimate: Estimate | float) -> Measurement:
        return measured(f"fig2-{network}-{id_}", f"{network}: {statement}", estimate)

    gabor = select(dataset, network=network, stimulus="gabor")
    for state in ("pretrained", *RANDOM):
        part = select(gabor, weights=state)
        if part.sizes["layer"]:
            label = f"late layers, {LABELS[state]}"
            yield record(
                f"late-{state}", f"cardinal/oblique ratio of √J, {label}", Estimate.over(_mean_log(part), "seeds").exp()
            )
            resolved = float(layers_only(part).resolved.mean())
            yield record(f"resolved-{state}", f"share of all layers that the grid resolves, {LABELS[state]}", resolved)
    pretrained = layers_only(select(gabor, weights="pretrained"))
    if not pretrained.sizes["layer"]:
        return
    by_layer = ratio(pretrained)
    early = Estimate.over(_mean_log(pretrained, "early"), "seeds").exp()
    yield record("early-pretrained", "cardinal/oblique ratio of √J, early layers, pretrained", early)
    if np.isfinite(by_layer).any():
        lowest = int(np.nanargmin(by_layer))
        name = pretrained.layer.values[lowest]
        yield record("lowest", f"smallest cardinal/oblique ratio of √J, in layer '{name}'", float(by_layer[lowest]))
    trend = stats.spearmanr(np.arange(len(by_layer)), by_layer, nan_policy="omit").statistic
    yield record("depth", "rank correlation of a layer's cardinal/oblique ratio with its depth", float(trend))
    falls = dip(third(pretrained, "late"))
    if np.isfinite(falls).any():
        statement = (
            "log2 of √J at exactly 0° and 90°, which mirroring leaves as they are, over that 2° to 5° from there"
        )
        yield record("mirror", f"{statement}, late layers", float(np.nanmean(falls)))


def _pooling(dataset: xr.Dataset) -> Iterator[Measurement]:
    """AlexNet with random weights: how much of its late layers' anisotropy is left with another pooling or other kernels."""
    for state, (variant, change) in product(RANDOM, _ALEXNETS.items()):
        base, other = (
            _mean_log(select(dataset, network=n, weights=state, stimulus="gabor")) for n in ("alexnet", variant)
        )
        if len(base) and len(base) == len(other):
            yield measured(
                f"fig2-{variant}-{state}",
                f"AlexNet {LABELS[state]}: |log cardinal/oblique ratio| of late layers, minus that with {change}",
                Estimate.over(np.abs(base) - np.abs(other), "seeds"),
            )


def _mean_log(part: xr.Dataset, which: str = "late") -> Array:
    """Mean log of the ratios of a third of the layers, for every seed of a part; NaN where no layer of them has one."""
    thirds = (ratio(third(layers_only(one), which)) for one in by_seed(part))
    return np.array([np.log(r[np.isfinite(r)]).mean() if np.isfinite(r).any() else np.nan for r in thirds])

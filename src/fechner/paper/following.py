"""Whether sensitivity follows a density: in late layers, more than in early ones, and more than before training.

Claims are about networks, so that networks are what is sampled: the main ones, of one family. What is known of each of them
is a measurement. Values that are uncertain and layers that are not resolved count nowhere (`compare` leaves them out).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from fechner import results
from fechner.comparison import MANY, compare
from fechner.paper.claim import Claim, Estimate, Measurement, above, judge, measured
from fechner.paper.curves import ALL, COUNTED, FAMILY, MAIN, by_seed, layers_only, networks, select, third, whole

FOLLOWING = f"correlation of √J with the density, mean over the last third of the layers, {COUNTED}"


def claims(curves: xr.Dataset, prior: xr.Dataset, figure: str) -> list[Claim]:
    """Claims on the main networks, of the main stimulus of the figure."""
    return [
        judge(f"{figure}-{id_}", statement, quantity, over_networks(values), above(0))
        for id_, statement, quantity, values in _of_networks(curves, prior)
    ]


def measurements(curves: xr.Dataset, prior: xr.Dataset, figure: str) -> list[Measurement]:
    """The same of all values, even those that carry no claim; and how far each network follows the density."""
    return [
        measured(f"{figure}-{id_}-all-values", quantity.replace(COUNTED, ALL), over_networks(values))
        for id_, _, quantity, values in _of_networks(whole(curves), prior)
    ] + list(_of_each(curves, prior, figure))


def over_networks(values: Mapping[str, float]) -> Estimate:
    """The mean over networks, of one value each, with an interval that is over the members of their family.

    >>> over_networks({"efficientnet_lite0": 0.5, "efficientnet_lite1": 0.7}).interval
    '95 % t-interval over 2 networks of the EfficientNet-Lite family'

    A network whose value is not known is left out.
    """
    known = [value for value in values.values() if np.isfinite(value)]
    return (
        Estimate.over(known, FAMILY)
        if known
        else Estimate(np.nan, np.nan, np.nan, f"95 % interval over {FAMILY}, none of which has such layers,")
    )


def gain(curves: xr.Dataset, value: Callable[[xr.Dataset], float]) -> dict[str, float]:
    """By how much a value is larger after training than before, for every main network; mean over seeds of initial weights.

    Both states count at the same orientations or hues, where both are certain, and in layers that both grids resolve, so that
    a network which training left as it was has a gain of 0.
    """
    trained, initial = (main(curves, state) for state in ("pretrained", "init"))
    gains = {}
    for network in (n for n in trained if n in initial):
        pairs = [_alike(trained[network], one) for one in by_seed(initial[network])]
        gains[network] = float(np.mean([value(after) - value(before) for after, before in pairs]))
    return gains


def _alike(first: xr.Dataset, second: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset]:
    """Two states of a network at the values that both have, with the marks of both."""
    (along,) = (str(d) for d in first.fisher_information.dims if d != "layer")
    shared = np.intersect1d(first[along], second[along])
    first, second = first.sel({along: shared}), second.sel({along: shared})
    marks: dict[str, Any] = {}
    if "uncertain" in first:
        either = (first.uncertain.values > 0) | (second.uncertain.values > 0)
        marks["uncertain"] = (first.uncertain.dims, either.astype(float))
    if "resolved" in first:
        marks["resolved"] = ("layer", (first.resolved.values > 0) & (second.resolved.values > 0))
    return first.assign(marks), second.assign(marks)


def main(curves: xr.Dataset, state: str) -> dict[str, xr.Dataset]:
    """The curves of every main network in a state, of the main stimulus of a figure; those that were not measured are left out."""
    parts = {n: select(curves, network=n, weights=state, stimulus=main_stimulus(curves)) for n in MAIN}
    return {network: part for network, part in parts.items() if part.sizes["layer"]}


def main_stimulus(curves: xr.Dataset) -> str:
    """The stimulus that a figure is about, which its first part has."""
    return str(curves.stimulus.values[0])


def _correlations(curves: xr.Dataset, prior: xr.Dataset, which: str) -> dict[str, float]:
    """Mean correlation over a third of the layers of every main network after training."""
    return {n: _mean(compare(part, prior), which) for n, part in main(curves, "pretrained").items()}


def _of_networks(curves: xr.Dataset, prior: xr.Dataset) -> Iterator[tuple[str, str, str, dict[str, float]]]:
    """Of each claim the end of its id, its sentence, the quantity, and the value of each network."""
    feature = results.along(prior)
    late, early = (_correlations(curves, prior, which) for which in ("late", "early"))
    if not late:
        return
    yield (
        "follows",
        f"late layers of pretrained networks are more sensitive to {feature}s that are frequent in photographs",
        FOLLOWING,
        late,
    )
    yield (
        "follows-over-early",
        f"late layers of pretrained networks follow the frequency of {feature}s better than early layers",
        f"{FOLLOWING}, minus that over the first third",
        {network: value - early[network] for network, value in late.items()},
    )
    if gains := gain(curves, lambda part: _mean(compare(part, prior), "late")):
        yield (
            "follows-over-init",
            f"late layers follow the frequency of {feature}s better after training than before",
            f"{FOLLOWING}, pretrained minus initialised, where both count",
            gains,
        )


def _of_each(curves: xr.Dataset, prior: xr.Dataset, figure: str) -> Iterator[Measurement]:
    feature = results.along(prior)
    for network in networks(curves):
        own = select(curves, network=network, stimulus=main_stimulus(curves))

        def record(id_: str, statement: str, estimate: Estimate | float, network: str = network) -> Measurement:
            return measured(f"{figure}-{network}-{id_}", f"{network}: {statement}", estimate)

        pretrained, initial = (select(own, weights=state) for state in ("pretrained", "init"))
        if pretrained.sizes["layer"]:
            share = float(layers_only(pretrained).uncertain.mean())
            yield record("uncertain", "share of values whose integration error exceeds 5 %, pretrained", share)
            compared = compare(whole(pretrained), prior)
            for which in ("late", "early"):
                layers = _third(compared, which).correlation_jackknife.mean("layer", skipna=True)
                value = _mean(compared, which)
                many = len(layers) >= MANY
                estimate = Estimate.jackknife(value, layers.values, "photographs") if many else Estimate.alone(value)
                yield record(
                    f"follows-{which}", f"correlation of √J with the density of {feature}, {which} layers", estimate
                )
            exponent = float(_third(compared, "late").exponent.mean("layer", skipna=True))
            yield record("exponent", "exponent q of J ∝ p^q, mean over late layers", exponent)
        if initial.sizes["layer"]:
            late = [_mean(compare(whole(one), prior), "late") for one in by_seed(initial)]
            statement = f"correlation of √J with the density of {feature}, late layers at initialisation"
            yield record("follows-init", statement, Estimate.over(late, "seeds"))


def _third(compared: xr.Dataset, which: str) -> xr.Dataset:
    return third(layers_only(compared), which).isel(reference=0)


def _mean(compared: xr.Dataset, which: str) -> float:
    """Mean correlation over a third of the layers; those without sensitivity, and those without a claim, count nowhere."""
    return float(_third(compared, which).correlation.mean("layer", skipna=True))

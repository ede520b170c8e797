"""Whether sensitivity follows a density: in late layers, more than in early ones, and more than before training.

Claims are about networks, so that networks are what is sampled: the main ones, of one family. What is known of each of them
is a measurement. Values that are uncertain and layers that are not resolved count nowhere (`compare` leaves them out).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr

from fechner import results
from fechner.comparison import compare
from fechner.paper.claim import Claim, Estimate, Measurement, above, judge, measured
from fechner.paper.curves import FAMILY, MAIN, by_seed, layers_only, networks, select, third, whole

FOLLOWING = "correlation of √J with the density, mean over the last third of the layers"


def claims(curves: xr.Dataset, prior: xr.Dataset, figure: str) -> list[Claim]:
    """Claims on the main networks, of the main stimulus of the figure."""
    return [
        judge(f"{figure}-{id_}", statement, quantity, over_networks(values), above(0))
        for id_, statement, quantity, values in _of_networks(curves, prior)
    ]


def measurements(curves: xr.Dataset, prior: xr.Dataset, figure: str) -> list[Measurement]:
    """The same of all values, even those that carry no claim; and how far each network follows the density."""
    return [
        measured(f"{figure}-{id_}-all-values", f"{quantity}; all values, even uncertain ones", over_networks(values))
        for id_, _, quantity, values in _of_networks(whole(curves), prior)
    ] + list(_of_each(curves, prior, figure))


def over_networks(values: Mapping[str, float]) -> Estimate:
    """The mean over networks, of one value each, with an interval that is over the members of their family.

    >>> over_networks({"efficientnet_lite0": 0.5, "efficientnet_lite1": 0.7}).interval
    '95 % t-interval over 2 networks of the EfficientNet-Lite family'

    A network whose value is not known is left out.
    """
    known = [value for value in values.values() if np.isfinite(value)]
    return Estimate.over(known or [np.nan], FAMILY)


def difference(values: Mapping[str, float], minus: Mapping[str, float]) -> dict[str, float]:
    """The difference of two values of each network that has both.

    >>> difference({"a": 3.0, "b": 2.0}, {"a": 1.0})
    {'a': 2.0}
    """
    return {network: value - minus[network] for network, value in values.items() if network in minus}


def main(curves: xr.Dataset, state: str) -> dict[str, xr.Dataset]:
    """The curves of every main network in a state, of the main stimulus of a figure; those that were not measured are left out."""
    parts = {n: select(curves, network=n, weights=state, stimulus=main_stimulus(curves)) for n in MAIN}
    return {network: part for network, part in parts.items() if part.sizes["layer"]}


def main_stimulus(curves: xr.Dataset) -> str:
    """The stimulus that a figure is about, which its first part has."""
    return str(curves.stimulus.values[0])


def _correlations(curves: xr.Dataset, prior: xr.Dataset, state: str, which: str) -> dict[str, float]:
    """Mean correlation over a third of the layers, and over seeds, of every main network."""
    return {
        network: float(np.mean([_mean(compare(one, prior), which) for one in by_seed(part)]))
        for network, part in main(curves, state).items()
    }


def _of_networks(curves: xr.Dataset, prior: xr.Dataset) -> Iterator[tuple[str, str, str, dict[str, float]]]:
    """Of each claim the end of its id, its sentence, the quantity, and the value of each network."""
    feature = results.along(prior)
    late, early, before = (
        _correlations(curves, prior, *which)
        for which in (("pretrained", "late"), ("pretrained", "early"), ("init", "late"))
    )
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
        difference(late, early),
    )
    if before:
        yield (
            "follows-over-init",
            f"late layers follow the frequency of {feature}s better after training than before",
            f"{FOLLOWING}, pretrained minus initialised",
            difference(late, before),
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
                estimate = Estimate.jackknife(_mean(compared, which), layers.values, "photographs")
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

"""What the manipulation of training images does to late layers: what the paper claims of it, and what else was measured.

A pair is two trainings of one seed, with and without the manipulation, and the sampled unit of every interval. The causal
test is claimed of every network, so that it can fail; what else the paper says, it says of a ResNet18.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import xarray as xr

from fechner import circular, results
from fechner.differences import difference
from fechner.fisher import relative_to_mean
from fechner.interval import interval_in_words
from fechner.paper.claim import FISHERS_Z, Bound, Claim, Estimate, Measurement, above, judge, measured, within
from fechner.paper.trained import effect
from fechner.paper.trained.files import Setup
from fechner.paper.trained.pairs import HUE, PAIRS, ROTATED, TURNED, density, late, pairs, setups, trained_alike

# As the paper trained a ResNet18.
PAPER = "resnet18_small"
# Recordings have four phases and no integration error, so that no value is marked: docs/measured.md says how little the
# ratio depends on it.
RATIO = (
    "cardinal over oblique √J of the last third of layers, trained upright over trained on images rotated by 45° (recorded with "
    "4 phases, integration errors not marked)"
)


class Question(NamedTuple):
    """What a manipulation does to a network: judged by its bound if the paper says it of that network, else measured."""

    setup: Setup
    name: str
    statement: str
    quantity: str
    estimate: Estimate
    bound: Bound
    claimed: bool

    def claim(self) -> Claim:
        """By the bound."""
        return judge(
            self.setup.claim_id(self.name),
            f"{self.setup.label}: {self.statement}",
            self.quantity,
            self.estimate,
            self.bound,
        )

    def measurement(self) -> Measurement:
        """The number alone."""
        return measured(self.setup.claim_id(self.name), f"{self.setup.label}: {self.quantity}", self.estimate)


def claims(tree: xr.DataTree) -> list[Claim]:
    """The causal test of every network, and what the paper says of its own."""
    return [question.claim() for question in questions(tree) if question.claimed]


def measurements(tree: xr.DataTree) -> list[Measurement]:
    """The same of variants and other networks; what mirroring does at its axes, what is left beside them; early layers."""
    part = tree.children["orientation"]
    numbers = [question.measurement() for question in questions(tree) if not question.claimed]

    def add(setup: Setup, name: str, quantity: str, ratios: list[float]) -> None:
        numbers.append(measured(setup.claim_id(name), f"{setup.label}: {quantity}", effect.geometric(ratios)))

    for setup in setups(part):
        add(setup, "beside", f"{RATIO}; 7.5° to 20° from each", effect.by_pair(part, setup, effect.BESIDE))
        dips = [float(effect.dip(late(u), late(r))) for r, u in zip(*pairs(part, setup, ROTATED), strict=True)]
        add(setup, "dip", "√J of late layers at the axes of mirroring over that 10° to 20° from them", dips)
    for setup in trained_alike(part):
        add(setup, "early", RATIO.replace("last", "first"), effect.by_pair(part, setup, which="early"))
    return numbers


def questions(tree: xr.DataTree) -> Iterator[Question]:
    """Everything that the paper says, asked of every setup with a pair of trainings."""
    orientation, hue = tree.children["orientation"], tree.children.get("hue", xr.DataTree())
    alike = trained_alike(orientation)
    for setup in setups(orientation):
        yield Question(
            setup,
            "cause",
            "late layers become more sensitive to the orientations that have become frequent",
            RATIO,
            effect.geometric(effect.by_pair(orientation, setup)),
            above(1),
            claimed=setup in alike,
        )
    for part, condition, angle in ((orientation, ROTATED, 45.0), (orientation, TURNED, 22.5), (hue, HUE, 90.0)):
        for setup in trained_alike(part, condition):
            yield from _turned(part, setup, condition, angle)


def _turned(part: xr.DataTree, setup: Setup, condition: str, angle: float) -> Iterator[Question]:
    """By how much curves are turned, and whether sensitivity changed where the manipulation changed the images."""
    manipulated, upright = pairs(part, setup, condition)
    along, claimed = results.along(upright[0]), setup == Setup(PAPER) and condition != TURNED
    grid, period = upright[0][along].values, circular.circle_of(upright[0][along])
    images = f"images {'with hue shifted' if condition == HUE else 'rotated'} by {angle:g}°"
    turned = difference(*([_one(late(curves), along) for curves in group] for group in (manipulated, upright)))
    best, low, high = (float(turned[f"shift{end}"][0]) for end in ("", "_low", "_high"))
    shift = Estimate(best, low, high, interval_in_words(len(upright), PAIRS))
    yield Question(
        setup,
        f"shift-{angle:g}-{along}",
        f"trained on {images}, sensitivity of late layers is shifted with them",
        f"trained on {images}: shift of the upright curve that correlates best, modulo {period:g}°, last third of layers",
        shift + round((angle - shift.value) / period) * period if np.isfinite(shift.value) else shift,
        within(angle / 2, 3 * angle / 2),
        claimed,
    )
    before, after = density(part), density(part, angle)
    if before is None or after is None:
        return
    changed = circular.rebin((after.density - before.density).values, grid, period)
    changes = [
        np.subtract(*(relative_to_mean(np.sqrt(late(one).values)) for one in pair))
        for pair in zip(manipulated, upright, strict=True)
    ]
    yield Question(
        setup,
        f"follows-{angle:g}-{along}",
        f"trained on {images}, late layers become more sensitive to what has become frequent, and less to what has become rare",
        f"trained on {images}: correlation over {along} of the change of relative sensitivity with that of density, last third",
        Estimate.over([np.corrcoef(change, changed)[0, 1] for change in changes], PAIRS, FISHERS_Z),
        above(0),
        claimed,
    )


def _one(curve: xr.DataArray, along: str) -> xr.Dataset:
    return curve.expand_dims(layer=["late"]).to_dataset(name="fisher_information").assign_attrs(along=along)

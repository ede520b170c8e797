"""When sensitivity follows what training images contain: by mirroring, network, depth, spatial frequency and epoch.

A network that learns that a mirrored image is of the same class comes to respond alike to θ and −θ, so that its
sensitivity falls at the two orientations that mirroring leaves alone: 0° and 90°, or these turned with the images, since
images are mirrored before they are rotated. Photographs teach that to some degree, mirroring them at random teaches it
more. These are also the orientations that images contain most. What follows the images is therefore measured beside these
axes too.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from fechner import circular
from fechner.paper.claim import Claim, Estimate, above, below, judge
from fechner.paper.curves import third
from fechner.paper.trained.files import Setup
from fechner.paper.trained.pairs import ROTATED, late, pairs, setups

Array = npt.NDArray[np.float64]
Band = tuple[float, float]
# Degrees from the axes of mirroring: around them, and next to them without them.
AROUND: Band = (0.0, 7.5)
BESIDE: Band = (7.5, 20.0)
_ON, _NEXT = (0.0, 2.4), (10.0, 20.0)
_TURN = 45.0
# What is compared, of networks in trainings/ of the repository: the larger first.
_LARGER = (
    (
        "kernels",
        "late layers prefer what is frequent more with larger kernels",
        Setup("plain:kernels_of_5"),
        Setup("plain:kernels_of_3"),
    ),
    (
        "resolution",
        "late layers prefer what is frequent more in images of more pixels",
        Setup("plain:kernels_of_3", size=64, epochs=6),
        Setup("plain:kernels_of_3", epochs=6),
    ),
)
PREFERENCE = "log2 of √J 7.5° to 20° from 0° and 90° over that from 45° and 135°, upright minus rotated by 45°"


def mean_in(information: Array, orientation: Array, turned: float, band: Band) -> Array:
    """Mean √J of J (…, orientation) over orientations so far from 0° and 90°, or from these turned."""
    away = np.minimum(*(circular.distance(orientation, turned + axis, 180.0) for axis in (0.0, 90.0)))
    return np.sqrt(information[..., (away >= band[0]) & (away <= band[1])]).mean(-1)


def moved(upright: Array, rotated: Array, orientation: Array, band: Band) -> Array:
    """By how many octaves rotating images by 45° moves cardinal over oblique √J, so many degrees from the axes."""
    ratios = [mean_in(d, orientation, 0.0, band) / mean_in(d, orientation, _TURN, band) for d in (upright, rotated)]
    return np.log2(ratios[0]) - np.log2(ratios[1])


def dip(upright: Array, rotated: Array, orientation: Array) -> Array:
    """Logarithm (base 2) of √J at the axes of mirroring over that 10° to 20° from them, mean of both trainings."""
    ratios = [
        np.log2(mean_in(d, orientation, turned, _ON) / mean_in(d, orientation, turned, _NEXT))
        for d, turned in ((upright, 0.0), (rotated, _TURN))
    ]
    return np.mean(ratios, 0)


def effects(part: xr.DataTree, setup: Setup) -> dict[str, Estimate]:
    """What rotation by 45° does to late layers, around the axes and beside them, and the dip at them; mean over seeds."""
    orientation, samples = _samples(part, setup)
    return {
        "around": Estimate.of_trainings(lambda u, r: moved(u, r, orientation, AROUND), *samples),
        "beside": Estimate.of_trainings(lambda u, r: moved(u, r, orientation, BESIDE), *samples),
        "dip": Estimate.of_trainings(lambda u, r: dip(u, r, orientation), *samples),
    }


def claims(part: xr.DataTree) -> list[Claim]:
    """What mirroring does to every network with a pair of trainings, and what is left beside its axes."""
    known = setups(part)
    judged: list[Claim] = []
    for setup in known:
        measured = effects(part, setup)
        judged += [
            judge(
                setup.claim_id("beside"),
                f"{setup.label}: beside the axes of mirroring, late layers prefer the orientations that are frequent",
                PREFERENCE,
                measured["beside"],
                above(0),
            ),
            judge(
                setup.claim_id("mirror"),
                f"{setup.label}: late layers are less sensitive at the axes of mirroring than next to them",
                "log2 of √J at 0° and 90° (45° and 135° where images are rotated) over that 10° to 20° from there",
                measured["dip"],
                below(0),
            ),
        ]
    mirrored = [setup for setup in known if setup.mirrored and setup._replace(mirrored=False) in known]
    judged += [claim for setup in mirrored for claim in _without_mirroring(part, setup)]
    return judged + [_larger(part, *compared) for compared in _LARGER if compared[2] in known and compared[3] in known]


def _without_mirroring(part: xr.DataTree, setup: Setup) -> list[Claim]:
    """Mirroring left out, of a network that was trained with and without it."""
    orientation, samples = _samples(part, setup, setup._replace(mirrored=False))
    return [
        judge(
            setup.claim_id("without-mirror-dip"),
            f"{setup.label}: without mirrored training images late layers lose less of their sensitivity there",
            "log2 of √J at the axes of mirroring over that 10° to 20° from there, without mirroring minus with it",
            Estimate.of_trainings(lambda u, r, pu, pr: dip(pu, pr, orientation) - dip(u, r, orientation), *samples),
            above(0),
        ),
        judge(
            setup.claim_id("without-mirror-around"),
            f"{setup.label}: without mirroring late layers prefer what is frequent more at the axes themselves",
            "log2 of √J within 7.5° of 0° and 90° over that of 45° and 135°, upright minus rotated by 45°, without "
            "mirroring minus with it",
            _moved_more(orientation, samples, AROUND),
            above(0),
        ),
    ]


def _larger(part: xr.DataTree, name: str, statement: str, larger: Setup, smaller: Setup) -> Claim:
    """What larger kernels or finer images do to the effect beside the axes."""
    more = _moved_more(*_samples(part, smaller, larger), BESIDE)
    return judge(f"trained-{name}", statement, f"{PREFERENCE}, {larger.label} minus {smaller.label}", more, above(0))


def _moved_more(orientation: Array, samples: list[Array], band: Band) -> Estimate:
    """By how many octaves more the preference of a second setup is moved than that of a first one."""

    def more(u: Array, r: Array, other_u: Array, other_r: Array) -> Array:
        return moved(other_u, other_r, orientation, band) - moved(u, r, orientation, band)

    return Estimate.of_trainings(more, *samples)


def _samples(part: xr.DataTree, *chosen: Setup) -> tuple[Array, list[Array]]:
    """Orientations, and J of the late layers of setups, upright and rotated, for as many seeds as all have."""
    both = [one for setup in chosen for one in reversed(pairs(part, setup, ROTATED))]
    samples = [late(one) for one in both]
    seeds = min(map(len, samples))
    return both[0][0].orientation.values, [one[:seeds] for one in samples]


def upright_and_rotated(part: xr.DataTree, setup: Setup) -> tuple[Array, list[Array]]:
    """Orientations, and the mean late curve √J over seeds, upright and rotated, each divided by its mean."""
    orientation, samples = _samples(part, setup)
    roots = [np.sqrt(one.mean(-1)) for one in samples]
    return orientation, [(root / root.mean(-1, keepdims=True)).mean(0) for root in roots]


def moved_along(part: xr.DataTree, setup: Setup, dimension: str) -> tuple[Array, Array]:
    """Values of layer (as depth), spatial_frequency or epoch, and the effect beside the axes at each, mean over seeds."""
    both = [
        [_along(curves, dimension) for curves in (upright, rotated)]
        for rotated, upright in zip(*pairs(part, setup, ROTATED), strict=True)
    ]
    first = both[0][0]
    axis = np.linspace(0, 1, len(first)) if dimension == "layer" else first[dimension].values
    return axis, np.mean([moved(u.values, r.values, first.orientation.values, BESIDE) for u, r in both], 0)


def _along(curves: xr.Dataset, dimension: str) -> xr.DataArray:
    """J (dimension, orientation) of late layers, every layer and frequency counting alike; or of each layer."""
    if dimension == "layer":
        return curves.fisher_information_samples.mean(["phase", "spatial_frequency"]).transpose("layer", "orientation")
    part = third(curves, "late")
    if dimension == "epoch":
        squared = part.fisher_information_recorded
        squared = (squared / squared.mean("orientation")).mean("spatial_frequency")
    else:
        squared = part.fisher_information_samples.mean("phase")
    return (squared / squared.mean("orientation")).mean("layer").transpose(dimension, "orientation")

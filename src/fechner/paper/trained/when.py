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

from fechner import circular, interval
from fechner.paper.claim import Claim
from fechner.paper.curves import third
from fechner.paper.trained.compute import ROTATED, identifier, late, networks, pairs
from fechner.paper.trained.files import UNMIRRORED

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
        "plain:kernels_of_5",
        "plain:kernels_of_3",
    ),
    (
        "resolution",
        "late layers prefer what is frequent more in images of more pixels",
        "plain:kernels_of_3, 64 pixels, 6 epochs",
        "plain:kernels_of_3, 6 epochs",
    ),
)


def mean_in(information: Array, orientation: Array, turned: float, band: Band) -> Array:
    """Mean √J of J (…, orientation) over orientations so far from 0° and 90°, or from these turned."""
    away = np.minimum(*(circular.distance(orientation, turned + axis, 180.0) for axis in (0.0, 90.0)))
    return np.sqrt(information[..., (away >= band[0]) & (away <= band[1])]).mean(-1)


def preference(information: Array, orientation: Array, band: Band) -> Array:
    """Logarithm (base 2) of cardinal over oblique √J, both so many degrees from the exact orientations."""
    return np.log2(mean_in(information, orientation, 0.0, band) / mean_in(information, orientation, _TURN, band))


def moved(upright: Array, rotated: Array, orientation: Array, band: Band) -> Array:
    """By how many octaves the preference falls when images are rotated by 45°, which makes obliques frequent."""
    return preference(upright, orientation, band) - preference(rotated, orientation, band)


def dip(upright: Array, rotated: Array, orientation: Array) -> Array:
    """Logarithm (base 2) of √J at the axes of mirroring over that 10° to 20° from them, mean of both trainings."""
    ratios = [
        np.log2(mean_in(d, orientation, turned, _ON) / mean_in(d, orientation, turned, _NEXT))
        for d, turned in ((upright, 0.0), (rotated, _TURN))
    ]
    return np.mean(ratios, 0)


def effects(dataset: xr.Dataset, network: str) -> dict[str, tuple[float, float, float]]:
    """What rotation by 45° does to the late layers of a network, around the axes and beside them, and the dip there.

    Each with its mean over seeds and 95 % interval.
    """
    orientation = dataset.orientation.values
    rotated, upright = (late(c) for c in pairs(dataset, network, ROTATED))
    return {
        "around": interval.over_seeds(lambda u, r: moved(u, r, orientation, AROUND), upright, rotated),
        "beside": interval.over_seeds(lambda u, r: moved(u, r, orientation, BESIDE), upright, rotated),
        "dip": interval.over_seeds(lambda u, r: dip(u, r, orientation), upright, rotated),
    }


def claims(dataset: xr.Dataset) -> list[Claim]:
    """What mirroring does to every network with a pair of trainings, and what is left beside its axes."""
    found: list[Claim] = []
    for network in networks(dataset):
        told = interval.told(len(pairs(dataset, network, ROTATED)[0]))
        measured = effects(dataset, network)
        found += [
            _claim(
                f"{network}-beside",
                f"{network}: beside the axes of mirroring, late layers prefer the orientations that are frequent",
                "log2 of √J 7.5° to 20° from 0° and 90° over that from 45° and 135°, upright minus rotated by 45°, above 0",
                told,
                measured["beside"],
            ),
            _claim(
                f"{network}-mirror",
                f"{network}: late layers are less sensitive at the axes of mirroring than next to them",
                "log2 of √J at 0° and 90° (45° and 135° where images are rotated) over that 10° to 20° from there, below 0",
                told,
                measured["dip"],
                above=False,
            ),
        ]
    return found + _without_mirroring(dataset) + _larger(dataset)


def _without_mirroring(dataset: xr.Dataset) -> list[Claim]:
    """Mirroring left out, of the networks that were trained with and without it."""
    known, orientation = networks(dataset), dataset.orientation.values
    found: list[Claim] = []
    for network in (n for n in known if n + UNMIRRORED in known):
        samples, told = _both(dataset, network, network + UNMIRRORED)
        found += [
            _claim(
                f"{network}-without-mirror-dip",
                f"{network}: without mirrored training images late layers lose less of their sensitivity there",
                "log2 of √J at the axes of mirroring over that 10° to 20° from there, without mirroring minus with it, above 0",
                told,
                interval.over_seeds(lambda u, r, pu, pr: dip(pu, pr, orientation) - dip(u, r, orientation), *samples),
            ),
            _claim(
                f"{network}-without-mirror-around",
                f"{network}: without mirroring late layers prefer what is frequent more at the axes themselves",
                "log2 of √J within 7.5° of 0° and 90° over that of 45° and 135°, upright minus rotated by 45°, without "
                "mirroring minus with it, above 0",
                told,
                interval.over_seeds(
                    lambda u, r, pu, pr: moved(pu, pr, orientation, AROUND) - moved(u, r, orientation, AROUND), *samples
                ),
            ),
        ]
    return found


def _larger(dataset: xr.Dataset) -> list[Claim]:
    """What larger kernels and finer images do to the effect beside the axes."""
    known, orientation = networks(dataset), dataset.orientation.values
    found = []
    for id_, statement, network, other in _LARGER:
        if network in known and other in known:
            samples, told = _both(dataset, other, network)
            more = interval.over_seeds(
                lambda u, r, lu, lr: moved(lu, lr, orientation, BESIDE) - moved(u, r, orientation, BESIDE), *samples
            )
            criterion = (
                "log2 of √J 7.5° to 20° from 0° and 90° over that from 45° and 135°, upright minus rotated by 45°, "
                f"{network} minus {other}, above 0"
            )
            found.append(_claim(id_, statement, criterion, told, more))
    return found


def _both(dataset: xr.Dataset, network: str, other: str) -> tuple[list[Array], str]:
    """J of the late layers of two networks, upright and rotated, for as many seeds as both have; and how these are told."""
    found = [late(c) for n in (network, other) for c in reversed(pairs(dataset, n, ROTATED))]
    seeds = min(len(s) for s in found)
    return [s[:seeds] for s in found], interval.told(seeds)


def _claim(
    id_: str, statement: str, criterion: str, told: str, found: tuple[float, float, float], above: bool = True
) -> Claim:
    mean, low, high = (float(v) for v in found)
    holds = low > 0 if above else high < 0
    return Claim(identifier(id_), "trained", statement, f"{criterion}; {told}", mean, (low, high), holds)


def upright_and_rotated(dataset: xr.Dataset, network: str) -> list[Array]:
    """Mean late curve √J (orientation) over seeds, upright and rotated by 45°, each divided by its mean."""
    found = []
    for samples in map(late, reversed(pairs(dataset, network, ROTATED))):
        root = np.sqrt(samples.mean(-1))
        found.append((root / root.mean(-1, keepdims=True)).mean(0))
    return found


def moved_along(dataset: xr.Dataset, network: str, dimension: str) -> tuple[Array, Array]:
    """Values of layer (as depth), spatial_frequency or epoch, and the effect beside the axes at each, mean over seeds."""
    orientation = dataset.orientation.values
    both = [
        [_along(c, dimension) for c in (upright, rotated)]
        for rotated, upright in zip(*pairs(dataset, network, ROTATED), strict=True)
    ]
    axis = both[0][0][dimension].values
    if dimension == "layer":
        axis = np.linspace(0, 1, len(axis))
    return axis, np.mean([moved(u.values, r.values, orientation, BESIDE) for u, r in both], 0)


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

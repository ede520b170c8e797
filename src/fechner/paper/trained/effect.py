"""By how much rotating the training images turns the preference of late layers, at the axes of mirroring and beside them.

A network that learns that a mirrored image is of the same class comes to respond alike to θ and −θ, so that its
sensitivity falls at the two orientations that mirroring leaves alone: 0° and 90°, or these turned with the images, since
images are mirrored before they are rotated. Photographs teach that to some degree, mirroring them at random teaches it
more. These are also the orientations that images contain most. The effect is therefore measured beside these axes too.

Curves are J (…, orientation), as `pairs.even` gives them.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from fechner import circular
from fechner.agreement import WITHIN
from fechner.paper.claim import LOG, Estimate
from fechner.paper.curves import third
from fechner.paper.trained.files import Setup
from fechner.paper.trained.pairs import PAIRS, ROTATED, even, late, pairs

Band = tuple[float, float]
# Degrees from the cardinal or the oblique orientations: around them, as in Figure 2, and next to them without them.
AROUND: Band = (0.0, WITHIN)
BESIDE: Band = (WITHIN, 20.0)
_ON, _NEXT = (0.0, 2.4), (10.0, 20.0)
_TURN = 45.0


def mean_in(information: xr.DataArray, turned: float, band: Band) -> xr.DataArray:
    """Mean √J over orientations so far from 0° and 90°, or from these turned."""
    away = np.minimum(*(circular.distance(information.orientation, turned + axis, 180.0) for axis in (0.0, 90.0)))
    return (information[..., (away >= band[0]) & (away <= band[1])] ** 0.5).mean("orientation")


def preference(information: xr.DataArray, band: Band = AROUND) -> xr.DataArray:
    """Cardinal over oblique √J."""
    return mean_in(information, 0.0, band) / mean_in(information, _TURN, band)


def moved(upright: xr.DataArray, rotated: xr.DataArray, band: Band = AROUND) -> xr.DataArray:
    """Ratio of ratios: cardinal over oblique √J, trained upright over trained on images rotated by 45°."""
    return preference(upright, band) / preference(rotated, band)


def dip(upright: xr.DataArray, rotated: xr.DataArray) -> xr.DataArray:
    """√J at the axes of mirroring over that 10° to 20° from them, geometric mean of both trainings."""
    ratios = [mean_in(c, turned, _ON) / mean_in(c, turned, _NEXT) for c, turned in ((upright, 0.0), (rotated, _TURN))]
    return (ratios[0] * ratios[1]) ** 0.5


def by_pair(part: xr.DataTree, setup: Setup, band: Band = AROUND, which: str = "late") -> list[float]:
    """The ratio of ratios of the late or early layers of each pair of trainings."""
    rotated, upright = pairs(part, setup, ROTATED)
    return [float(moved(late(u, which), late(r, which), band)) for u, r in zip(upright, rotated, strict=True)]


def geometric(ratios: list[float]) -> Estimate:
    """The geometric mean of what pairs of trainings give, with its interval."""
    return Estimate.over(ratios, PAIRS, LOG)


def moved_along(part: xr.DataTree, setup: Setup, dimension: str) -> xr.DataArray:
    """The ratio of ratios beside the axes by layer, spatial_frequency or epoch; geometric mean over pairs."""

    def curves(one: xr.Dataset) -> xr.DataArray:
        measured = one if dimension == "layer" else third(one, "late")
        name = "fisher_information_recorded" if dimension == "epoch" else "fisher_information_samples"
        return even(measured[name], "orientation", dimension)

    rotated, upright = pairs(part, setup, ROTATED)
    ratios = [moved(curves(u), curves(r), BESIDE) for u, r in zip(upright, rotated, strict=True)]
    return xr.concat(ratios, "pair").prod("pair", skipna=False) ** (1 / len(ratios))

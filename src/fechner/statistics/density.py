"""The density of a feature in photographs, with intervals, by one function for every feature.

`image_statistics` is the verb; `stream.totals` does the work, and `measured` has what ships. A new feature needs an
entry in `FEATURES` and nothing else here: its name is the dimension of the result, and its fields are the settings.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from fechner import results
from fechner.arguments import Processes, checked
from fechner.errors import FechnerError, FechnerWarning, choices
from fechner.interval import FEWEST, jackknife_t
from fechner.statistics.feature import Feature
from fechner.statistics.hue import HueFeature
from fechner.statistics.images import IN_WHEEL, find_photographs, source_name
from fechner.statistics.measured import shipped
from fechner.statistics.orientation import OrientationFeature
from fechner.statistics.spatial_frequency import SpatialFrequencyFeature
from fechner.statistics.stream import totals

FEATURES: dict[str, type[Feature]] = {
    "orientation": OrientationFeature,
    "hue": HueFeature,
    "spatial_frequency": SpatialFrequencyFeature,
}


@checked
def image_statistics(
    images: str | Path | None = None,
    feature: str = "orientation",
    *,
    workers: Processes | None = None,
    progress: bool = True,
    **settings: Any,
) -> xr.Dataset:
    """How often each value of a feature occurs in photographs.

    >>> prior = image_statistics(feature="hue")
    >>> prior.attrs["title"], int(prior.density.idxmax("hue"))
    ('500 photographs of ImageNet', 34)
    >>> image_statistics("scikit-image", "hue", values=36).density.shape       # nine photographs, for a trial
    (36,)

    Args:
        images: a folder tree, a .tar or a .zip of images, as for `photographs`. Without it nothing is measured: the density
            is that of 500 ImageNet photographs which ships with the package (`statistics.shipped`).
        feature: "orientation", "hue" or "spatial_frequency".
        workers: number of processes that decode and measure; by default one for each core. Under torchrun the
            photographs are shared out among its processes, and each returns the same result.
        settings: fields of `OrientationFeature` (values, scales), `HueFeature` (values, saturation, value, space,
            rotate) or `SpatialFrequencyFeature` (values, pixels_per_degree); they need images.

    Returns:
        A Dataset over the feature, in degrees or cycles/degree. It holds `density`, which integrates to 1,
        `density_low` and `density_high`, and `density_jackknife` (group, feature): the density with each group of
        photographs left out, of at most a hundred. The interval of 95 % (`fechner.interval.jackknife_t`) is infinite at its
        upper end where photographs do not bound the density, and NaN for fewer than five photographs, or where a single
        group has the value. Orientation has `density_by_scale` too; spatial frequency has `power`, and its
        `exponent` with an interval. The attributes give how many photographs were used, which were `skipped` and why,
        how many files were `left_out` for each reason, and possibly a `warning`, which is also raised as a
        `FechnerWarning`.

    Raises:
        FechnerError: for an unknown feature or setting, settings without images, if there is nothing to read, and if more
            than a tenth of the images cannot be used.

    Command line:
        fechner statistics photographs/ --feature orientation --out prior.nc --figure prior.png
        fechner statistics imagenet.tar --feature hue --set space=cielch,saturation=0.2
        torchrun --nproc-per-node 8 -m fechner statistics imagenet/train --feature hue --out prior.nc
    """
    measured = make(feature, settings)
    if images is None:
        if settings:
            raise FechnerError(
                f"settings ({', '.join(settings)}) need photographs to measure, and the density that ships has its own: give a "
                f"folder, a .tar or a .zip of images, or '{IN_WHEEL}' for nine photographs"
            )
        return shipped("imagenet", feature)
    photographs, left_out = find_photographs(images)
    summed, skipped = totals(photographs, measured, workers, progress)
    values, meaning = measured.coordinate
    density, *without = measured.density(summed)
    used = len(photographs) - len(skipped)
    if not np.isfinite(density).all():
        raise FechnerError(f"nothing to count: no {feature} in any of {used} photographs")
    units = {"units": f"1/({meaning['units']})" if "/" in meaning["units"] else f"1/{meaning['units']}"}
    low, high = jackknife_t(density, without, scale="density")
    variables = {
        "density": (feature, density, units | {"long_name": f"density of {feature} in photographs"}),
        "density_low": (feature, low, units),
        "density_high": (feature, high, units),
        "density_jackknife": (("group", feature), np.stack(without), units),
    }
    attributes = results.provenance("density") | {
        "feature": feature,
        "along": feature,
        "images": source_name(images),
        "photographs": used,
        "skipped": json.dumps(skipped),
        "left_out": json.dumps(left_out),
        "settings": json.dumps(asdict(measured)),
        "interval": f"95 %, jackknife over {len(without)} groups of photographs, Student's t"
        if len(without) >= FEWEST
        else "",
    }
    if warning := measured.warning(summed):
        attributes["warning"] = warning
        warnings.warn(warning, FechnerWarning, stacklevel=3)
    return xr.Dataset(variables | measured.describe(summed), {feature: (feature, values, meaning)}, attributes)


@checked
def make(feature: str, settings: Mapping[str, Any]) -> Feature:
    """A feature by name, with some settings changed.

    >>> make("hue", {"values": 36}).coordinate[0][:3]
    array([ 0., 10., 20.])

    Raises `FechnerError` for an unknown feature or setting, and for a value that makes no sense.
    """
    if feature not in FEATURES:
        raise choices("feature", feature, FEATURES)
    known = [f.name for f in fields(FEATURES[feature])]
    for name in settings:
        if name not in known:
            raise choices(f"setting of {feature}", name, known)
    return FEATURES[feature](**settings)

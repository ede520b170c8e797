"""Densities of features in the photographs: taken once for all figures of a folder, and saved in each figure's data."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace

import xarray as xr

from fechner import image_statistics, results
from fechner.outputs import expanded
from fechner.paper.run import Run, cached
from fechner.statistics import make, photographs, source_name

# Appended to the density's dimensions, which have other values than those of the curves.
OF_DENSITY = "_of_density"
_VARIABLES = ["density", "density_low", "density_high", "density_samples"]


def source(run: Run) -> dict[str, str]:
    """Which photographs are meant, and what tells whether they have changed: names, sizes and times of the files."""
    if run.images is None:
        return {"images": "scikit-image", "images_stamp": ""}
    path = expanded(run.images)
    held = sorted(path / p.entry for p in photographs(path)) if path.is_dir() else [path]
    stamps = [(str(p.relative_to(path)), p.stat().st_size, p.stat().st_mtime_ns) for p in held]
    return {"images": source_name(path), "images_stamp": hashlib.sha256(repr(stamps).encode()).hexdigest()}


def density(feature: str, run: Run, again: bool = False) -> xr.Dataset:
    """The density of a feature in the photographs, cached for all figures of an output folder; or measured `again`."""
    path = run.folder.parent / "photographs" / f"{feature}.nc"
    wanted = source(run) | {"settings": json.dumps(asdict(make(feature, {})))}

    def measured() -> xr.Dataset:
        run.say(f"{feature} in the photographs of {wanted['images']}")
        return image_statistics(run.images, feature)

    quiet = replace(run, resume=not again, say=lambda text: None)
    return cached(path, quiet, wanted, measured, __name__)


def with_density(dataset: xr.Dataset, prior: xr.Dataset) -> xr.Dataset:
    """A figure's data together with a density, whose coordinate is renamed because it has other values."""
    along = results.along(prior)
    renamed = prior[_VARIABLES].rename({name: name + OF_DENSITY for name in (along, "bootstrap")})
    return dataset.merge(renamed, combine_attrs="override").assign_attrs(
        dataset.attrs | {"images": prior.attrs["images"], "photographs": prior.attrs["photographs"]}
    )


def density_of(dataset: xr.Dataset) -> xr.Dataset:
    """The density in a figure's data, as `image_statistics` gave it."""
    along = results.along(dataset)
    density = dataset[_VARIABLES]
    others = [name for name in density.coords if not str(name).endswith(OF_DENSITY)]
    renamed = density.drop_vars(others).rename({name + OF_DENSITY: name for name in (along, "bootstrap")})
    return renamed.assign_attrs(along=along, photographs=dataset.attrs["photographs"])

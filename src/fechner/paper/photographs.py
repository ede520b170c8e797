"""Densities of features in photographs, saved in each figure's data.

Without photographs they are those that ship with the package; else they are measured once for all figures of a folder.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace

import xarray as xr

from fechner import image_statistics, results
from fechner.outputs import expanded
from fechner.paper.run import Run, cached
from fechner.statistics import make, photographs, shipped, source_name

# What the root of a figure's data repeats of its nodes, for the page.
_OF_NODES = ("method", "noise_model", "stimulus")


def source(run: Run) -> dict[str, str]:
    """Which photographs are meant, and what tells whether they have changed: names, sizes and times of the files."""
    if run.images is None:
        return {"images": "scikit-image", "images_stamp": ""}
    path = expanded(run.images)
    held = sorted(path / p.entry for p in photographs(path)) if path.is_dir() else [path]
    stamps = [(str(p.relative_to(path)), p.stat().st_size, p.stat().st_mtime_ns) for p in held]
    return {"images": source_name(path), "images_stamp": hashlib.sha256(repr(stamps).encode()).hexdigest()}


def density(feature: str, run: Run, again: bool = False) -> xr.Dataset:
    """The density of a feature that ships; in photographs, cached for all figures of an output folder or measured `again`."""
    if run.images is None:
        return shipped("imagenet", feature)
    path = run.folder.parent / "photographs" / f"{feature}.nc"
    wanted = source(run) | {"settings": json.dumps(asdict(make(feature, {})))}

    def measured() -> xr.Dataset:
        run.say(f"{feature} in the photographs of {wanted['images']}")
        return image_statistics(run.images, feature)

    quiet = replace(run, resume=not again, say=lambda text: None)
    return cached(path, quiet, wanted, measured, __name__)


def with_density(figure: str, prior: xr.Dataset, **nodes: xr.Dataset) -> xr.DataTree:
    """The data of a figure: nodes of its own, the density, and a root that names the figure and the photographs."""
    attributes = {"figure": figure, "along": results.along(prior)}
    attributes |= {name: prior.attrs[name] for name in ("images", "photographs", "title") if name in prior.attrs}
    attributes |= {name: node.attrs[name] for node in nodes.values() for name in _OF_NODES if name in node.attrs}
    root = xr.Dataset(attrs=results.provenance("figure") | attributes)
    return xr.DataTree.from_dict({"/": root, **nodes, "density": prior})

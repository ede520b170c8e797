"""How often each image is to be shown so that a feature's values occur as a density says."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from fechner import circular, contents
from fechner.errors import FechnerError, choices
from fechner.progress import bar
from fechner.statistics import make
from fechner.training.labelled_images import EncodedImage

Array = npt.NDArray[np.float64]
# Bins are as wide as what a few hundred images can fill; at this size of image, gradients of one pixel.
_BINS = {"orientation": (18, {"scales": 1.0}), "hue": (36, {})}
_STEPS, _CLOSE = 300, 0.02


@dataclass(frozen=True)
class Resampled:
    """Probabilities of the images, the density wanted and the one they make, and how many images that is worth."""

    probabilities: Array
    wanted: Array
    made: Array
    effective: float


def resample(
    pictures: Sequence[EncodedImage], feature: str, density: xr.Dataset | str, progress: bool = True
) -> Resampled:
    """Probabilities of pictures under which a feature has a density: a Dataset of `image_statistics`, or "uniform".

    Maximum likelihood by expectation maximisation from equal probabilities, stopped when the density is reached within
    2 % everywhere or after 300 steps: what it cannot reach, `made` shows. Pictures without the feature keep what they had.
    Raises `FechnerError` for an unknown feature, a density of another one, or pictures that lack values it asks for.
    """
    wanted = target(density, feature)
    bins, settings = _BINS[feature]
    measure = make(feature, {"values": bins} | settings)

    def histogram(picture: EncodedImage) -> Array:
        try:
            return measure.measure(picture.pixels()).sum(0)
        except FechnerError:
            return np.zeros(bins)

    reading = f"{feature} of every image"
    with bar(progress, reading, len(pictures), "images") as progressing, ThreadPoolExecutor() as pool:
        found = []
        for one in pool.map(histogram, pictures):
            found.append(one)
            progressing.update(1)
    return weighted(np.stack(found), wanted)


def weighted(histograms: Array, wanted: Array) -> Resampled:
    """The same from histograms (image, bin) and the share wanted of each bin."""
    wanted = wanted / wanted.sum()
    lacking = (histograms.sum(0) == 0) & (wanted > 0)
    if lacking.any():
        raise FechnerError(f"no image has what the density asks for in {int(lacking.sum())} of {len(wanted)} bins")
    mass = histograms.sum(1)
    used = mass > 0
    own = histograms[used] / histograms.sum()
    weights = np.ones(len(own))
    for _ in range(_STEPS):
        made = weights @ own
        # Without the mass of a picture, one with few coloured pixels would be repeated without end.
        weights *= own @ np.divide(wanted, made, out=np.zeros_like(made), where=made > 0) / own.sum(1)
        made = weights @ own
        if np.abs(made / made.sum() - wanted).max() < _CLOSE * wanted.max():
            break
    everything = np.full(len(mass), weights.mean())
    everything[used] = weights
    probabilities = everything / everything.sum()
    made = probabilities @ histograms
    return Resampled(probabilities, wanted, made / made.sum(), float(1 / np.square(probabilities).sum()))


def target(density: xr.Dataset | str, feature: str) -> Array:
    """The share of each bin that a density asks for; `FechnerError` if it is none of this feature."""
    if feature not in _BINS:
        raise choices("feature to resample", feature, _BINS)
    bins, _ = _BINS[feature]
    if isinstance(density, str):
        if density != "uniform":
            raise FechnerError(f"a density is a result of `fechner statistics` or 'uniform', got '{density}'")
        return np.full(bins, 1 / bins)
    if "density" not in density or feature not in density.dims:
        raise FechnerError(f"this is no density of {feature}: it has {', '.join(map(str, density.dims)) or 'nothing'}")
    try:
        contents.density(density, feature)
    except FechnerError as e:
        raise FechnerError(f"images cannot be resampled to this density: {e}") from None
    grid, meaning = make(feature, {"values": bins}).coordinate
    return circular.rebin(density.density.values, grid, meaning["period"])

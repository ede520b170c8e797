"""How often each image must be drawn so that the values of a feature occur as a density says.

`running` asks for it when `train(resample=...)` is given. Histograms are those of `fechner.statistics`; the weights
depend on them and on nothing random, so that every process and every resumed training computes the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import xarray as xr

from fechner import circular, contents
from fechner.errors import FechnerError, choices
from fechner.progress import bar
from fechner.statistics import make
from fechner.statistics.feature import Array
from fechner.training.labelled_images import EncodedImage

# The bins are wide enough for a few hundred images to fill them. The images are small, hence gradients of one pixel.
_BINS = {"orientation": (18, {"scales": 1.0}), "hue": (36, {})}
_STEPS = 300  # of expectation maximisation, at most
_CLOSE = 0.02  # of the peak of the density, within which it counts as reached


@dataclass(frozen=True)
class Resampled:
    """Probabilities of the images, the desired density and the one that they achieve, as shares of the bins.

    `effective` is the effective number of images, 1 / Σ probability² (Kish's effective sample size).
    """

    probabilities: Array
    desired: Array
    achieved: Array
    effective: float


def resample(
    pictures: Sequence[EncodedImage], feature: str, density: xr.Dataset | str, progress: bool = True
) -> Resampled:
    """Probabilities of pictures under which a feature has a density: a Dataset of `image_statistics`, or "uniform".

    They are estimated by maximum likelihood, with expectation maximisation from equal probabilities. It stops when the
    density is reached within 2 % of its peak everywhere, or after 300 steps; `achieved` is the density that results.
    Pictures without the feature keep their share.

    Raises `FechnerError` for an unknown feature, a density of another one, or pictures that lack values it asks for.
    """
    desired = target(density, feature)
    bins, settings = _BINS[feature]
    measure = make(feature, {"values": bins} | settings)

    def histogram(picture: EncodedImage) -> Array:
        try:
            # Orientation has a row for each scale.
            return measure.measure(picture.pixels()).sum(0)
        except FechnerError:
            return np.zeros(bins)

    with (
        bar(progress, f"{feature} of every image", len(pictures), "images") as progressing,
        ThreadPoolExecutor() as pool,
    ):
        histograms = []
        for counts in pool.map(histogram, pictures):
            histograms.append(counts)
            progressing.update(1)
    return weighted(np.stack(histograms), desired)


def weighted(histograms: Array, desired: Array) -> Resampled:
    """Probabilities of images as in `resample`, from their histograms (image, bin) and the desired share of each bin.

    >>> weighted(np.eye(2), np.array([3.0, 1.0])).probabilities.round(2)
    array([0.75, 0.25])

    Raises `FechnerError` if a bin that has a share is empty in all images.
    """
    desired = desired / desired.sum()
    lacking = (histograms.sum(0) == 0) & (desired > 0)
    if lacking.any():
        raise FechnerError(f"no image has what the density asks for in {int(lacking.sum())} of {len(desired)} bins")
    mass = histograms.sum(1)
    used = mass > 0
    own = histograms[used] / histograms.sum()
    weights = np.ones(len(own))
    for _ in range(_STEPS):
        achieved = weights @ own
        # Each weight grows by the ratio of desired to achieved density, averaged over the picture's own values.
        # Dividing by the picture's mass makes it an average, whether many of its pixels have the feature or few.
        weights *= own @ np.divide(desired, achieved, out=np.zeros_like(achieved), where=achieved > 0) / own.sum(1)
        achieved = weights @ own
        if np.abs(achieved / achieved.sum() - desired).max() < _CLOSE * desired.max():
            break
    probabilities = np.full(len(mass), weights.mean())
    probabilities[used] = weights
    probabilities /= probabilities.sum()
    achieved = probabilities @ histograms
    return Resampled(probabilities, desired, achieved / achieved.sum(), float(1 / np.square(probabilities).sum()))


def target(density: xr.Dataset | str, feature: str) -> Array:
    """The share of each bin that a density asks for; `FechnerError` if it is not a density of this feature.

    >>> target("uniform", "orientation").shape
    (18,)
    """
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

"""Principal components of patches of photographs, from which linear networks learn, and their power law.

`principal_components` is the verb. Intervals come from leaving out one group of photographs at a time; `patches` cuts the
patches and adds up the moments of each group. Tests: tests/statistics/test_components.py.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import stats
from scipy.linalg import eigh

from fechner import results
from fechner.arguments import AboveZero, Count, Natural, Processes, Seed, Whole, array, checked
from fechner.errors import FechnerError
from fechner.interval import jackknife_t
from fechner.statistics.crops import are_crops, read_crops
from fechner.statistics.feature import Array
from fechner.statistics.images import find_photographs, source_name
from fechner.statistics.patches import patch_moments


@checked
def principal_components(
    images: str | Path | npt.NDArray[Any] | None = None,
    number: Count = 100_352,
    size: Annotated[int, Whole(2)] = 32,
    *,
    colour: bool = False,
    seed: Seed = 0,
    workers: Processes | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Variances and directions of the principal components of image patches, in one pass and constant memory.

    >>> pca = principal_components(number=2000, size=8)
    >>> pca.components.dims, pca.components.shape
    (('component', 'pixel'), (64, 64))

    Args:
        images: photographs as for `image_statistics`, from which `number` square patches are cut at random places; or
            patches themselves, as an array or a .npy, .npz or .pt file, in one of the layouts of `crops`: (n, pixels),
            (n, size, size), or with channels, which are averaged to grey.
        number: number of patches; Benjamin et al. (2022) took 100,352.
        size: side of a patch in pixels.
        colour: whether patches are RGB instead of grey.
        seed: seed of the places.
        workers: number of processes that decode and cut; by default one for each core, and none if there are fifty
            patches or more for each photograph.

    Returns:
        A Dataset with `variance` of each component (eigenvalues of the covariance, largest first; pixels in [0, 1],
        arrays in their own units, bytes divided by 255), `components` (component, pixel) and `mean` (pixel). It also
        holds `variance_jackknife` (group, component), the variances without each of ten groups of photographs in turn, and the
        `exponent` of variance ∝ 1/rank^exponent, fitted from the fifth component to the middle one. The jackknife over these
        groups corrects it for the number of patches, and gives its 95 % interval; NaN for fewer than five groups.

    Raises:
        FechnerError: if there are not more patches than pixels, if more than a tenth of the photographs are smaller
            than a patch, for constant patches, arrays with NaN or of another shape, and covariances that do not fit
            into memory.

    Command line:
        fechner components photographs/ --figure components.png
        fechner components photographs/ --size 16 --number 20000 --colour --out components.nc
    """
    sources, left_out = ([], {}) if are_crops(images) else find_photographs(images)  # type: ignore[arg-type]
    moments, skipped = patch_moments(images, number, size, colour=colour, seed=seed, workers=workers, progress=progress)
    mean, covariance = moments.covariance()
    variance, components = eigh(covariance, driver="evd")
    variance, components = np.maximum(variance[::-1], 0), np.ascontiguousarray(components[:, ::-1].T)
    if variance[0] <= 1e-12:
        raise FechnerError("the patches are constant: their covariance is zero")
    exponent = power_law(variance)
    used = np.flatnonzero(moments.counts)
    groups = used if len(used) > 1 else used[:0]
    without = [np.maximum(eigh(moments.covariance(int(g))[1], eigvals_only=True)[::-1], 0) for g in groups]
    exponents = [power_law(each) for each in without]
    # The fewer patches, the larger is the exponent of their variances: the jackknife corrects it.
    bias = (len(exponents) - 1) * (float(np.mean(exponents)) - exponent) if exponents else 0.0
    corrected, (low, high) = exponent - bias, (end - bias for end in jackknife_t(exponent, exponents))
    attributes: dict[str, Any] = results.provenance("components") | {
        "images": "array" if isinstance(images, np.ndarray) else source_name(images),
        "photographs": len(sources) - len(skipped),
        "left_out": json.dumps(left_out),
        "patches": int(moments.counts.sum()),
        "size": size,
        "colour": int(colour),
        "skipped": json.dumps(skipped),
        "seed": seed,
    }
    if moments.shape:
        attributes["shape"] = list(moments.shape)
    return xr.Dataset(
        {
            "variance": ("component", variance, {"long_name": "variance of the component"}),
            "variance_jackknife": (("group", "component"), np.reshape(without, (len(groups), len(variance)))),
            "components": (("component", "pixel"), components),
            "mean": ("pixel", mean),
            "exponent": ((), corrected, {"long_name": "variance falls as 1/rank^exponent"}),
            "exponent_low": ((), low),
            "exponent_high": ((), high),
        },
        {"component": np.arange(1, len(variance) + 1)},
        attributes,
    )


@checked
def power_law(variance: npt.ArrayLike, first: AboveZero | None = None, last: AboveZero | None = None) -> float:
    """The exponent a of variance ∝ 1/rank^a, by default from the fifth component to the middle one.

    >>> round(power_law(np.arange(1, 101.0) ** -1.3), 3)
    1.3

    The line is fitted in logarithms, from rank `first` to rank `last`, and each octave of ranks has the same weight. Fewer
    than six components are too few for a fit, and give NaN.
    """
    variance = array("variance", variance, 1)
    first = min(5, len(variance) // 4 + 1) if first is None else first
    last = len(variance) // 2 if last is None else last
    if first >= last:
        return math.nan
    ranks = np.geomspace(first, last, 50)
    logs = np.interp(np.log(ranks), np.log(np.arange(1, len(variance) + 1)), np.log(np.maximum(variance, 1e-300)))
    return -float(stats.linregress(np.log(ranks), logs).slope)


@checked
def reconstruct(pca: xr.Dataset, patches: npt.ArrayLike, components: Natural) -> Array:
    """Patches (n, pixel) as their first principal components describe them; bytes are divided by 255.

    >>> pca = principal_components(number=200, size=8)
    >>> patches = np.random.default_rng(0).random((5, 64))
    >>> bool(np.allclose(reconstruct(pca, patches, 64), patches))    # all components describe a patch exactly
    True

    Raises `FechnerError` if there are not as many components, and for patches of another size.
    """
    if "components" not in pca or "mean" not in pca:
        raise FechnerError("pca must be a result of principal_components: it has no components")
    if components > pca.sizes["component"]:
        raise FechnerError(f"components must lie in [0, {pca.sizes['component']}], got {components}")
    flat, unit, _ = read_crops(np.atleast_2d(np.asarray(patches)), bool(pca.attrs.get("colour", 0)))
    if flat.shape[1] != pca.sizes["pixel"]:
        raise FechnerError(f"the patches have {flat.shape[1]} pixels, the components {pca.sizes['pixel']}")
    basis = pca.components.values[:components]
    centred = flat * unit - pca["mean"].values
    return centred @ basis.T @ basis + pca["mean"].values

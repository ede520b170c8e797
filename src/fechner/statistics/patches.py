"""Patches of photographs and their principal components, from which a linear network learns.

Patches are never all in memory: only their moments are kept, one set for each of ten groups of photographs. The
interval of the exponent comes from leaving out one group at a time, so a photograph must always belong to one group
only. The places of the patches depend on the seed and the photograph's name, not on the number of processes.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import psutil
import xarray as xr
from PIL import Image
from scipy import stats
from scipy.linalg import blas, eigh
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from fechner import results
from fechner.arguments import AboveZero, Count, Natural, Processes, Seed, Whole, array, checked
from fechner.errors import FechnerError
from fechner.interval import jackknife_t
from fechner.limits import check_memory
from fechner.progress import bar
from fechner.statistics.crops import are_crops, read_crops
from fechner.statistics.feature import Array
from fechner.statistics.images import Photograph, find_photographs, source_name
from fechner.statistics.stream import check_skipped
from fechner.statistics.workers import context, workers_for

GROUPS = 10  # of photographs, for the jackknife
_CHUNK = 4096  # patches that are added up in one matrix product


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
        `exponent` of variance ∝ 1/rank^exponent, fitted from the fifth component to the middle one, corrected by the jackknife
        for the number of patches, with a
        95 % interval by jackknife over ten groups of photographs; NaN for fewer than five.

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


@dataclass(frozen=True)
class Moments:
    """Numbers, sums and sums of products of patches for each group of photographs, from which the covariance follows.

    They are in the patches' own numbers; multiplying with `unit` gives intensities. Only the lower triangle of
    `products` (group, pixel, pixel) is filled.
    """

    counts: Array
    sums: Array
    products: Array
    unit: float
    # Channels, height and width of a patch; empty if they are not known.
    shape: tuple[int, ...] = ()

    def covariance(self, without: int | None = None) -> tuple[Array, Array]:
        """Mean and covariance of all patches, or of those of all groups but `without`."""
        included = np.arange(len(self.counts)) != without
        count = self.counts[included].sum()
        mean = self.sums[included].sum(0) / count
        products = self.products.sum(0) - (0 if without is None else self.products[without])
        lower = np.tril(products) / count - np.tril(np.outer(mean, mean))
        return mean * self.unit, (lower + np.tril(lower, -1).T) * self.unit**2


def patch_moments(
    images: str | Path | npt.NDArray[Any] | None = None,
    number: int = 100_352,
    size: int = 32,
    *,
    colour: bool = False,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> tuple[Moments, dict[str, str]]:
    """The moments of the patches that `principal_components` takes, and why photographs were skipped."""
    skipped: dict[str, str] = {}
    shape: tuple[int, ...] = (3 if colour else 1, size, size)
    stream: Iterator[tuple[int, npt.NDArray[Any]]]
    if are_crops(images):
        patches, unit, shape = read_crops(images, colour)
        number, dimensions = patches.shape
        ends = np.linspace(0, number, GROUPS + 1).astype(int).tolist()
        parts = ((g, i) for g in range(GROUPS) for i in range(ends[g], ends[g + 1], _CHUNK))
        stream = ((g, patches[i : min(i + _CHUNK, ends[g + 1])]) for g, i in parts)
    else:
        photographs, dimensions, unit = find_photographs(images)[0], math.prod(shape), 1 / 255  # type: ignore[arg-type]
        check_memory(
            1.0 * dimensions * number / len(photographs),
            f"{number} patches of {dimensions} pixels, cut from {len(photographs)} photographs,",
            "take fewer, choose a smaller size, or give more photographs",
        )
        stream = _from_photographs(photographs, number, size, colour, seed, workers, skipped)
    if number <= dimensions:
        raise FechnerError(f"{number} patches are too few for {dimensions} pixels: give more patches than pixels")
    room = 8 * GROUPS * dimensions**2
    if room > psutil.virtual_memory().available / 2:
        raise FechnerError(
            f"covariances of {dimensions} pixels take {room / 1e9:.0f} GB: choose a smaller size, or grey"
        )
    moments = Moments(
        np.zeros(GROUPS), np.zeros((GROUPS, dimensions)), np.zeros((GROUPS, dimensions, dimensions)), unit, shape
    )
    with bar(progress, "patches", number, "patches") as progressing:
        for group, chunk in stream:
            block = chunk.astype(np.float64)
            # BLAS wants Fortran order, which the transposes have, and fills one triangle: half of the work.
            blas.dsyrk(1.0, block.T, beta=1.0, c=moments.products[group].T, overwrite_c=1)
            moments.sums[group] += block.sum(0)
            moments.counts[group] += len(block)
            progressing.update(len(block))
    return moments, skipped


def sample_patches(images: str | Path | None, number: int, size: int = 32, *, seed: int = 0) -> Array:
    """Some grey patches (number, pixel) in [0, 1], as `principal_components` takes them.

    >>> sample_patches(None, 20, size=8).shape
    (20, 64)

    They are cut from photographs at random places, or taken at even distances from patches that are cut already.
    """
    if are_crops(images):
        array, unit, _ = read_crops(images)
        return array[np.linspace(0, len(array) - 1, min(number, len(array))).astype(int)].astype(float) * unit
    cuts = [cut for _, cut, _ in _Cuts(find_photographs(images)[0], number, size, False, seed) if len(cut)]
    return np.concatenate(cuts) / 255.0


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


class _Cuts(IterableDataset[Any]):
    """Patches cut from photographs, as bytes; each worker process takes its share of the photographs.

    Yields the group, some patches of it, and why a photograph was skipped.
    """

    def __init__(self, photographs: Sequence[Photograph], number: int, size: int, colour: bool, seed: int) -> None:
        self.photographs, self.number, self.size, self.colour, self.seed = photographs, number, size, colour, seed

    def __iter__(self) -> Iterator[tuple[int, npt.NDArray[np.uint8], dict[str, str]]]:
        worker = get_worker_info()
        first, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
        total = len(self.photographs)
        for i in range(first, total, step):
            count = self.number // total + (i < self.number % total)
            if not count:
                return
            photograph = self.photographs[i]
            try:
                cut = self._cut(photograph, count)
            except FechnerError as e:
                yield i % GROUPS, np.zeros((0, 1), np.uint8), {photograph.name: str(e)}
                continue
            for start in range(0, count, _CHUNK):
                yield i % GROUPS, cut[start : start + _CHUNK], {}

    def _cut(self, photograph: Photograph, count: int) -> npt.NDArray[np.uint8]:
        """Patches (count, pixels) of one photograph; `FechnerError` if it is smaller than a patch."""
        pixels = photograph.pixels()
        height, width = pixels.shape[:2]
        if min(height, width) < self.size:
            raise FechnerError(f"{width} × {height} pixels are fewer than a patch of {self.size} × {self.size}")
        image = pixels if self.colour else np.asarray(Image.fromarray(pixels).convert("L"))[..., None]
        rng = np.random.default_rng(list(hashlib.sha256(f"{self.seed}/{photograph.name}".encode()).digest()))
        tops, lefts = rng.integers(0, height - self.size + 1, count), rng.integers(0, width - self.size + 1, count)
        windows = np.lib.stride_tricks.sliding_window_view(image, (self.size, self.size), (0, 1))
        return windows[tops, lefts].reshape(count, -1)


def _from_photographs(
    photographs: Sequence[Photograph],
    number: int,
    size: int,
    colour: bool,
    seed: int,
    workers: int | None,
    skipped: dict[str, str],
) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
    """Chunks of patches with their group, each large enough for an efficient matrix product."""
    if workers is None:
        # With many patches from each photograph, matrix products take most of the time and need all cores.
        workers = workers_for(len(photographs)) if number < 50 * len(photographs) else 0
    waiting: dict[int, list[npt.NDArray[np.uint8]]] = {g: [] for g in range(GROUPS)}
    cuts = _Cuts(photographs, number, size, colour, seed)
    for group, cut, why in DataLoader(
        cuts, batch_size=None, num_workers=workers, multiprocessing_context=context(workers)
    ):
        skipped |= why
        check_skipped(skipped, len(photographs))
        if len(cut):
            waiting[group].append(np.asarray(cut))
        if sum(map(len, waiting[group])) >= _CHUNK // 2:
            yield group, np.concatenate(waiting[group])
            waiting[group] = []
    for group, rest in waiting.items():
        if rest:
            yield group, np.concatenate(rest)

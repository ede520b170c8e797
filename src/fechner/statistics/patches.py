"""Patches of photographs and their principal components: what a linear network learns from."""

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
from fechner.arguments import Count, Natural, Processes, Seed, Whole, checked
from fechner.errors import FechnerError
from fechner.limits import check_memory
from fechner.progress import bar
from fechner.statistics.crops import are_crops, crops
from fechner.statistics.images import Photograph, find, named, photographs
from fechner.statistics.stream import check_skipped
from fechner.statistics.workers import context, workers_for

Array = npt.NDArray[np.float64]
GROUPS = 10
_CHUNK = 4096


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
    """Variances and directions of the principal components of image patches, in one pass and flat memory.

    >>> pca = principal_components(number=2000, size=8)
    >>> dict(pca.sizes)
    {'component': 64, 'pixel': 64}

    Args:
        images: photographs as for `image_statistics`, from which `number` square patches are cut at random places; or
            patches themselves, as an array or a .npy, .npz or .pt file, in one of the layouts of `crops`: (n, pixels),
            (n, size, size), or with channels, which are averaged to grey.
        number: of patches; Benjamin et al. (2022) took 100,352.
        size: side of a patch in pixels.
        colour: RGB patches instead of grey ones.
        seed: of the places.
        workers: processes that decode and cut; by default one a core, and none for fifty patches or more a photograph.

    Returns:
        A Dataset: `variance` of each component (eigenvalues of the covariance, largest first; pixels in [0, 1],
        arrays in their own units, bytes divided by 255), `components` (component, pixel), `mean` (pixel), and `exponent` of variance ∝
        1/rank^exponent from the fifth component to the middle one, with a 95 % interval by jackknife over ten groups
        of photographs.

    Raises:
        FechnerError: for fewer patches than pixels, photographs smaller than a patch (more than a tenth of them),
            constant patches, arrays with NaN or of another shape, and covariances that do not fit into memory.

    Command line:
        fechner components photographs/ --figure components.png
        fechner components photographs/ --size 16 --number 20000 --colour --out components.nc
    """
    found, left_out = ([], {}) if are_crops(images) else find(images)  # type: ignore[arg-type]
    moments, skipped = patch_moments(images, number, size, colour=colour, seed=seed, workers=workers, progress=progress)
    mean, covariance = moments.covariance()
    variance, components = eigh(covariance, driver="evd")
    variance, components = np.maximum(variance[::-1], 0), np.ascontiguousarray(components[:, ::-1].T)
    if variance[0] <= 1e-12:
        raise FechnerError("the patches are constant: their covariance is zero")
    exponent = power_law(variance)
    used = np.flatnonzero(moments.counts)
    without = (
        [power_law(eigh(moments.covariance(int(g))[1], eigvals_only=True)[::-1]) for g in used] if len(used) > 1 else []
    )
    half = _jackknife(np.array(without))
    attributes: dict[str, Any] = results.provenance("components") | {
        "images": "array" if isinstance(images, np.ndarray) else named(images),
        "photographs": len(found) - len(skipped),
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
            "components": (("component", "pixel"), components),
            "mean": ("pixel", mean),
            "exponent": ((), exponent, {"long_name": "variance falls as 1/rank^exponent"}),
            "exponent_low": ((), exponent - half),
            "exponent_high": ((), exponent + half),
        },
        {"component": np.arange(1, len(variance) + 1)},
        attributes,
    )


@dataclass(frozen=True)
class Moments:
    """Numbers, sums and sums of products of patches, for each group of photographs; float64, in units of `unit`."""

    counts: Array
    sums: Array
    products: Array
    unit: float
    # Channels, height and width of a patch; nothing where that is not known.
    shape: tuple[int, ...] = ()

    def covariance(self, without: int | None = None) -> tuple[Array, Array]:
        """Mean and covariance of all patches, or of those of all groups but one."""
        kept = np.arange(len(self.counts)) != without
        count = self.counts[kept].sum()
        mean = self.sums[kept].sum(0) / count
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
    """The pass over the patches that `principal_components` makes; and why photographs were skipped."""
    skipped: dict[str, str] = {}
    shape: tuple[int, ...] = (3 if colour else 1, size, size)
    stream: Iterator[tuple[int, npt.NDArray[Any]]]
    if are_crops(images):
        patches, unit, shape = crops(images, colour)
        number, dimensions = patches.shape
        ends = np.linspace(0, number, GROUPS + 1).astype(int).tolist()
        parts = ((g, i) for g in range(GROUPS) for i in range(ends[g], ends[g + 1], _CHUNK))
        stream = ((g, patches[i : min(i + _CHUNK, ends[g + 1])]) for g, i in parts)
    else:
        found, dimensions, unit = photographs(images), size * size * (3 if colour else 1), 1 / 255  # type: ignore[arg-type]
        check_memory(
            1.0 * dimensions * number / len(found),
            f"{number} patches of {dimensions} pixels, cut from {len(found)} photographs,",
            "take fewer, choose a smaller size, or give more photographs",
        )
        stream = _from_photographs(found, number, size, colour, seed, workers, skipped)
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
    with bar(progress, "principal components", number, "patches") as progressing:
        for group, chunk in stream:
            block = chunk.astype(np.float64)
            # BLAS wants Fortran order, which the transposes of these are, and fills one triangle.
            blas.dsyrk(1.0, block.T, beta=1.0, c=moments.products[group].T, overwrite_c=1)
            moments.sums[group] += block.sum(0)
            moments.counts[group] += len(block)
            progressing.update(len(block))
    return moments, skipped


def sample(images: str | Path | None, number: int, size: int = 32, *, seed: int = 0) -> Array:
    """Some grey patches (number, pixel) in [0, 1], cut as `principal_components` cuts them, or taken evenly from a file."""
    if are_crops(images):
        array, unit, _ = crops(images)
        return array[np.linspace(0, len(array) - 1, min(number, len(array))).astype(int)].astype(float) * unit
    cuts = [cut for _, cut, _ in _Cuts(photographs(images), number, size, False, seed) if len(cut)]
    return np.concatenate(cuts) / 255.0


def power_law(variance: Array) -> float:
    """Exponent a of variance ∝ 1/rank^a from the fifth component to the middle one, each octave weighing the same; NaN for fewer than six."""
    first, last = min(5, len(variance) // 4 + 1), len(variance) // 2
    if first >= last:
        return math.nan
    ranks = np.geomspace(first, last, 50)
    logs = np.interp(np.log(ranks), np.log(np.arange(1, len(variance) + 1)), np.log(np.maximum(variance, 1e-300)))
    return -float(stats.linregress(np.log(ranks), logs).slope)


@checked
def reconstruct(pca: xr.Dataset, patches: npt.ArrayLike, components: Natural) -> Array:
    """Patches (n, pixel) from their first so many principal components; bytes are divided by 255.

    Raises `FechnerError` for a number of components that there is not, and patches of another size.
    """
    if "components" not in pca or "mean" not in pca:
        raise FechnerError("pca must be a result of principal_components: it has no components")
    if components > pca.sizes["component"]:
        raise FechnerError(f"components must lie in [0, {pca.sizes['component']}], got {components}")
    flat, unit, _ = crops(np.atleast_2d(np.asarray(patches)), bool(pca.attrs.get("colour", 0)))
    if flat.shape[1] != pca.sizes["pixel"]:
        raise FechnerError(f"the patches have {flat.shape[1]} pixels, the components {pca.sizes['pixel']}")
    basis = pca.components.values[:components]
    centred = flat * unit - pca["mean"].values
    return centred @ basis.T @ basis + pca["mean"].values


class _Cuts(IterableDataset[Any]):
    """In each worker process: patches cut from its share of the photographs, as bytes, a chunk of one group at a time."""

    def __init__(self, found: Sequence[Photograph], number: int, size: int, colour: bool, seed: int) -> None:
        self.found, self.number, self.size, self.colour, self.seed = found, number, size, colour, seed

    def __iter__(self) -> Iterator[tuple[int, npt.NDArray[np.uint8], dict[str, str]]]:
        worker = get_worker_info()
        first, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for i in range(first, len(self.found), step):
            count = self.number // len(self.found) + (i < self.number % len(self.found))
            if not count:
                return
            photograph = self.found[i]
            try:
                cut = self._cut(photograph, count)
            except FechnerError as e:
                yield i % GROUPS, np.zeros((0, 1), np.uint8), {photograph.name: str(e)}
                continue
            for start in range(0, count, _CHUNK):
                yield i % GROUPS, cut[start : start + _CHUNK], {}

    def _cut(self, photograph: Photograph, count: int) -> npt.NDArray[np.uint8]:
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
    found: Sequence[Photograph],
    number: int,
    size: int,
    colour: bool,
    seed: int,
    workers: int | None,
    skipped: dict[str, str],
) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
    """Chunks of patches with their group, gathered until they are worth a matrix product."""
    if workers is None:
        # Where many patches come from each photograph, matrix products need all cores.
        workers = workers_for(len(found)) if number < 50 * len(found) else 0
    waiting: dict[int, list[npt.NDArray[np.uint8]]] = {g: [] for g in range(GROUPS)}
    cuts = _Cuts(found, number, size, colour, seed)
    for group, cut, why in DataLoader(
        cuts, batch_size=None, num_workers=workers, multiprocessing_context=context(workers)
    ):
        skipped |= why
        check_skipped(skipped, len(found))
        if len(cut):
            waiting[group].append(np.asarray(cut))
        if sum(map(len, waiting[group])) >= _CHUNK // 2:
            yield group, np.concatenate(waiting[group])
            waiting[group] = []
    for group, rest in waiting.items():
        if rest:
            yield group, np.concatenate(rest)


def _jackknife(left_out: Array) -> float:
    """Half of a 95 % interval from estimates that each leave out one group."""
    n = len(left_out)
    if n < 2:
        return float("nan")
    return float(stats.t.ppf(0.975, n - 1) * np.sqrt((n - 1) / n * np.square(left_out - left_out.mean()).sum()))

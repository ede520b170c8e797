"""Patches that are cut from photographs, and their moments, of which `components` computes principal components.

Patches are never all in memory: only their moments are kept, one set for each of ten groups of photographs. Intervals
come from leaving out one group at a time, so a photograph must always belong to one group only. The places of the patches depend on the seed and the photograph's name, not on the number of processes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil
from PIL import Image
from scipy.linalg import blas
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from fechner.errors import FechnerError
from fechner.limits import check_memory
from fechner.progress import bar
from fechner.statistics.crops import are_crops, read_crops
from fechner.statistics.feature import Array
from fechner.statistics.images import Photograph, find_photographs
from fechner.statistics.stream import check_skipped
from fechner.statistics.workers import context, workers_for

GROUPS = 10  # of photographs, for the jackknife
_CHUNK = 4096  # patches that are added up in one matrix product


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

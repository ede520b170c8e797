"""Every photograph once, whatever the number of processes or machines, in memory that does not grow.

The bootstrap over photographs draws, for each photograph and each replicate, how often it counts from a Poisson
distribution of mean 1. Draws depend on the seed and the photograph's name alone, so that totals are the same however
the photographs are shared out, and only totals are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from fechner import processes
from fechner.errors import FechnerError
from fechner.progress import bar
from fechner.statistics.feature import Array, Feature
from fechner.statistics.images import Photograph
from fechner.statistics.workers import PHOTOGRAPHS_EACH, context, workers_for

_BATCH = PHOTOGRAPHS_EACH
_MOST_SKIPPED = 0.1
# The draw that 16 random bits stand for: quantiles of the Poisson distribution of mean 1.
_POISSON = stats.poisson.ppf((np.arange(65536) + 0.5) / 65536, 1.0).astype(np.uint8)


class _Share(IterableDataset[Any]):
    """In each worker process: its share of the photographs, added up there, so that nothing large travels.

    Yields how many more were taken and why some were skipped, and at last the totals, None if there is nothing.
    """

    def __init__(self, photographs: Sequence[Photograph], feature: Feature, bootstraps: int, seed: int) -> None:
        self.photographs, self.feature, self.bootstraps, self.seed = photographs, feature, bootstraps, seed

    def __iter__(self) -> Iterator[tuple[int, dict[str, str], Array | None]]:
        worker = get_worker_info()
        mine = self.photographs if worker is None else self.photographs[worker.id :: worker.num_workers]
        summed: Tensor | None = None
        for start in range(0, len(mine), _BATCH):
            used: dict[str, Array] = {}
            skipped: dict[str, str] = {}
            batch = mine[start : start + _BATCH]
            for photograph in batch:
                try:
                    used[photograph.name] = self.feature.measure(photograph.pixels())
                except FechnerError as e:
                    skipped[photograph.name] = str(e)
            if used:
                weights = np.stack([_weights(name, self.bootstraps, self.seed) for name in used], 1)
                values = np.stack(list(used.values()))
                if summed is None:
                    summed = torch.zeros(len(weights), values[0].size, dtype=torch.float64)
                    shape = values.shape[1:]
                summed.addmm_(torch.from_numpy(weights), torch.from_numpy(values.reshape(len(values), -1)))
            yield len(batch), skipped, None
        yield 0, {}, None if summed is None else summed.view(-1, *shape).numpy()


def totals(
    photographs: Sequence[Photograph],
    feature: Feature,
    bootstraps: int,
    seed: int,
    workers: int | None = None,
    progress: bool = True,
) -> tuple[Array, dict[str, str]]:
    """Totals (1 + bootstraps, k, n) over all photographs, and the reason for each that was skipped.

    Under torchrun each process takes its share and all return the same. Raises `FechnerError` as soon as more than a
    tenth of all photographs have been skipped.
    """
    rank, world = processes.share()
    mine = photographs[rank::world]
    share = _Share(mine, feature, bootstraps, seed)
    workers = workers_for(len(mine)) if workers is None else workers
    loader = DataLoader(share, batch_size=None, num_workers=workers, multiprocessing_context=context(workers))
    parts: list[Array] = []
    skipped: dict[str, str] = {}
    with bar(progress and rank == 0, feature.name.replace("_", " "), len(mine), "photographs") as progressing:
        for count, reasons, part in loader:
            skipped |= reasons
            check_skipped(skipped, len(photographs))
            parts += [] if part is None else [part]
            progressing.update(count)
    if world > 1:
        shares = processes.gather((parts, skipped))
        parts = [part for share_parts, _ in shares for part in share_parts]
        skipped = {name: why for _, reasons in shares for name, why in reasons.items()}
        check_skipped(skipped, len(photographs))
    return np.sum(parts, 0), dict(sorted(skipped.items()))


def _weights(name: str, bootstraps: int, seed: int) -> Array:
    """How often a photograph counts: once in the estimate itself, then as drawn for each replicate."""
    random = hashlib.shake_128(f"{seed}/{name}".encode()).digest(2 * bootstraps)
    return np.concatenate([[1.0], _POISSON[np.frombuffer(random, "<u2")]])


def check_skipped(skipped: dict[str, str], total: int) -> None:
    """Raise `FechnerError` if more than a tenth of all photographs have been skipped."""
    if len(skipped) > _MOST_SKIPPED * total:
        name, why = next(iter(skipped.items()))
        raise FechnerError(
            f"more than a tenth of {total} images cannot be used ({len(skipped)} so far): '{name}', {why}; remove them first"
        )

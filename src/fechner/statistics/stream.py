"""Adds up a feature over all photographs, in one pass and constant memory, on any number of processes and machines.

The bootstrap over photographs draws from a Poisson distribution of mean 1 how often each photograph counts in each
replicate. The draws depend on the seed and the photograph's name alone. So the totals are the same however the
photographs are shared out, and no values of single photographs need to be kept.
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
# The draw for each value of 16 random bits: quantiles of the Poisson distribution of mean 1.
_POISSON = stats.poisson.ppf((np.arange(65536) + 0.5) / 65536, 1.0).astype(np.uint8)


class _Share(IterableDataset[Any]):
    """Adds up a share of the photographs in each worker process, so that only totals are sent between processes.

    Yields how many more photographs were read and why some of them were skipped; at the end it yields the totals of the
    share, or None if no photograph of it could be used.
    """

    def __init__(self, photographs: Sequence[Photograph], feature: Feature, bootstraps: int, seed: int) -> None:
        self.photographs, self.feature, self.bootstraps, self.seed = photographs, feature, bootstraps, seed

    def __iter__(self) -> Iterator[tuple[int, dict[str, str], Array | None]]:
        worker = get_worker_info()
        share = self.photographs if worker is None else self.photographs[worker.id :: worker.num_workers]
        summed: Tensor | None = None
        for start in range(0, len(share), _BATCH):
            used: dict[str, Array] = {}
            skipped: dict[str, str] = {}
            batch = share[start : start + _BATCH]
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
    """Totals (1 + bootstraps, k, values) over all photographs, and the reason for each one that was skipped.

    The first total counts every photograph once. Under torchrun each process takes its share, and all return the same.
    Raises `FechnerError` as soon as more than a tenth of all photographs have been skipped.
    """
    rank, world = processes.share()
    own = photographs[rank::world]
    workers = workers_for(len(own)) if workers is None else workers
    share = _Share(own, feature, bootstraps, seed)
    loader = DataLoader(share, batch_size=None, num_workers=workers, multiprocessing_context=context(workers))
    parts: list[Array] = []
    skipped: dict[str, str] = {}
    with bar(progress and rank == 0, feature.name.replace("_", " "), len(own), "photographs") as progressing:
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
    """How often a photograph counts (1 + bootstraps,): once in the estimate, and as drawn in each replicate."""
    random = hashlib.shake_128(f"{seed}/{name}".encode()).digest(2 * bootstraps)
    return np.concatenate([[1.0], _POISSON[np.frombuffer(random, "<u2")]])


def check_skipped(skipped: dict[str, str], total: int) -> None:
    """Raise `FechnerError` if more than a tenth of all photographs have been skipped.

    >>> check_skipped({"a.png": "it is damaged"}, 20)
    """
    if len(skipped) > _MOST_SKIPPED * total:
        name, why = next(iter(skipped.items()))
        raise FechnerError(
            f"more than a tenth of {total} images cannot be used ({len(skipped)} so far): '{name}', {why}; remove them first"
        )

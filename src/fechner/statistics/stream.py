"""Adds up a feature over all photographs, in one pass and constant memory, on any number of processes and machines.

Photographs are added up in at most a hundred groups, by their place in the list, so that an interval can be computed by
leaving out one group at a time. So the totals are the same however the photographs are shared out, and no values of single
photographs need to be kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from fechner import processes
from fechner.errors import FechnerError
from fechner.interval import GROUPS, leave_out
from fechner.progress import bar
from fechner.statistics.feature import Array, Feature
from fechner.statistics.images import Photograph
from fechner.statistics.workers import PHOTOGRAPHS_EACH, context, workers_for

_BATCH = PHOTOGRAPHS_EACH
_MOST_SKIPPED = 0.1


class _Share(IterableDataset[Any]):
    """Adds up a share of the photographs in each worker process, so that only totals are sent between processes.

    Yields how many more photographs were read and why some of them were skipped; at the end it yields the sum of each
    group that the share has photographs of.
    """

    def __init__(self, photographs: Sequence[tuple[int, Photograph]], feature: Feature) -> None:
        self.photographs, self.feature = photographs, feature

    def __iter__(self) -> Iterator[tuple[int, dict[str, str], dict[int, Array]]]:
        worker = get_worker_info()
        share = self.photographs if worker is None else self.photographs[worker.id :: worker.num_workers]
        sums: dict[int, Array] = {}
        for start in range(0, len(share), _BATCH):
            skipped: dict[str, str] = {}
            batch = share[start : start + _BATCH]
            for group, photograph in batch:
                try:
                    sums[group] = sums.get(group, 0.0) + self.feature.measure(photograph.pixels())
                except FechnerError as e:
                    skipped[photograph.name] = str(e)
            yield len(batch), skipped, {}
        yield 0, {}, sums


def totals(
    photographs: Sequence[Photograph],
    feature: Feature,
    workers: int | None = None,
    progress: bool = True,
) -> tuple[Array, dict[str, str]]:
    """Totals (1 + groups, k, values) of photographs, and the reason for each one that was skipped.

    The first total is over all photographs; each of the others leaves out one group of them. A group of which no
    photograph could be used is none. Under torchrun each process takes its share, and all return the same. Raises
    `FechnerError` as soon as more than a tenth of all photographs have been skipped.
    """
    rank, world = processes.share()
    own = [(i % GROUPS, photograph) for i, photograph in enumerate(photographs)][rank::world]
    workers = workers_for(len(own)) if workers is None else workers
    share = _Share(own, feature)
    loader = DataLoader(share, batch_size=None, num_workers=workers, multiprocessing_context=context(workers))
    parts: list[dict[int, Array]] = []
    skipped: dict[str, str] = {}
    with bar(progress and rank == 0, feature.name.replace("_", " "), len(own), "photographs") as progressing:
        for count, reasons, part in loader:
            skipped |= reasons
            check_skipped(skipped, len(photographs))
            parts.append(part)
            progressing.update(count)
    if world > 1:
        shares = processes.gather((parts, skipped))
        parts = [part for share_parts, _ in shares for part in share_parts]
        skipped = {name: why for _, reasons in shares for name, why in reasons.items()}
        check_skipped(skipped, len(photographs))
    groups = sorted({group for part in parts for group in part})
    sums = np.stack([np.sum([part[group] for part in parts if group in part], 0) for group in groups])
    return np.concatenate([sums.sum(0, keepdims=True), leave_out(sums)]), dict(sorted(skipped.items()))


def check_skipped(skipped: dict[str, str], total: int) -> None:
    """Raise `FechnerError` if more than a tenth of all photographs have been skipped.

    >>> check_skipped({"a.png": "it is damaged"}, 20)
    """
    if len(skipped) > _MOST_SKIPPED * total:
        name, why = next(iter(skipped.items()))
        raise FechnerError(
            f"more than a tenth of {total} images cannot be used ({len(skipped)} so far): '{name}', {why}; remove them first"
        )

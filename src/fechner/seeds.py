"""Random numbers of PyTorch's global generator that depend on a seed and on nothing else, in threads too."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_one_at_a_time = threading.RLock()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside, PyTorch draws what this seed gives on a CPU; afterwards its generator is as it was.

    >>> with seeded(3):
    ...     first = torch.rand(2)
    >>> with seeded(3):
    ...     bool((torch.rand(2) == first).all())
    True

    Modules draw their initial weights from one generator of the whole process: threads that come here wait for each
    other.
    """
    with _one_at_a_time, torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(seed)
        yield


def _renew() -> None:
    """A forked process has none of the threads that may have been inside."""
    global _one_at_a_time
    _one_at_a_time = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)

"""Random numbers of PyTorch's global generator that depend on a seed and on nothing else, in threads too.

The constructors of modules take no generator, so whatever initialises a network does it inside `seeded`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_one_at_a_time = threading.RLock()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside, PyTorch draws the numbers of this seed on a CPU; afterwards its generator is in the state it had before.

    >>> with seeded(3):
    ...     first = torch.rand(2)
    >>> with seeded(3):
    ...     bool((torch.rand(2) == first).all())
    True

    Modules draw their initial weights from one generator for the whole process, so threads wait for each other here.
    """
    with _one_at_a_time, torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(seed)
        yield


def _renew() -> None:
    """Replace the lock in a forked process, in which a thread that held it does not exist and cannot release it."""
    global _one_at_a_time
    _one_at_a_time = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)

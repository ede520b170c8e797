"""The processes of torchrun, or of any launcher that sets RANK and WORLD_SIZE: which one this is, and what each has.

Long work is shared out by `share`, collected by `gather`, and printed and saved by `is_first` alone. The processes form one
group, which is made on the first call and lasts as long as they do. Each shows that it is alive by counting in a store that
all can read, because a timeout alone cannot distinguish a slow process from one that has ended.
tests/test_processes.py and tests/test_kills.py start and kill real processes.
"""

from __future__ import annotations

import atexit
import datetime
import itertools
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import torch.distributed as dist

from fechner.errors import FechnerError, first_line

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

# Launchers set these variables, and int() is called on them, here or in Lightning.
_NUMBERS = (
    "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "GROUP_WORLD_SIZE", "NODE_RANK", "MASTER_PORT",
    "SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_NTASKS", "SLURM_NTASKS_PER_NODE", "SLURM_NNODES",
    "JSM_NAMESPACE_RANK",
)  # fmt: skip
# In seconds: how long processes wait for each other at the beginning, how often each shows that it is alive, and how long
# the others wait for that sign.
_BEGINNING, _BEAT, _SILENCE = 300, 5, 60
_ALONE = "start all of them with torchrun, or unset RANK and WORLD_SIZE to run one process"
# The store through which the processes exchange small messages; None before they have met.
_store: Store | None = None
_number = itertools.count()


def number(name: str, otherwise: int) -> int:
    """A whole number in an environment variable; `FechnerError` if it holds anything else.

    >>> number("FECHNER_IS_NOT_SET", 3)
    3
    """
    text = os.environ.get(name, "")
    if not text:
        return otherwise
    if not text.isdecimal():
        raise FechnerError(f"the environment variable {name} must be a whole number, got '{text}'; unset it or mend it")
    return int(text)


def check() -> None:
    """Raise `FechnerError` if variables that launchers set, and Lightning reads, contradict each other or are no numbers."""
    for name in _NUMBERS:
        number(name, 0)
    told()


def told() -> tuple[int, int]:
    """Which process this is, and of how many, according to RANK and WORLD_SIZE; (0, 1) without either of them.

    Other variables of launchers (LOCAL_RANK, SLURM_PROCID) are set for single processes too, and say nothing.
    """
    rank, world = number("RANK", -1), number("WORLD_SIZE", -1)
    if rank < 0 or world in (-1, 1):
        return 0, 1
    claim = f"RANK={rank} and WORLD_SIZE={world} say that this is one of {world} processes"
    if rank >= world:
        raise FechnerError(f"RANK must be below WORLD_SIZE, got RANK={rank} and WORLD_SIZE={world}; {_ALONE}")
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        if not os.environ.get(name):
            raise FechnerError(f"{claim}, but {name}, where they meet, is not set; {_ALONE}")
    return rank, world


def share() -> tuple[int, int]:
    """Which process this is, and of how many; (0, 1) where there is only one. The first call waits for the others."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    rank, world = told()
    if world > 1:
        _join(rank, world)
    return rank, world


def is_first() -> bool:
    """Whether this process is the one that prints and saves."""
    return share()[0] == 0


def gather(mine: Any) -> list[Any]:
    """The objects of all processes, in the order of their ranks; every process must call this.

    >>> gather("curves of this process")
    ['curves of this process']

    Raises `FechnerError` if another process has ended. A process may take any time for its share of the work.
    """
    rank, world = share()
    if world == 1:
        return [mine]
    shares: list[Any] = [None] * world
    if _store is None:
        # Lightning made this group for a training; there is no store with signs of life.
        dist.all_gather_object(shares, mine)
        return shares
    turn = next(_number)
    try:
        _meet(_store, f"{turn}/ready", rank, world)
        dist.all_gather_object(shares, mine)
    except RuntimeError as e:
        raise FechnerError(
            f"process {rank} of {world} cannot go on without the others ({first_line(e)}); see their messages"
        ) from None
    with suppress(RuntimeError):
        # A process that ended now would cut off those that still receive.
        _meet(_store, f"{turn}/done", rank, world)
    return shares


def _meet(store: Store, place: str, rank: int, world: int) -> None:
    """Wait until all processes are at this place; RuntimeError if one of them gives no sign of life any more."""
    store.set(f"{place}/{rank}", "")
    # By rank the last count, and when it was first seen.
    beats: dict[int, tuple[int, float]] = {}
    while absent := [r for r in range(world) if not store.check([f"{place}/{r}"])]:
        for r in absent:
            beat, now = store.add(f"beats/{r}", 0), time.monotonic()
            if r not in beats or beats[r][0] != beat:
                beats[r] = beat, now
            elif now - beats[r][1] > _SILENCE:
                raise RuntimeError(f"process {r} has given no sign of life for {_SILENCE} s")
        time.sleep(0.05)


def _join(rank: int, world: int) -> None:
    """Meet the other processes, and form the one group that this process is ever in."""
    global _store
    where = f"{os.environ['MASTER_ADDR']}:{number('MASTER_PORT', 0)}"
    try:
        with saying(f"waiting for the other processes at {where} (RANK={rank}, WORLD_SIZE={world})"):
            limit = datetime.timedelta(seconds=_BEGINNING)
            store = dist.PrefixStore("fechner", next(dist.rendezvous("env://", rank, world, timeout=limit))[0])  # type: ignore[attr-defined]
            dist.init_process_group("gloo", store=store, rank=rank, world_size=world, timeout=limit)
    except (RuntimeError, ValueError, OSError) as e:
        raise FechnerError(
            f"process {rank} of {world} did not meet the others at {where} within {_BEGINNING} s "
            f"({first_line(e)}); {_ALONE}"
        ) from None
    _store = store
    left = threading.Event()
    beating = threading.Thread(target=_beat, args=(store, rank, left), daemon=True)
    beating.start()

    def leave() -> None:
        left.set()
        beating.join(_BEAT)
        if dist.is_initialized():
            dist.destroy_process_group()

    atexit.register(leave)


def _beat(store: Store, rank: int, left: threading.Event) -> None:
    """Show the other processes that this one is alive, until it leaves; runs in a thread of its own."""
    with suppress(RuntimeError):
        store.add(f"beats/{rank}", 1)
        while not left.wait(_BEAT):
            store.add(f"beats/{rank}", 1)


@contextmanager
def saying(text: str, after: float = 10) -> Iterator[None]:
    """Print a text on the error stream if the work inside takes more than `after` seconds."""
    timer = threading.Timer(after, lambda: print(text, file=sys.stderr, flush=True))  # noqa: T201
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()

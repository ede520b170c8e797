"""How many processes decode photographs, and how they are started.

A script without `if __name__ == "__main__"` must be able to use them, whatever start method Python has by default or
the script has chosen: tests/statistics/test_workers.py runs one. Training decodes its images in such processes too.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.context import BaseContext, SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any

from fechner import processes

PHOTOGRAPHS_EACH = 32  # fewer photographs for a process are not worth starting it


def workers_for(count: int) -> int:
    """How many processes on this machine to use for a number of photographs; 0 means none besides this one.

    >>> workers_for(9)
    0
    """
    if count < 2 * PHOTOGRAPHS_EACH:
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores // (processes.number("LOCAL_WORLD_SIZE", 1) or 1), count // PHOTOGRAPHS_EACH))


def context(workers: int) -> BaseContext | None:
    """How to start worker processes, as `DataLoader` takes it; None if there are none to start.

    On Linux they are forked, which is quick. Elsewhere they start anew but do not run the script again; otherwise a
    script without `if __name__ == "__main__"` would measure again in each of them.
    """
    if not workers:
        return None
    return multiprocessing.get_context("fork") if sys.platform == "linux" else Apart()


class _Process(SpawnProcess):
    """Replaces the main module by an empty one while it starts, so that Python finds no script to run again."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            return SpawnProcess._Popen(process_obj)
        finally:
            sys.modules["__main__"] = main


class Apart(SpawnContext):
    """Starts processes anew that do not run the main script."""

    Process = _Process

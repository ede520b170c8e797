"""Processes that decode and measure photographs: how many, and started so that a plain script can have them."""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.context import BaseContext, SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any

from fechner import processes

PHOTOGRAPHS_EACH = 32


def workers_for(count: int) -> int:
    """Processes on this machine for so many photographs; starting one costs more than measuring a few."""
    if count < 2 * PHOTOGRAPHS_EACH:
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores // (processes.number("LOCAL_WORLD_SIZE", 1) or 1), count // PHOTOGRAPHS_EACH))


def context(workers: int) -> BaseContext | None:
    """How to start so many processes, whatever the method that Python or the script has chosen; None for none.

    Where it is safe, they are copies of this one, which is quick. Elsewhere they begin anew, but do not run the script
    again, which would measure again in each of them unless it is guarded by `if __name__ == "__main__"`.
    """
    if not workers:
        return None
    return multiprocessing.get_context("fork") if sys.platform == "linux" else Apart()


class _Process(SpawnProcess):
    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            return SpawnProcess._Popen(process_obj)
        finally:
            sys.modules["__main__"] = main


class Apart(SpawnContext):
    """Processes that begin anew and do not run the main script."""

    Process = _Process

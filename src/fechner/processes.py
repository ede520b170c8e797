"""The processes of torchrun, or of whoever set RANK and WORLD_SIZE: what each has, and which one speaks."""

from __future__ import annotations

import os
from typing import Any

import torch.distributed as dist


def share() -> tuple[int, int]:
    """Which process this is, and of how many; (0, 1) where there is only one."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


def is_first() -> bool:
    """Whether this process is the one that prints and saves; also before a training's processes know each other."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank() == 0
    return all(int(os.environ.get(name, 0)) == 0 for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK"))


def gather(mine: Any) -> list[Any]:
    """What every process has, in the order of their ranks; all must call."""
    world = share()[1]
    if world == 1:
        return [mine]
    started = not dist.is_initialized()
    if started:
        dist.init_process_group("gloo")
    shares: list[Any] = [None] * world
    dist.all_gather_object(shares, mine)
    if started:
        dist.destroy_process_group()
    return shares

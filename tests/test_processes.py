"""Two processes of torchrun measure what one does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from fechner import processes, results

COMMAND = [
    "sensitivity",
    "resnet18_small",
    "--weights",
    "init",
    "--values",
    "9",
    "--average",
    "phase=3",
    "--set",
    "size=32",
]


def run(launcher: list[str], *more: str) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *launcher, *COMMAND, *more], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_sensitivity_under_torchrun_is_the_same(tmp_path: Path) -> None:
    # Chords reach from one stimulus to the next, and are the hardest to share.
    settings = ["--batch-size", "5", "--method", "chord", "--device", "cpu", "--out"]
    run(["-m", "fechner"], *settings, str(tmp_path / "one.nc"))
    two = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "fechner"]
    run(two, *settings, str(tmp_path / "two.nc"))
    assert results.read(tmp_path / "one.nc").equals(results.read(tmp_path / "two.nc"))


def test_alone_there_is_one_share() -> None:
    assert processes.share() == (0, 1)
    assert processes.is_first()
    assert processes.gather({"a": 1}) == [{"a": 1}]

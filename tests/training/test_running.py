"""Which process speaks in a training, that one folder has one training, and what stops one from outside."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from fechner import FechnerError, results
from fechner.training import train

SOURCE = """
from torch import nn
def plain(num_classes=3):
    return nn.Sequential(nn.Conv2d(3, 6, 5, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(96, num_classes))
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "network_of_mine.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "network_of_mine", raising=False)
    for name in [n for n in os.environ if n.startswith("SLURM_")]:
        monkeypatch.delenv(name)
    return tmp_path


def run(tiles: Path, out: Path, **changed: Any) -> Any:
    settings: dict[str, Any] = {
        "arch": "network_of_mine:plain",
        "recipe": {"epochs": 1, "batch": 20},
        "record": "none",
        "accelerator": "cpu",
        "workers": 0,
        "progress": False,
        "say": lambda text: None,
    }
    return train(tiles, out=out, **settings | changed)


@pytest.mark.parametrize(
    "leftover",
    [{"SLURM_PROCID": "1"}, {"LOCAL_RANK": "1"}, {"SLURM_PROCID": "1", "SLURM_NTASKS": "2", "SLURM_JOB_NAME": "bash"}],
)
def test_a_single_process_writes_whatever_it_is_called(
    leftover: dict[str, str], tiles: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in leftover.items():
        monkeypatch.setenv(name, value)
    # What Lightning takes from these variables when it is imported.
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    told: list[str] = []
    found = run(tiles, mine / "out", say=told.append)
    assert told[-1].startswith("epoch 1 of 1")
    assert results.read(mine / "out" / "training.nc").identical(found)
    assert (mine / "out" / "logs" / "version_0" / "metrics.csv").stat().st_size > 50


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"RANK": "abc"}, "RANK must be a whole number, got 'abc'"),
        ({"LOCAL_WORLD_SIZE": "two"}, "LOCAL_WORLD_SIZE must be a whole number, got 'two'"),
        ({"SLURM_NTASKS": "many"}, "SLURM_NTASKS must be a whole number"),
        ({"SLURM_NTASKS": "2"}, "ntasks-per-node"),
        ({"RANK": "0", "WORLD_SIZE": "2"}, "MASTER_ADDR, where they meet, is not set"),
        (
            {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"},
            "which training takes from torchrun alone; start it with torchrun, or unset both",
        ),
    ],
)
def test_odd_variables_are_one_line(
    said: dict[str, str], message: str, tiles: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    # With an address, two machines would wait for each other.
    for nodes in (1,) if "MASTER_ADDR" in said else (1, 2):
        with pytest.raises(FechnerError, match=message) as caught:
            run(tiles, mine / "out", nodes=nodes)
        assert "\n" not in str(caught.value)
    assert not (mine / "out").exists()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"SLURM_PROCID": "0"}, "SLURM_(LOCALID|NODEID) is not set"),
        ({"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_NNODES": "3"}, "--nodes=3"),
        ({"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_JOB_ID": "12_ab"}, "invalid literal"),
    ],
)
def test_what_slurm_should_have_set(
    said: dict[str, str], message: str, tiles: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (said | {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "1"}).items():
        monkeypatch.setenv(name, value)
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(FechnerError, match=message):
        run(tiles, mine / "out", nodes=2)
    assert not (mine / "out").exists()


def test_two_machines_say_that_they_wait(tiles: Path, mine: Path) -> None:
    words = [sys.executable, "-m", "fechner", "train", str(tiles), "--arch", "network_of_mine:plain", "--nodes", "2"]
    words += ["--record", "none", "--workers", "0", "--accelerator", "cpu", "--batch", "20", "--out", "out"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "MASTER_"))}
    environment["PYTHONPATH"] = os.pathsep.join([str(mine), *sys.path])
    environment["PYTHONUNBUFFERED"] = "1"
    waiting = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert waiting.stdout is not None
    try:
        said = next(line for line in waiting.stdout if line.startswith("waiting"))
        assert said.startswith("waiting for 2 processes on 2 machines to meet at 127.0.0.1:")
        assert "NODE_RANK" in said
        # The folder is its own for as long as it waits.
        with pytest.raises(FechnerError, match=f"'.*out' is being written by process {waiting.pid}"):
            run(tiles, mine / "out")
    finally:
        waiting.send_signal(signal.SIGKILL)
        waiting.communicate()
    assert run(tiles, mine / "out").sizes["epoch_end"] == 1


@pytest.mark.parametrize("size", [100, 600, 3_000])
def test_a_full_disk_is_one_line(size: int, tiles: Path, mine: Path) -> None:
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        with pytest.raises(FechnerError, match="File too large") as caught:
            run(tiles, mine / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert "\n" not in str(caught.value)
    assert not list((mine / "out").glob("*.ckpt"))
    assert not list((mine / "out").glob(".fechner*"))
    assert run(tiles, mine / "out", resume=True).sizes["epoch_end"] == 1

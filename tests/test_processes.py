"""Two processes of torchrun measure what one does; one that ends ends the others; leftovers of launchers are one line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import xarray as xr

from fechner import FechnerError, processes, results

CURVES = [
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
    "--device",
    "cpu",
]
DENSITY = ["statistics", "scikit-image", "--feature", "hue", "--workers", "0"]
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
LAUNCHERS = {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "SLURM_PROCID"}


def run(words: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k not in LAUNCHERS} | {"OMP_NUM_THREADS": "1"} | environment
    return subprocess.run([sys.executable, *words], env=clean, capture_output=True, text=True, timeout=300)


def port() -> str:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return str(free.getsockname()[1])


def both(words: list[str], folder: Path, times: int) -> None:
    alone = run(["-m", "fechner", *words, "--out", str(folder / "one.nc")])
    assert alone.returncode == 0, alone.stderr
    one = results.read(folder / "one.nc")
    for _ in range(times):
        shared = run([*TORCHRUN, "-m", "fechner", *words, "--out", str(folder / "two.nc")])
        assert shared.returncode == 0, shared.stderr
        two = results.read(folder / "two.nc")
        # Sums over photographs are added up in another order; curves are the same bits.
        xr.testing.assert_allclose(two, one, rtol=0 if one.attrs["kind"] == "sensitivity" else 1e-13)
        (folder / "two.nc").unlink()


def test_sensitivity_under_torchrun_is_the_same(tmp_path: Path) -> None:
    # Forward differences reach from one stimulus to the next, and are the hardest to share; the batch is agreed upon first.
    both([*CURVES, "--method", "forward"], tmp_path, 1)


@pytest.mark.slow
def test_ten_times_with_either_command(tmp_path: Path) -> None:
    both(CURVES, tmp_path, 10)
    both(DENSITY, tmp_path, 10)


GATHER = """
import os, sys
from fechner import FechnerError, processes
processes._BEAT, processes._SILENCE = 0.2, 2
try:
    rank, world = processes.share()
    processes.gather(rank)
    if sys.argv[1] == str(rank):
        os._exit(9)
    assert processes.gather(rank) == processes.gather(rank) == list(range(world))
except FechnerError as e:
    sys.exit(str(e))
"""


def test_a_process_that_ends_ends_the_others() -> None:
    said = {"MASTER_ADDR": "localhost", "MASTER_PORT": port(), "WORLD_SIZE": "2"}
    first, second = (
        subprocess.Popen(
            [sys.executable, "-c", GATHER, "1"],
            env=os.environ | said | {"RANK": rank},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    )
    told = first.communicate(timeout=120)[1].strip().splitlines()
    second.communicate(timeout=120)
    assert second.returncode == 9
    assert first.returncode == 1
    assert told[-1].startswith(
        "process 0 of 2 cannot go on without the others (process 1 has given no sign of life for 2 s)"
    )


def test_alone_there_is_one_share() -> None:
    assert processes.share() == (0, 1)
    assert processes.is_first()
    assert processes.gather({"a": 1}) == [{"a": 1}]


@pytest.mark.parametrize(
    "leftover",
    [
        {"SLURM_PROCID": "1"},
        {"LOCAL_RANK": "1"},
        {"RANK": "1"},
        {"WORLD_SIZE": "2"},
        {"RANK": "0", "WORLD_SIZE": "1"},
        {"RANK": "", "WORLD_SIZE": ""},
        {"SLURM_PROCID": "3", "SLURM_NTASKS": "4", "SLURM_LOCALID": "3", "JSM_NAMESPACE_RANK": "1"},
    ],
)
def test_what_single_processes_have_too_means_nothing(
    leftover: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in leftover.items():
        monkeypatch.setenv(name, value)
    assert processes.share() == (0, 1)
    assert processes.is_first()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"RANK": "0", "WORLD_SIZE": "abc"}, "WORLD_SIZE must be a whole number, got 'abc'"),
        ({"RANK": "-1", "WORLD_SIZE": "2"}, "RANK must be a whole number, got '-1'"),
        ({"RANK": "2", "WORLD_SIZE": "2"}, "RANK must be below WORLD_SIZE, got RANK=2 and WORLD_SIZE=2"),
        ({"RANK": "0", "WORLD_SIZE": "0"}, "RANK must be below WORLD_SIZE"),
        ({"RANK": "0", "WORLD_SIZE": "2"}, "MASTER_ADDR, where they meet, is not set; start all of them with torchrun"),
        ({"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost"}, "MASTER_PORT, where they meet, is not set"),
        (
            {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "x"},
            "MASTER_PORT must be a whole number, got 'x'",
        ),
        (
            {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "0"},
            "did not meet the others at localhost:0 within 1 s .*; start all of them with torchrun, or unset",
        ),
        (
            {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "no-such.invalid", "MASTER_PORT": "29500"},
            "did not meet the others at no-such.invalid:29500 within 1 s",
        ),
    ],
)
def test_odd_variables_are_one_line(said: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_BEGINNING", 1)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(FechnerError, match=message) as caught:
        processes.share()
    assert "\n" not in str(caught.value)


def test_who_waits_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with processes.saying("waiting for others", after=0.01):
        time.sleep(0.2)
    with processes.saying("nothing to say", after=10):
        pass
    assert capsys.readouterr().err == "waiting for others\n"

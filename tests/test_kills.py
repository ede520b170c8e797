"""kill -9 at random moments, then the same command again: nothing is lost, nothing is half there, the end is the same."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from fechner import read

KEPT = Path(__file__).parents[1] / "trainings"


def start(words: list[str], folder: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-m", "fechner", *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finished(words: list[str], folder: Path) -> float:
    began = time.monotonic()
    process = start(words, folder)
    error = process.communicate(timeout=900)[1].decode()
    assert process.returncode == 0, error
    return time.monotonic() - began


def gone(processes: list[psutil.Process], within: float = 20) -> bool:
    return not psutil.wait_procs(processes, timeout=within)[1]


def killed(words: list[str], folder: Path, seconds: float, times: int, how: int = signal.SIGKILL) -> int:
    """So many runs, each ended at a random moment; how many had not ended by themselves."""
    seed = int(os.environ.get("FECHNER_KILLS", "0"))
    moments = random.Random(f"{seed} {words}")
    count = 0
    for _ in range(times):
        process = start(words, folder)
        try:
            process.wait(moments.uniform(0.2, 1) * seconds)
        except subprocess.TimeoutExpired:
            count += 1
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.send_signal(how)
        process.communicate()
        assert gone(children), "what a killed process started goes on without it"
        for path in folder.rglob("*.nc"):
            read(path)
    print(f"{count} of {times} runs of {words[0]} ended by signal {how}")  # noqa: T201
    return count


def leftovers(folder: Path) -> list[Path]:
    return [*folder.rglob(".fechner*"), *folder.rglob("*.part")]


@pytest.mark.slow
def test_statistics(tmp_path: Path) -> None:
    words = ["statistics", "scikit-image", "--feature", "hue", "--out", "prior.nc"]
    (tmp_path / "whole").mkdir()
    seconds = finished(words, tmp_path / "whole")
    assert killed(words, tmp_path, seconds, 5)
    finished(words, tmp_path)
    assert read(tmp_path / "prior.nc").equals(read(tmp_path / "whole" / "prior.nc"))
    assert not leftovers(tmp_path)


@pytest.mark.slow
def test_report(tmp_path: Path) -> None:
    shutil.copy(sorted(KEPT.glob("*.nc"))[0], tmp_path / "a.nc")
    (tmp_path / "whole").mkdir()
    shutil.copy(tmp_path / "a.nc", tmp_path / "whole")
    seconds = finished(["report", "a.nc"], tmp_path / "whole")
    before = (tmp_path / "whole" / "report.html").read_bytes()
    (tmp_path / "report.html").write_bytes(before)
    assert killed(["report", "a.nc"], tmp_path, seconds, 5)
    assert (tmp_path / "report.html").read_bytes().endswith(b"</html>\n") or before == (
        tmp_path / "report.html"
    ).read_bytes()
    finished(["report", "a.nc"], tmp_path)
    assert len((tmp_path / "report.html").read_bytes()) == len(before)
    assert not leftovers(tmp_path)


@pytest.mark.slow
def test_train(tmp_path: Path) -> None:
    random_numbers = np.random.default_rng(0)
    for i in range(120):
        path = tmp_path / "images" / "abc"[i % 3] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random_numbers.integers(0, 80 * (i % 3 + 1), (32, 32, 3), np.uint8)).save(path)
    words = [
        "train",
        str(tmp_path / "images"),
        "--arch",
        "resnet18_small",
        "--epochs",
        "6",
        "--batch",
        "20",
        "--accelerator",
        "cpu",
    ]
    words += ["--record", "hue", "--layers", "layer?", "--resume", "--out", "out"]
    (tmp_path / "whole").mkdir()
    seconds = finished(words, tmp_path / "whole")
    assert killed(words, tmp_path, seconds, 6)
    finished(words, tmp_path)
    whole, cut = (
        torch.load(p / "out" / "last.ckpt", weights_only=True)["state_dict"] for p in (tmp_path / "whole", tmp_path)
    )
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    assert read(tmp_path / "out" / "training.nc").equals(read(tmp_path / "whole" / "out" / "training.nc"))
    assert not leftovers(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_reproduce(how: int, tmp_path: Path) -> None:
    few = tmp_path / "trainings"
    few.mkdir()
    for path in KEPT.glob("plain3*.nc"):
        shutil.copy(path, few)
    words = ["reproduce", "fig1", "trained", "--trainings", str(few), "--resume", "--out", "out"]
    (tmp_path / "whole").mkdir()
    seconds = finished(words, tmp_path / "whole")
    assert killed(words, tmp_path, seconds, 5, how)
    finished(words, tmp_path)
    for name in ("fig1", "trained"):
        for file in (f"{name}.png", f"{name}.svg", "claims.json"):
            there = (p / "out" / name / file for p in (tmp_path, tmp_path / "whole"))
            assert len({p.read_bytes() for p in there}) == 1, file
        both = [read(p / "out" / name / "data.nc") for p in (tmp_path, tmp_path / "whole")]
        assert both[0].equals(both[1])
    assert not leftovers(tmp_path)

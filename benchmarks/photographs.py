"""Image statistics against only decoding the same photographs with the same workers: time, images/s, peak memory."""

from __future__ import annotations

import os
import statistics as stats
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import psutil

from fechner.cli import _keep_freed_memory
from fechner.statistics import FEATURES, Photograph, photographs
from fechner.statistics.feature import Array, Feature, Pixels
from fechner.statistics.stream import totals

WORKERS = 2


@dataclass(frozen=True)
class Decoding(Feature):
    """Nothing but the pixels."""

    values: int = 4
    name: ClassVar[str] = "decoding"

    @property
    def coordinate(self) -> tuple[Array, dict[str, str]]:
        return np.arange(4.0), {}

    def measure(self, pixels: Pixels) -> Array:
        return np.zeros((1, 4))

    def density(self, totals: Array) -> Array:
        return totals


def run() -> None:
    """Both, on the ImageNet photographs, where there are any."""
    found = source()
    if found is None:
        print("statistics: no imagenet-sample.tar in the folder that FECHNER_DATA names", flush=True)
        return
    cost(found)
    memory(found)


def source() -> Path | None:
    """The ImageNet photographs in the folder that FECHNER_DATA names, where there are any."""
    path = Path(os.environ.get("FECHNER_DATA", "")) / "imagenet-sample.tar"
    return path if path.exists() else None


def features() -> dict[str, Feature]:
    made = {name.replace("-", "_"): kind() for name, kind in FEATURES.items()}  # type: ignore[call-arg]
    return {"decoding": Decoding(), **made, "hue_cielch": FEATURES["hue"](space="cielch")}  # type: ignore[call-arg]


def cost(source: Path, rounds: int = 5) -> None:
    """Each feature over decoding alone, in turn; and images/s at 500 and 4 × 500 photographs."""
    found = photographs(source)
    took: dict[str, list[float]] = {name: [] for name in features()}
    for _ in range(rounds):
        for name, feature in features().items():
            began = time.perf_counter()
            totals(found, feature, WORKERS, False)
            took[name].append(time.perf_counter() - began)
    for name, seconds in took.items():
        ratio = stats.median(s / d for s, d in zip(seconds, took["decoding"], strict=True))
        print(
            f"statistics {name}: {len(found) / stats.median(seconds):.0f} images/s, {ratio:.2f} × decoding", flush=True
        )


def memory(source: Path) -> None:
    """Peak memory of all processes, and time, at 500 and 4 × 500 photographs."""
    for name in ("hue", "orientation", "spatial_frequency"):
        for times in (1, 4):
            words = [sys.executable, "-m", "benchmarks.photographs", str(source), name, str(times)]
            run = subprocess.run(words, capture_output=True, text=True, check=True)
            print(
                f"statistics {name}, {times} × {len(photographs(source))} photographs: {run.stdout.strip()}", flush=True
            )


def _peak(source: str, name: str, times: str) -> None:
    again = [
        Photograph(f"{i}/{p.name}", p.source, p.offset, p.length)
        for i in range(int(times))
        for p in photographs(source)
    ]
    peak, done = 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        me = psutil.Process()
        while not done.wait(0.02):
            family = [me, *me.children()]
            peak = max(peak, sum(p.memory_full_info().pss for p in family if p.is_running()))

    base = psutil.Process().memory_full_info().pss
    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    totals(again, features()[name], WORKERS, False)
    seconds = time.perf_counter() - began
    done.set()
    watcher.join()
    print(
        f"{seconds:.2f} s, {len(again) / seconds:.0f} images/s, peak {(peak - base) / 1e6:.0f} MB above the loaded process"
    )


if __name__ == "__main__":
    _keep_freed_memory()
    _peak(*sys.argv[1:])

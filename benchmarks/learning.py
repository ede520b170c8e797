"""Learning in linear networks: covariance against one matrix product, engines against minibatches, dimension × depth."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.photographs import source
from fechner.cli import _keep_freed_memory
from fechner.learning import LinearNetwork, Stage, learn
from fechner.statistics.patches import patch_moments, principal_components

PATCHES = 100_352
STEPS = 7000  # 1000 epochs of 7 batches


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def run() -> None:
    """All of it."""
    x = torch.rand(PATCHES, 1024)
    product = min(seconds(lambda: x.T @ x) for _ in range(3))
    took = min(seconds(lambda: patch_moments(source(), PATCHES, progress=False)) for _ in range(3))
    print(f"covariance of {PATCHES} patches: {took:.2f} s, {took / product:.2f} × one float32 product XᵀX", flush=True)
    words = [sys.executable, "-m", "benchmarks.learning"]
    print(
        f"its peak memory: {subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()}",
        flush=True,
    )
    variance = principal_components(source(), PATCHES, progress=False).variance.values
    engines(variance)
    table()


def engines(variance: np.ndarray) -> None:
    """The tied network at the published settings: flow, every step on the covariance, and minibatches (extrapolated)."""
    network = LinearNetwork("tied")
    snapshots = list(range(0, 701, 50))
    flow = seconds(lambda: learn(network, Stage(variance, STEPS), [STEPS], progress=False))
    data = (np.random.default_rng(0).standard_normal((32768, 1024)) * np.sqrt(variance)).astype(np.float32)
    batch = seconds(lambda: learn(network, Stage(variance, 5, data=data), [5], engine="minibatch", progress=False)) / 5
    every = learn(network, Stage(variance, 700), snapshots, engine="descent", progress=False)
    step = seconds(lambda: learn(network, Stage(variance, 100), [100], engine="descent", progress=False)) / 100
    smooth = learn(network, Stage(variance, 700), snapshots, progress=False)
    apart = np.abs(np.einsum("sii->si", every.end_to_end.values) - np.einsum("sii->si", smooth.end_to_end.values)).max()
    print(
        f"tied, {STEPS} steps: flow {flow:.1f} s; on the covariance {step * 1e3:.0f} ms a step; minibatches of 16384 "
        f"{batch * 1e3:.0f} ms a step, {batch * STEPS / flow:.0f} × slower (extrapolated from 5 steps); proportions learned "
        f"of flow and descent differ by at most {apart:.4f} at every 50th of 700 steps",
        flush=True,
    )


def table() -> None:
    """Milliseconds of one gradient on the covariance, of which a descent takes one a step, and flow a few a step."""
    for dimension in (256, 1024, 4096):
        variance = torch.as_tensor(50.0 / np.arange(1, dimension + 1) ** 1.2, dtype=torch.float32)
        cells = []
        for depth in ("tied", 1, 2, 3, 4, 5, 6):
            network = LinearNetwork(depth)  # type: ignore[arg-type]
            weights = network.weights(dimension, dimension, torch.float32, torch.device("cpu"))
            target = torch.diag(variance)
            took = min(seconds(lambda n=network, w=weights, v=variance, t=target: n.descent(w, v, t)) for _ in range(3))
            cells.append(f"{depth}: {took * 1e3:.1f} ms")
        print(f"one gradient, {dimension} dimensions, by depth: {', '.join(cells)}", flush=True)


if __name__ == "__main__":
    _keep_freed_memory()
    status = Path("/proc/self/status")
    Path("/proc/self/clear_refs").write_text("5")
    patch_moments(source(), PATCHES, progress=False)
    print(f"{int(status.read_text().split('VmHWM:')[1].split()[0]) / 1e6:.2f} GB, the loaded process included")

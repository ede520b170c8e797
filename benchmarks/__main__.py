"""Cost, accuracy and memory of `fechner.sensitivity` against naive twins, as ratios: `make benchmark`.

Takes about ten minutes on two cores. Name some of cost, accuracy, published, memory, photographs, learning,
supervised, training, reference to run only those; photographs and learning need imagenet-sample.tar in the folder that
FECHNER_DATA names.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import torch
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

import fechner
from benchmarks import learning, photographs, reference, supervised, training
from fechner.cli import _keep_freed_memory
from fechner.networks import Network, blocks, tap, trace
from fechner.stimuli import render

GABOR = fechner.Gabor()
BATCH = 16


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def stimuli(n: int) -> torch.Tensor:
    """The images that `exact` sees."""
    return render(GABOR, {"orientation": torch.arange(n) * (180.0 / n)})


def plain(network: Network, images: torch.Tensor, batch: int = BATCH) -> None:
    """Forward passes and nothing else."""
    with torch.no_grad():
        for i in range(0, len(images), batch):
            network(images[i : i + batch])


def exact(network: Network, n: int, batch: int = BATCH, layers: str = "blocks") -> None:
    """What a user calls."""
    fechner.sensitivity(network, GABOR, values=n, average={}, layers=layers, batch_size=batch, progress=False)


def marginal(network: Network, few: int, many: int, rounds: int, layers: str = "blocks") -> tuple[float, float, float]:
    """Seconds per stimulus of plain passes and of `exact` without its fixed cost, and their median ratio."""
    images = stimuli(many)
    plain(network, images[:few])
    exact(network, few, layers=layers)
    plains, exacts = [], []
    for _ in range(rounds):
        plains.append(seconds(lambda: plain(network, images)) / many)
        long, short = (seconds(lambda n=n: exact(network, n, layers=layers)) for n in (many, few))
        exacts.append((long - short) / (many - few))
    ratio = statistics.median(e / p for e, p in zip(exacts, plains, strict=True))
    return statistics.median(plains), statistics.median(exacts), ratio


def cost() -> None:
    """Exact sensitivity of all blocks over plain forward passes of the same images."""
    for name, few, many, rounds in (
        ("efficientnet_lite0", 32, 320, 5),
        ("resnet18", 32, 160, 3),
        ("vgg16_bn", 16, 48, 3),
        ("vit_b_16", 16, 48, 3),
    ):
        p, e, ratio = marginal(fechner.load(name, "init"), few, many, rounds)
        print(f"cost {name}: plain {p * 1e3:.1f} ms, exact {e * 1e3:.1f} ms a stimulus, ratio {ratio:.2f}", flush=True)


def accuracy() -> None:
    """√J in float32 against stock forward mode in float64, over all layers and 180 orientations.

    At a kink of a unit J jumps, and float32 may take its other side: at the worst orientation, how much J itself jumps in
    float64 is printed too.
    """
    for name, weights in (("efficientnet_lite0", "pretrained"), ("resnet18", "init")):
        network = fechner.load(name, weights)
        single = fechner.sensitivity(network, GABOR, values=180, average={}, layers="all", progress=False)
        double = network.double()
        layers = single.layer.values[1:].tolist()
        angles = single.orientation.values
        root = np.sqrt(single.fisher_information.values[1:])
        error = np.abs(root / np.stack([oracle(double, angle, layers) for angle in angles], 1) - 1)
        worst = float(angles[np.nanargmax(np.nanmax(error, 0))])
        there, *beside = (oracle(double, worst + apart, layers) for apart in (0, -1e-4, 1e-4))
        jump = np.nanmax(np.abs(np.stack(beside) / there - 1))
        print(
            f"accuracy {name} ({weights}): median {np.nanmedian(error):.1e}, maximum {np.nanmax(error):.1e} at {worst:g}°, "
            f"where √J itself changes by {jump:.1e} within 1e-4°; above 5e-3 at {(np.nanmax(error, 0) > 5e-3).sum()} "
            f"orientations of {len(angles)}",
            flush=True,
        )


def oracle(network: Network, orientation: float, layers: list[str]) -> np.ndarray:
    """√J of every layer by PyTorch's stock forward mode in float64; NaN where it is 0."""
    found: dict[str, float] = {}

    def visit(layer: str, *rest: object) -> None:
        tangent = forward_ad.unpack_dual(rest[-1]).tangent  # type: ignore[arg-type]
        found[layer] = float(tangent.square().sum().sqrt())

    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), forward_ad.dual_level(), tap(network, visit):
        angle = torch.tensor([orientation], dtype=torch.float64)
        network(GABOR(orientation=forward_ad.make_dual(angle, torch.ones_like(angle))))
    return np.array([found[layer] or np.nan for layer in layers])


def published() -> None:
    """One layer at a time, ± a step, ten images a pass, gradients on; extrapolated from single passes."""
    for name, few, many in (("resnet18", 32, 96), ("vgg16_bn", 16, 48)):
        network = fechner.load(name, "init").requires_grad_(True)
        inside = "features." if name == "vgg16_bn" else ""
        names = [inside + n for n, _ in network.model.get_submodule(inside[:-1]).named_children()]
        ten = stimuli(10).contiguous()
        network(ten)
        one_pass = statistics.median(seconds(lambda: network(ten)) for _ in range(3))
        network.requires_grad_(False)
        _, per_stimulus, _ = marginal(network, few, many, 2, ",".join(names))
        ratio = len(names) * 2 * one_pass / (10 * per_stimulus)
        print(f"published method, {name}, {len(names)} layers: {ratio:.0f} × slower", flush=True)


def memory() -> None:
    """Peak memory above the loaded process, each in a process of its own, over that of plain passes."""
    for name in ("resnet18", "efficientnet_lite0", "vgg16_bn", "vit_b_16"):
        peak = {
            what: float(subprocess.run([sys.executable, "-m", "benchmarks", "_peak", name, what], capture_output=True, text=True, check=True).stdout)
            for what in ("plain", "blocks", "all")
        }  # fmt: skip
        shown = ", ".join(f"{w} {peak[w]:.0f} MB ({peak[w] / peak['plain']:.2f} ×)" for w in peak)
        print(f"memory {name}, batch {BATCH}: {shown}", flush=True)


def _peak(name: str, what: str) -> None:
    network = fechner.load(name, "init")
    blocks(trace(network, torch.rand(1, 3, 224, 224)), network)
    # Linux: forget the peak so far, so that only what follows counts.
    Path("/proc/self/clear_refs").write_text("5")
    base = psutil.Process().memory_info().rss
    if what == "plain":
        plain(network, stimuli(2 * BATCH))
    else:
        exact(network, 2 * BATCH, layers=what)
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
    print((peak - base) / 1e6)


if __name__ == "__main__":
    if sys.argv[1:2] == ["_peak"]:
        _peak(*sys.argv[2:])
    else:
        _keep_freed_memory()
        tasks = {
            "accuracy": accuracy,
            "memory": memory,
            "cost": cost,
            "published": published,
            "photographs": photographs.run,
            "learning": learning.run,
            "supervised": supervised.run,
            "training": training.run,
            "reference": reference.run,
        }
        for task in sys.argv[1:] or tasks:
            tasks[task]()

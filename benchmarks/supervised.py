"""Learning to label at the published size: a step against the network's own work, and recordings against a forward pass."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

from fechner import circular
from fechner.learning import Exposure, Perceptron, Task, sinusoidal
from fechner.learning.recorder import Recorder
from fechner.learning.supervised import _draws, _update

BATCH, ROUNDS = 2048, 9


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def run() -> None:
    """Both, with medians over rounds in which all are timed in turn."""
    device = torch.device("cpu")
    task, network = Task(), Perceptron()(0, 4096, 60)
    rule = torch.optim.SGD(network.parameters(), lr=0.5)
    sample = Exposure(1, sinusoidal()).sampler("orientation", 180.0, device)
    images, labels = task.images(*_values(task, sample)), torch.randint(60, (BATCH,))

    def own() -> None:
        rule.zero_grad()
        F.cross_entropy(network(images), labels).backward()
        rule.step()

    def whole() -> None:
        _update(network, rule, task, sample, None, _draws(task, BATCH, 0, 0, device))

    def stimuli() -> None:
        task.images(*_values(task, sample))

    def one_at_a_time() -> None:
        shown, phase = _values(task, sample)
        torch.cat([task.images(shown[i : i + 1], phase[:, i : i + 1]) for i in range(BATCH)])

    steps = [[seconds(work) for work in (own, whole, stimuli)] for _ in range(ROUNDS)]
    slow = statistics.median(seconds(one_at_a_time) for _ in range(3))
    plain_step, step, drawn = (statistics.median(column) for column in zip(*steps, strict=True))
    print(
        f"step of {BATCH}: {step * 1e3:.0f} ms, {statistics.median(w / o for o, w, _ in steps):.2f} × the network's own pass "
        f"forward and backward; drawing stimuli one at a time takes {slow / drawn:.0f} × as long, and makes a step "
        f"{(slow + plain_step) / step:.1f} × as long",
        flush=True,
    )
    recorder = Recorder(network, task, circular.grid(60, 180.0), "all", keep=False)
    shown = torch.as_tensor(circular.grid(660, 180.0), dtype=torch.float32)
    plain_images = task.images(shown, torch.rand(1, 660)).contiguous()

    def plain() -> None:
        with torch.no_grad():
            network(plain_images)

    recordings = [[seconds(work) for work in (plain, recorder.measure, recorder.record)] for _ in range(ROUNDS)]
    print(
        f"recording at 60 orientations × 11 phases, all layers: {statistics.median(m / p for p, m, _ in recordings):.2f} × a "
        f"forward pass of the 660 images, with accuracy {statistics.median(r / p for p, _, r in recordings):.2f} ×",
        flush=True,
    )


def _values(
    task: Task, sample: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
) -> tuple[torch.Tensor, torch.Tensor]:
    draws = _draws(task, BATCH, 0, 0, torch.device("cpu"))
    return sample(draws[0])[0], draws[3:]

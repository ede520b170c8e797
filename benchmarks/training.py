"""Training on manipulated images: a step against one on tensors that are ready, and the callback against `sensitivity`."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import torch
import torch.nn.functional as F

import fechner
from fechner.networks import untrained
from fechner.statistics import photographs
from fechner.training import Condition, RecordSensitivity, recipe_for
from fechner.training.batches import Batch, Held, Shuffled
from fechner.training.classifier import Classifier
from fechner.training.labelled_images import Split
from fechner.training.probes import probes

BATCH, IMAGES, ROUNDS = 128, 2560, 3


class _Tile:
    def __init__(self, array: np.ndarray, name: str) -> None:
        self.array, self.name = array, name

    def pixels(self) -> np.ndarray:
        return self.array


def tiles() -> Split:
    """Parts of photographs, of 32 pixels."""
    rng, found = np.random.default_rng(0), [p.pixels() for p in photographs()]
    pictures, labels = [], rng.integers(0, 10, IMAGES)
    for i in range(IMAGES):
        photograph = found[i % len(found)]
        y, x = (int(rng.integers(0, s - 32)) for s in photograph.shape[:2])
        pictures.append(_Tile(photograph[y : y + 32, x : x + 32], str(i)))
    return Split(pictures, labels)


def run() -> None:
    """Both, with medians over steps that are timed in turn."""
    held = Held(tiles(), 32, 0, "tiles", progress=False)
    for precision, dtype in (("32-true", None), ("bf16-mixed", torch.bfloat16)):
        for condition in (Condition(), Condition(rotation=45), Condition(rotation=45, hue=90)):
            ratio, step = _step(held, condition, dtype)
            print(
                f"step of resnet18_small, {BATCH} images, {precision}, {condition}: {step * 1e3:.0f} ms, {ratio:.3f} × one "
                "on ready tensors",
                flush=True,
            )
    _callback()


def _step(held: Held, condition: Condition, dtype: torch.dtype | None) -> tuple[float, float]:
    network = untrained("resnet18_small", 10)
    classifier = Classifier(network, condition, recipe_for(network, 32), 32)
    rule = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9)
    loader = torch.utils.data.DataLoader(
        held, BATCH, sampler=Shuffled(len(held), 0, (0, 1), None), collate_fn=lambda batch: batch
    )

    def learn(images: torch.Tensor, labels: torch.Tensor) -> None:
        with torch.autocast("cpu", dtype, enabled=dtype is not None):
            loss = F.cross_entropy(classifier(images), labels)
        rule.zero_grad()
        loss.backward()
        rule.step()

    ready = classifier.seen(next(iter(loader)), augment=True)
    ratios, steps = [], []
    for _ in range(ROUNDS):
        batches = iter(loader)
        while True:
            began = time.perf_counter()
            batch: Batch | None = next(batches, None)
            if batch is None:
                break
            learn(classifier.seen(batch, augment=True), batch.labels)
            whole = time.perf_counter() - began
            own = _seconds(lambda labels=batch.labels: learn(ready, labels))
            steps.append(whole)
            ratios.append(whole / own)
    return statistics.median(ratios), statistics.median(steps)


def _callback() -> None:
    network = untrained("resnet18_small", 10)
    stimulus, settings = probes(32)["orientation"]
    with tempfile.TemporaryDirectory() as folder:
        record = RecordSensitivity(Path(folder) / "curves.nc", stimulus, network="", every=1, **settings)
        trainer: Any = SimpleNamespace(world_size=1, global_step=1, num_training_batches=1)
        module: Any = lightning.LightningModule()
        module.network, record.network = network, "network"
        ratios = []
        for _ in range(9):
            recorded = _seconds(lambda: record._record(trainer, module, 0.0))
            network.eval()
            alone = _seconds(lambda: fechner.sensitivity(network, stimulus, progress=False, **settings))
            network.train()
            ratios.append(recorded / alone)
    print(f"callback: {statistics.median(ratios):.2f} × fechner.sensitivity of the same, its file written", flush=True)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began

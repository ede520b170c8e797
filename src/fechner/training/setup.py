"""The verb of this folder: train a network on images under a condition, and record its sensitivity on the way."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor
from torch.func import functional_call

from fechner import outputs, processes
from fechner.arguments import MOST_PROCESSES, Count, Processes, Seed, Whole, checked
from fechner.errors import FechnerError, choices, first_line
from fechner.limits import check_memory
from fechner.networks import Network, load, select, trace, untrained
from fechner.networks.zoo import check_name
from fechner.outputs import expanded
from fechner.seeds import seeded
from fechner.statistics.images import in_words, named
from fechner.training.condition import Condition
from fechner.training.labelled_images import CIFAR, Labelled, labelled
from fechner.training.plan import Plan
from fechner.training.probes import DEGREES, FREQUENCIES, probes
from fechner.training.recipe import recipe_for
from fechner.training.resampling import target
from fechner.training.view import refine

# Lightning takes seconds to import: functions that train import what needs it, so that nothing else waits for it.

Size = Annotated[int, Whole(8)]


@checked
def train(
    images: str | Path,
    arch: str = "resnet18",
    condition: Condition | None = None,
    *,
    out: str | Path = "training",
    size: Size | None = None,
    weights: str | Path = "init",
    seed: Seed = 0,
    recipe: Mapping[str, Any] | None = None,
    record: str = "orientation",
    per_epoch: Count = 2,
    layers: str = "blocks",
    resample: Mapping[str, xr.Dataset | str] | None = None,
    precision: str = "32-true",
    accelerator: str = "auto",
    devices: Annotated[int, Whole(1, MOST_PROCESSES)] | str = "auto",
    nodes: Count = 1,
    workers: Processes | None = None,
    resume: bool = False,
    evaluate: bool = False,
    progress: bool = True,
    say: Callable[[str], None] = print,
    show: Callable[[Tensor, Tensor], None] | None = None,
) -> xr.Dataset:
    """Train a network on images under a condition, and record the sensitivity of its layers on the way.

    >>> train("cifar/", "resnet18_small", Condition(rotation=45), out="rotated")    # doctest: +SKIP

    Args:
        images: labelled images, as for `fechner.training.labelled`.
        arch: a name that `fechner.load` knows, or the import path of a function that makes a module.
        condition: what is done to all images, in training and in validation.
        out: folder for OUT/training.nc, OUT/last.ckpt, OUT/logs (CSV and TensorBoard) and OUT/settings.json.
        size: of the images in pixels; by default their own if the first ones are alike and at most 64, else 224.
        weights: what to start from: "init", or a checkpoint.
        seed: of initial weights, order of images and augmentation.
        recipe: fields of `Recipe` that differ from the recipe for such images and networks.
        record: "orientation", "hue" or "none".
        per_epoch: recordings an epoch.
        layers: recorded, as for `sensitivity`.
        resample: feature ("orientation" or "hue") and the density that it is to have before the condition: a result of
            `image_statistics`, or "uniform".
        precision: as in Lightning: "32-true", "bf16-mixed", "16-mixed", …
        accelerator: as in Lightning: "auto", "cpu", "gpu", "mps".
        devices: processes on this machine; under torchrun its own number.
        nodes: machines; under torchrun its own number.
        workers: processes that decode images of more than 64 pixels; by default one a core.
        resume: go on from OUT/last.ckpt, to the same weights as without the interruption (on a CPU, bit by bit); start
            anew where there is none yet, so that a script may always ask for it.
        evaluate: train nothing; give the accuracy of `weights` on the validation images.
        show: called with what `preview` gives, before training starts.

    Returns:
        A Dataset of what was recorded over `step` as by `sensitivity`, with `validation_accuracy`, `validation_loss` and
        `loss` (mean of the epoch's training) over `epoch_end`; the attributes hold condition, recipe, seed, classes, the
        precision that was used, numbers of images, those that were `skipped` and why, and how many files were
        `left_out` for each reason.

    Raises:
        FechnerError: for images, architectures, checkpoints and settings that cannot work, before training starts; for a
            loss that is not finite and a full disk, with the last checkpoint kept.

    Command line:
        fechner train cifar10 --arch resnet18_small --rotation 45 --out rotated
        fechner sensitivity resnet18_small --weights rotated/last.ckpt --set size=32,pixels_per_degree=14.3
        torchrun --nproc-per-node 8 -m fechner train imagenet/ --arch resnet18 --hue 90 --precision 16-mixed
    """
    condition = condition or Condition()
    out = expanded(out)
    processes.check()
    check_name(arch)
    found = labelled(images)
    if found.left_out and processes.is_first():
        say(in_words(found.left_out))
    if not evaluate:
        written = (out / name for name in ("images.png", "training.nc", "last.ckpt"))
        outputs.writable(*written, reads=[weights, None if found.source == CIFAR else images])
    size = _size(found) if size is None else size
    network = _network(arch, weights, len(found.classes), seed, size, layers)
    if len(resample or {}) > 1:
        raise FechnerError(f"images can be resampled to one density, got those of {', '.join(resample or {})}")
    densities = [target(density, feature) for feature, density in (resample or {}).items()]
    changed = recipe_for(network, size, **(recipe or {}))
    if record not in (known := [*probes(size), "none"]):
        raise choices("feature to record", record, known)
    least = math.ceil(2 * FREQUENCIES[-1] * DEGREES)
    if record == "orientation" and size < least:
        raise FechnerError(
            f"size must be at least {least} pixels to record orientation at {FREQUENCIES[-1]:g} cycles/degree, got {size}; "
            "choose a larger size, or record hue or none"
        )
    views = _views(found, condition, size)
    from fechner.training import running

    return running.run(
        Plan(
            network=arch,
            weights=_resolved(weights),
            condition=condition,
            recipe=changed,
            images=_resolved(images),
            classes=found.classes,
            size=size,
            seed=seed,
            record=record,
            per_epoch=per_epoch,
            layers=layers,
            resample=", ".join(resample or {}),
            density_sha256="".join(hashlib.sha256(d.tobytes()).hexdigest()[:16] for d in densities),
            precision=str(precision),
        ),
        found,
        network,
        out=out,
        resample=resample or {},
        trainer={
            "precision": precision,
            "accelerator": accelerator,
            "devices": processes.number("LOCAL_WORLD_SIZE", 0) or devices,
            "num_nodes": processes.number("GROUP_WORLD_SIZE", 0) or nodes,
        },
        workers=workers,
        resume=resume,
        evaluate=evaluate,
        progress=progress,
        say=say,
        show=_nothing if show is None else partial(show, *views),
    )


@checked
def preview(images: str | Path, condition: Condition, size: Size | None = None) -> tuple[Tensor, Tensor]:
    """An image of each of the first eight classes, upright and under the condition: twice (n, 3, S, S), in [0, 1]."""
    found = labelled(images)
    return _views(found, condition, _size(found) if size is None else size)


def _views(found: Labelled, condition: Condition, size: int) -> tuple[Tensor, Tensor]:
    from fechner.training.batches import decoded

    first = np.unique(found.train.labels, return_index=True)[1][:8]
    seen = [d for d in (decoded(found.train.pictures[i], size) for i in first) if isinstance(d, Tensor)]
    if not seen:
        raise FechnerError(f"none of the first {len(first)} images in '{found.source}' can be decoded")
    fine = refine(torch.stack(seen).float() / 255)
    return Condition()(fine), condition(fine)


def _size(found: Labelled) -> int:
    """The side of the first images if they are square, alike and small; else 224."""
    shapes = set()
    for picture in islice(found.train.pictures, 16):
        with suppress(FechnerError):
            shapes.add(picture.pixels().shape)
    if len(shapes) == 1:
        high, wide, _ = shapes.pop()
        if high == wide <= 64:
            return int(high)
    return 224


def _network(arch: str, weights: str | Path, classes: int, seed: int, size: int, layers: str) -> Network:
    """The network to train, once it is known that it takes such images and tells so many classes."""
    # Two images, refined, and what a network makes of them, which is more.
    check_memory(2 * 3 * 4.0 * (2 * size) ** 2 * 2, f"images of {size} × {size} pixels", "choose a smaller size")
    if str(weights) == "init":
        network = untrained(arch, classes, seed)
    else:
        network = load(arch, weights, seed).requires_grad_(True)
    images, logits = torch.full((2, 3, size, size), 0.5), []
    try:
        # Training draws random numbers and changes running statistics, neither of which a trial may do.
        with seeded(seed):
            for mode in (network.train, network.eval):
                output = functional_call(mode(), {n: b.clone() for n, b in network.named_buffers()}, images)
                logits.append(output[0] if isinstance(output, tuple) else output)
        parameters = [p for p in network.parameters() if p.requires_grad]
        reached = torch.autograd.grad(sum(x.sum() for x in logits), parameters, allow_unused=True)
        shapes = [tuple(x.shape) for x in logits]
    except Exception as e:
        reason = first_line(e)
        raise FechnerError(
            f"{arch} does not take images of {size} × {size} pixels ({reason}); choose another size or architecture: "
            "for 32 pixels there are resnet18_small, vgg16_bn_small and vit_small"
        ) from None
    for shape in shapes:
        if shape != (2, classes):
            raise FechnerError(
                f"{arch} with weights {weights} returns {shape[1:]} for an image, but the images have {classes} classes"
            )
    # Processes that train together wait for every gradient, and auxiliary classifiers have none.
    for parameter, gradient in zip(parameters, reached, strict=True):
        parameter.requires_grad_(gradient is not None)
    select(trace(network, images[:1]), layers, network)
    return network.train()


def _resolved(path: str | Path) -> str:
    """A file or folder wherever it is named from; anything else as it is."""
    found = expanded(path)
    return named(found.resolve() if found.exists() else path)


def _nothing() -> None:
    """Nothing is shown in processes other than the first, or if nobody asked."""

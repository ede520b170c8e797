"""`train`, the verb of this folder: it checks everything, and then hands over to `running.run`.

Every mistake in the arguments must be reported here, before a file is written or a long computation starts. Lightning
takes seconds to import, so this module imports what needs it inside functions.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

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
from fechner.statistics.images import left_out_in_words, source_name
from fechner.training.condition import Condition
from fechner.training.labelled_images import CIFAR, Labelled, labelled
from fechner.training.plan import Plan
from fechner.training.probes import DEGREES, FREQUENCIES, probes
from fechner.training.recipe import recipe_for
from fechner.training.resampling import target
from fechner.training.view import refine

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
    checkpoints: Literal["last", "every-epoch"] = "last",
    evaluate: bool = False,
    progress: bool = True,
    say: Callable[[str], None] = print,
    show: Callable[[Tensor, Tensor], None] | None = None,
) -> xr.Dataset:
    """Train a network on images under a condition, and record the sensitivity of its layers while it learns.

    >>> train("cifar/", "resnet18_small", Condition(rotation=45), out="rotated")    # doctest: +SKIP

    Args:
        images: labelled images, as for `fechner.training.labelled`.
        arch: a name that `fechner.load` knows, or the import path of a function that makes a module.
        condition: the manipulation of all images, in training and in validation.
        out: folder for OUT/training.nc, OUT/last.ckpt, OUT/logs (CSV and TensorBoard) and OUT/settings.json.
        size: side of the images in pixels; by default their own if the first ones are square, alike and at most 64
            pixels wide, else 224.
        weights: initial weights, which are "init" or a checkpoint.
        seed: seed of initial weights, order of images and augmentation.
        recipe: fields of `Recipe` that differ from those of `recipe_for` this network and size.
        record: "orientation", "hue" or "none".
        per_epoch: number of recordings in each epoch.
        layers: the layers that are recorded, as for `sensitivity`.
        resample: a feature ("orientation" or "hue") and the density that it shall have before the condition is applied,
            which is a result of `image_statistics` or "uniform".
        precision: precision as in Lightning, such as "32-true", "bf16-mixed" or "16-mixed".
        accelerator: processor as in Lightning, one of "auto", "cpu", "gpu" and "mps".
        devices: number of processes on this machine; torchrun's own number takes precedence.
        nodes: number of machines; torchrun's own number takes precedence.
        workers: number of processes that decode images of more than 64 pixels; by default one for each core.
        resume: whether to continue from OUT/last.ckpt, which gives the same weights as without the interruption (on a
            CPU, bit by bit). If there is no checkpoint yet, training starts anew, so that a script may always resume.
        checkpoints: "every-epoch" also keeps OUT/epoch-000.ckpt, which are the initial weights, OUT/epoch-001.ckpt and so on.
        evaluate: whether to train nothing and to return the accuracy of `weights` on the validation images.
        progress: whether to draw progress bars on a terminal.
        say: function that prints a line of text; only the first process calls it.
        show: function that is called with the two results of `preview` before training starts.

    Returns:
        A Dataset with the recordings over `step`, as `sensitivity` returns them, and `validation_accuracy`,
        `validation_top5_accuracy` (how often the class is among the best five), `validation_loss` and `loss` (the mean over
        an epoch's training) over `epoch_end`. The attributes hold
        condition, recipe, seed, classes, the precision that was used, numbers of images, the images that were `skipped`
        and why, and how many files were `left_out` for each reason.

    Raises:
        FechnerError: for images, architectures, checkpoints and settings that cannot work, before training starts;
            later for a loss that is not finite and for a full disk, which both leave the last checkpoint as it was.

    Command line:
        fechner train cifar10 --arch resnet18_small --rotation 45 --out rotated
        fechner sensitivity resnet18_small --weights rotated/last.ckpt --set size=32,pixels_per_degree=14.3
        torchrun --nproc-per-node 8 -m fechner train imagenet/ --arch resnet18 --hue 90 --precision 16-mixed
    """
    condition = condition or Condition()
    out = expanded(out)
    processes.check()
    check_name(arch)
    data = labelled(images)
    if data.left_out and processes.is_first():
        say(left_out_in_words(data.left_out))
    if not evaluate:
        files = (out / name for name in ("images.png", "training.nc", "last.ckpt"))
        outputs.writable(*files, reads=[weights, None if data.source == CIFAR else images])
    size = _size(data) if size is None else size
    network = _network(arch, weights, len(data.classes), seed, size, layers)
    if len(resample or {}) > 1:
        raise FechnerError(f"images can be resampled to one density, got those of {', '.join(resample or {})}")
    densities = [target(density, feature) for feature, density in (resample or {}).items()]
    settings = recipe_for(network, size, **(recipe or {}))
    if record not in (known := [*probes(size), "none"]):
        raise choices("feature to record", record, known)
    # A grating needs two pixels a cycle.
    least = math.ceil(2 * FREQUENCIES[-1] * DEGREES)
    if record == "orientation" and size < least:
        raise FechnerError(
            f"size must be at least {least} pixels to record orientation at {FREQUENCIES[-1]:g} cycles/degree, got {size}; "
            "choose a larger size, or record hue or none"
        )
    views = _views(data, condition, size)
    from fechner.training import running

    return running.run(
        Plan(
            network=arch,
            weights=_resolved(weights),
            condition=condition,
            recipe=settings,
            images=_resolved(images),
            classes=data.classes,
            size=size,
            seed=seed,
            record=record,
            per_epoch=per_epoch,
            layers=layers,
            resample=", ".join(resample or {}),
            density_sha256="".join(hashlib.sha256(d.tobytes()).hexdigest()[:16] for d in densities),
            precision=str(precision),
        ),
        data,
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
        show=partial(show, *views) if show else lambda: None,
        every_epoch=checkpoints == "every-epoch",
    )


@checked
def preview(images: str | Path, condition: Condition, size: Size | None = None) -> tuple[Tensor, Tensor]:
    """An image of each of the first eight classes, upright and under the condition: two tensors (n, 3, S, S) in [0, 1].

    >>> upright, rotated = preview("cifar/", Condition(rotation=45))    # doctest: +SKIP

    Raises `FechnerError` for the images that `labelled` refuses, and if none of the first ones can be decoded.
    """
    data = labelled(images)
    return _views(data, condition, _size(data) if size is None else size)


def _views(data: Labelled, condition: Condition, size: int) -> tuple[Tensor, Tensor]:
    """The two results of `preview`."""
    from fechner.training.batches import decoded

    first = np.unique(data.train.labels, return_index=True)[1][:8]
    images = [d for d in (decoded(data.train.pictures[i], size) for i in first) if isinstance(d, Tensor)]
    if not images:
        raise FechnerError(f"none of the first {len(first)} images in '{data.source}' can be decoded")
    fine = refine(torch.stack(images).float() / 255)
    return Condition()(fine), condition(fine)


def _size(data: Labelled) -> int:
    """The side of the first images if they are square, alike and small; else 224."""
    shapes = set()
    for picture in islice(data.train.pictures, 16):
        with suppress(FechnerError):
            shapes.add(picture.pixels().shape)
    if len(shapes) == 1:
        high, wide, _ = shapes.pop()
        if high == wide <= 64:
            return int(high)
    return 224


def _network(arch: str, weights: str | Path, classes: int, seed: int, size: int, layers: str) -> Network:
    """The network to train, after a trial that it takes such images and returns as many classes.

    The trial leaves weights, running statistics and random numbers as they were.
    """
    # Two refined images, and at least as much again for what the network computes from them.
    check_memory(2 * 3 * 4.0 * (2 * size) ** 2 * 2, f"images of {size} × {size} pixels", "choose a smaller size")
    if str(weights) == "init":
        network = untrained(arch, classes, seed)
    else:
        network = load(arch, weights, seed).requires_grad_(True)
    images, logits = torch.full((2, 3, size, size), 0.5), []
    try:
        # A forward pass in training mode draws random numbers and changes running statistics: both are undone.
        with seeded(seed):
            for mode in (network.train, network.eval):
                output = functional_call(mode(), {n: b.clone() for n, b in network.named_buffers()}, images)
                logits.append(output[0] if isinstance(output, tuple) else output)
        parameters = [p for p in network.parameters() if p.requires_grad]
        gradients = torch.autograd.grad(sum(x.sum() for x in logits), parameters, allow_unused=True)
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
    # Processes that train together would wait for every gradient, and auxiliary classifiers have none.
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.requires_grad_(gradient is not None)
    select(trace(network, images[:1]), layers, network)
    return network.train()


def _resolved(path: str | Path) -> str:
    """The full path of a file or folder that exists, so that plans agree from any folder; any other text unchanged."""
    file = expanded(path)
    return source_name(file.resolve() if file.exists() else path)

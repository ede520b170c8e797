"""The command that trains a network."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Literal

import torch
import typer
from xarray import Dataset

from fechner import processes, results
from fechner.cli import arguments
from fechner.cli.command import refuse
from fechner.cli.options import say_skipped
from fechner.cli.terminal import say
from fechner.outputs import expanded
from fechner.plot import contact_sheet, style


def train(
    context: typer.Context,
    images: Annotated[
        str,
        typer.Argument(
            metavar="IMAGES",
            help="Folder of classes (in train/ and val/, or not), CIFAR-10 of torchvision, .tar or .zip of these, or cifar10.",
        ),
    ],
    arch: Annotated[
        str, typer.Option(help="A name from `fechner networks`, or package.module:function of your own.")
    ] = "resnet18",
    rotation: Annotated[float, typer.Option(help="Rotate all images counter-clockwise, in degrees.")] = 0.0,
    hue: Annotated[float, typer.Option(help="Shift the hue of all images, in degrees.")] = 0.0,
    remove: Annotated[
        str | None, typer.Option(metavar="ORIENTATIONS", help="Remove contrast at bar orientations, e.g. 0,90.")
    ] = None,
    band: Annotated[float, typer.Option(help="With --remove: so many degrees to either side.")] = 20.0,
    keep: Annotated[float, typer.Option(help="With --remove: contrast that is left, 0 to 1.")] = 0.0,
    hamming: Annotated[bool, typer.Option("--hamming", help="See images through a 2-D Hamming window.")] = False,
    resample: Annotated[
        str | None,
        typer.Option(
            metavar="FEATURE=PRIOR", help="Show images so often that hue or orientation has a density: hue=prior.nc."
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help=r"Passes through the images; resnet18_small reaches 86 % of CIFAR-10 with 40 \[default: 12; large images 90]."
        ),
    ] = None,
    batch: Annotated[int | None, typer.Option(help="Images a step, of all processes together.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="The highest of the schedule.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Of all weights.")] = None,
    mirror: Annotated[
        bool, typer.Option(help="Mirror training images left to right at random, before they are manipulated.")
    ] = True,
    size: Annotated[int | None, typer.Option(help=r"Pixels \[default: that of small square images, else 224].")] = None,
    weights: Annotated[str, typer.Option(help="Where to start: init, or a checkpoint.")] = "init",
    record: Annotated[
        Literal["orientation", "hue", "none"], typer.Option(help="Sensitivity to record on the way.")
    ] = "orientation",
    per_epoch: Annotated[int, typer.Option(help="Recordings an epoch.")] = 2,
    layers: Annotated[str, typer.Option(help="Layers to record: all, blocks, or globs.")] = "blocks",
    precision: Annotated[
        str, typer.Option(help="32-true, bf16-mixed (faster where the CPU knows it), 16-mixed.")
    ] = "32-true",
    accelerator: Annotated[str, typer.Option(help="auto, cpu, gpu, mps.")] = "auto",
    devices: Annotated[str, typer.Option(help="How many on each machine, or auto.")] = "auto",
    nodes: Annotated[int, typer.Option(help="How many machines (SLURM).")] = 1,
    workers: Annotated[
        int | None, typer.Option(help=r"Processes that decode large images \[default: one a core].")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of initial weights, order and augmentation.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in OUT, if there is one.")
    ] = False,
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Only measure the accuracy of --weights, on the validation images.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("training"),
) -> None:
    """Train a network on images whose statistics are changed, and record its sensitivity on the way.

    All conditions are seen through the same round aperture and interpolation. OUT holds images.png (what the network
    sees), training.nc (sensitivity over steps, accuracy), last.ckpt (for `fechner sensitivity --weights`) and logs for
    TensorBoard. Under torchrun or SLURM the images are shared out among the processes.

    [bold]Examples[/bold]

      fechner train cifar10 --arch resnet18_small --rotation 45 --out rotated

      fechner sensitivity resnet18_small --weights rotated/last.ckpt --set size=32 --set pixels_per_degree=14.3

      torchrun --nproc-per-node 8 -m fechner train imagenet/ --arch resnet18 --hue 90 --precision 16-mixed
    """
    from fechner import training

    out = expanded(out)
    if remove is None:
        refuse(context, "band keep", "without --remove, which says at which orientations")
    if record == "none":
        refuse(context, "per_epoch layers", "with --record none")
    if evaluate:
        trained = "epochs learning_rate weight_decay mirror record per_epoch layers resume out"
        refuse(context, trained, "with --evaluate, which trains and writes nothing")
        if weights != "init" and resample is None:
            refuse(context, "seed", "with --evaluate of given weights")
    if "LOCAL_WORLD_SIZE" in os.environ and devices not in ("auto", os.environ["LOCAL_WORLD_SIZE"]):
        refuse(context, "devices", "under torchrun, which started the processes: give --nproc-per-node to torchrun")
    condition = training.Condition(rotation, hue, arguments.numbers(remove, "--remove"), band, keep, hamming)
    densities: dict[str, Dataset | str] = {}
    if resample is not None:
        feature, density_file = arguments.pair(resample, "--resample")
        densities[feature] = density_file if density_file == "uniform" else results.read(density_file)

    def show(upright: torch.Tensor, seen: torch.Tensor) -> None:
        sheet = contact_sheet.of_conditions(upright, seen, str(condition))
        style.write(sheet, out / "images.png", ("png",))
        say(f"drew {out / 'images.png'}: what the network sees")

    try:
        found = training.train(
            images,
            arch,
            condition,
            out=out,
            size=size,
            weights=weights,
            seed=seed,
            recipe={
                "epochs": epochs,
                "batch": batch,
                "learning_rate": learning_rate,
                "weight_decay": weight_decay,
                "mirror": mirror,
            },
            record=record,
            per_epoch=per_epoch,
            layers=layers,
            resample=densities,
            precision=precision,
            accelerator=accelerator,
            devices=int(devices) if devices.isdigit() else devices,
            nodes=nodes,
            workers=workers,
            resume=resume,
            evaluate=evaluate,
            say=say,
            show=show,
        )
    except KeyboardInterrupt:
        say(f"interrupted; the last checkpoint is kept in {out}: run again with --resume", err=True)
        raise typer.Exit(130) from None
    if not processes.is_first():
        return
    skipped = json.loads(found.attrs["skipped"])
    say_skipped(skipped, out / "training.nc")
    accuracy = float(found.validation_accuracy[-1])
    say(
        f"accuracy {accuracy:.1%} of {len(found.attrs['classes'].split(', '))} classes, "
        f"in {found.attrs['validation_images']} images"
        + ("" if evaluate else f" after training on {found.attrs['training_images']}; see {out}")
    )

"""Commands that measure: sensitivity of networks, statistics of photographs, and how they compare."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import typer

import fechner
from fechner import comparison, processes, results
from fechner.cli import arguments, tables
from fechner.cli.command import refuse
from fechner.cli.options import BootstrapSeed, Device, Seed, Settings, Weights, draw, say_skipped, writable
from fechner.cli.terminal import say, show
from fechner.errors import FechnerError
from fechner.networks.variants import VARIANTS
from fechner.statistics import FEATURES
from fechner.statistics.images import in_words
from fechner.stimuli import STIMULI, Stimulus, parameters, stimulus


def sensitivity(
    context: typer.Context,
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="A name from `fechner networks`.")],
    stimulus_name: Annotated[str, typer.Option("--stimulus", help=f"One of: {', '.join(STIMULI)}.")] = "gabor",
    along: Annotated[str, typer.Option(help="The stimulus parameter to measure along.")] = "orientation",
    values: Annotated[str, typer.Option(help="How many values, or the values: 1,2,4,8 or 0.5:0.9:8.")] = "180",
    average: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUES",
            help=r"Nuisance parameter to average over, e.g. saturation=0.5:0.9:8 \[default: phase=10 if it has one].",
        ),
    ] = None,
    settings: Settings = None,
    weights: Weights = "pretrained",
    layers: Annotated[str, typer.Option(help="all, blocks, or globs separated by commas: 'layer1.*,fc'.")] = "blocks",
    method: Annotated[
        Literal["exact", "central", "forward"],
        typer.Option(help="Derivative, central differences, or forward differences."),
    ] = "exact",
    step: Annotated[float | None, typer.Option(help="Step of central differences, in units of the parameter.")] = None,
    dtype: Annotated[Literal["float32", "float64"], typer.Option(help="Precision.")] = "float32",
    batch_size: Annotated[int | None, typer.Option(help=r"Stimuli per pass \[default: from free memory].")] = None,
    seed: Seed = 0,
    device: Device = "auto",
    out: Annotated[Path, typer.Option(help="NetCDF file to write.")] = Path("curves.nc"),
    figure: Annotated[Path | None, typer.Option(help="Also draw the curves to this .png, .svg or .pdf.")] = None,
) -> None:
    """Measure the sensitivity of every layer of NETWORK.

    Under torchrun the stimuli are shared out among its processes, with the same result.

    [bold]Examples[/bold]

      fechner sensitivity efficientnet_lite0 --out curves.nc --figure curves.png

      fechner sensitivity resnet18 --weights init --layers 'layer?' --along spatial_frequency --values 1,2,4,8,16

      torchrun --nproc-per-node 8 -m fechner sensitivity vgg16_bn --layers all --out curves.nc
    """
    writable(out, figure, reads=[weights])
    if step is not None and method != "central":
        raise FechnerError(f"--step is that of central differences: add --method central, got --method {method}")
    if not weights.startswith(("init", "shuffled")) and network not in VARIANTS:
        refuse(context, "seed", "with weights that are given: leave it out, or choose --weights init or shuffled")
    changed, averaged, target = arguments.fields(settings), arguments.averages(average), arguments.device(device)
    shown = stimulus(stimulus_name, **changed)
    _check_settings(shown, changed, along, averaged)
    measured = fechner.sensitivity(
        fechner.load(network, weights, seed).to(target),
        shown,
        along,
        arguments.values(values),
        averaged,
        layers,
        method=method,
        step=step,
        dtype=getattr(torch, dtype),
        batch_size=batch_size,
        progress=processes.is_first(),
        shared=processes.share()[1] > 1,
    )
    if not processes.is_first():
        return
    results.save(measured, out)
    show(tables.of_sensitivity(measured))
    say(f"saved {out}")
    draw(figure, measured)


def _check_settings(
    shown: Stimulus, changed: dict[str, Any], along: str, averaged: dict[str, int | list[float]] | None
) -> None:
    """Raise `FechnerError` for a setting that what is measured along or averaged over replaces."""
    if along in changed:
        raise FechnerError(f"--set {along} does nothing along {along}: leave it out, or give --values")
    aperture = getattr(shown, "aperture", "soft")
    for name, used in (("edge", aperture == "soft"), ("radius", aperture != "none")):
        if name in changed and not used:
            raise FechnerError(
                f"--set {name} does nothing with aperture {aperture}: leave it out, or choose aperture=soft"
            )
    if averaged is None and along != "phase" and "phase" in parameters(shown):
        averaged = {"phase": 10}
    for name in averaged or {}:
        if name in changed:
            value = f"{changed[name]:.10g}" if isinstance(changed[name], float) else str(changed[name])
            value += "" if "." in value or "e" in value else ".0"
            raise FechnerError(
                f"--set {name} does nothing, because {name} is averaged over: leave it out, or give --average {name}={value}"
            )


def statistics(
    context: typer.Context,
    images: Annotated[
        str | None,
        typer.Argument(
            metavar="[IMAGES]", help=r"A folder tree, a .tar or a .zip of images \[default: scikit-image's nine]."
        ),
    ] = None,
    feature: Annotated[str, typer.Option(help=f"One of: {', '.join(FEATURES)}.")] = "orientation",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change a setting of the feature, e.g. saturation=0.2."),
    ] = None,
    bootstraps: Annotated[int, typer.Option(help="Replicates of the bootstrap over photographs.")] = 1000,
    seed: BootstrapSeed = 0,
    workers: Annotated[int | None, typer.Option(help=r"Processes that decode \[default: one a core].")] = None,
    out: Annotated[Path, typer.Option(help="NetCDF file to write.")] = Path("prior.nc"),
    figure: Annotated[Path | None, typer.Option(help="Also draw the density to this .png, .svg or .pdf.")] = None,
) -> None:
    """Measure how often each orientation, hue or spatial frequency occurs in photographs.

    Under torchrun the photographs are shared out among its processes, with the same result.

    [bold]Examples[/bold]

      fechner statistics photographs/ --feature orientation --out prior.nc --figure prior.png

      fechner statistics imagenet.tar --feature hue --set space=cielch --set saturation=0.2

      torchrun --nproc-per-node 8 -m fechner statistics imagenet/train --feature hue --out prior.nc
    """
    writable(out, figure, reads=[images])
    if not bootstraps:
        refuse(context, "seed", "without bootstraps")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* photograph", UserWarning)  # said below, in one line
        found = fechner.image_statistics(
            images, feature, bootstraps=bootstraps, seed=seed, workers=workers, **arguments.fields(settings)
        )
    if not processes.is_first():
        return
    results.save(found, out)
    skipped = json.loads(found.attrs["skipped"])
    say_skipped(skipped, out)
    for line in (in_words(json.loads(found.attrs["left_out"])), found.attrs.get("warning")):
        if line:
            say(line, err=True)
    count = found.attrs["photographs"]
    note = ": a first look, too few for an estimate of natural statistics" if images is None else ""
    say(f"{feature} in {count} photographs from {found.attrs['images']}{note}")
    say(tables.of_statistics(found))
    say(f"saved {out}")
    draw(figure, found)


def compare(
    context: typer.Context,
    sensitivity_file: Annotated[Path, typer.Argument(metavar="CURVES", help="What `fechner sensitivity` wrote.")],
    density_file: Annotated[Path, typer.Argument(metavar="PRIOR", help="What `fechner statistics` wrote.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    bootstraps: Annotated[int, typer.Option(help="Replicates of the bootstrap.")] = 1000,
    seed: BootstrapSeed = 0,
    out: Annotated[Path | None, typer.Option(help="Also write everything to this NetCDF file.")] = None,
    figure: Annotated[Path | None, typer.Option(help="Also draw it to this .png, .svg or .pdf.")] = None,
) -> None:
    """How far the sensitivity of every layer in CURVES follows the density in PRIOR.

    r is the correlation of √J with the density (and with formulas that stand in for people), q the exponent of J ∝ p^q;
    intervals of 95 % over nuisance values and photographs.

    [bold]Example[/bold]

      fechner sensitivity efficientnet_lite0 --out curves.nc

      fechner statistics photographs/ --out prior.nc

      fechner compare curves.nc prior.nc --figure comparison.png
    """
    writable(out, figure, reads=[sensitivity_file, density_file])
    if not bootstraps:
        refuse(context, "seed", "without bootstraps")
    found = fechner.compare(
        results.read(sensitivity_file), results.read(density_file), bootstraps=bootstraps, seed=seed
    )
    if out is not None:
        results.save(found, out)
    for layer, why in json.loads(found.attrs["left_out"]).items():
        say(f"left out {layer}: {why}", err=True)
    if as_json:
        typer.echo(
            json.dumps(
                comparison.records(found), indent=1, ensure_ascii=not sys.stdout.encoding.lower().startswith("utf")
            )
        )
    else:
        show(tables.of_comparison(found), 130)
    if out is not None:
        say(f"saved {out}", err=as_json)
    draw(figure, found, err=as_json)

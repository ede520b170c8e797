"""Commands that show what there is to choose from: networks, layers, stimuli."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.table import Table

import fechner
from fechner.cli import arguments
from fechner.cli.options import Settings, writable
from fechner.cli.terminal import say, show
from fechner.errors import FechnerError, first_line, printable
from fechner.limits import check_memory
from fechner.networks import blocks, trace
from fechner.plot import contact_sheet, style
from fechner.stimuli import STIMULI, stimulus


def networks(pattern: Annotated[str, typer.Argument(help="A glob, such as 'resnet*'.")] = "*") -> None:
    """List the networks that can be loaded by name."""
    names = fechner.list_networks(pattern)
    if not names:
        raise FechnerError(f"no network matches '{pattern}'; `fechner networks` lists all")
    for name in names:
        say(name)


def layers(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="A name from `fechner networks`.")],
    size: Annotated[int, typer.Option(help="Image size in pixels.")] = 224,
) -> None:
    """List the layers of NETWORK in execution order; those that --layers blocks takes are marked."""
    if size < 1:
        raise FechnerError(f"--size must be a whole number of at least 1, got {size}")
    check_memory(4 * 3 * 4.0 * size**2, f"images of {size} × {size} pixels", "choose a smaller --size")
    loaded = fechner.load(network, "init")
    try:
        found = trace(loaded, torch.rand(1, 3, size, size))
    except Exception as e:
        raise FechnerError(f"{network} cannot run on {size} × {size} images: {first_line(e)}") from None
    marked = {layer.name for layer in blocks(found, loaded)}
    table = Table("layer", "type", "shape", "blocks")
    for layer in found:
        table.add_row(
            printable(layer.name),
            printable(layer.kind),
            "×".join(map(str, layer.shape)),
            "●" if layer.name in marked else "",
        )
    show(table, 100)


def stimuli(
    name: Annotated[str | None, typer.Argument(help=f"One of: {', '.join(STIMULI)}; all if left out.")] = None,
    settings: Settings = None,
    out: Annotated[Path, typer.Option(help="Figure to write (.png, .svg or .pdf).")] = Path("stimuli.png"),
) -> None:
    """Draw a contact sheet: one stimulus with its parameters along rows, or all stimuli at several orientations."""
    writable(None, out, "--out")
    if settings and name is None:
        raise FechnerError(f"--set changes one stimulus: name it, as in 'fechner stimuli gabor --set {settings[0]}'")
    sheet = contact_sheet.of_one(stimulus(name, **arguments.fields(settings)), name) if name else contact_sheet.of_all()
    style.write(sheet, out, (out.suffix[1:],))
    say(f"drew {out}")

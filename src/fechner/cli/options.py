"""What several commands share: options, checks before any work, and what is said and drawn at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from xarray import Dataset

import fechner
from fechner import outputs, results
from fechner.cli.terminal import say
from fechner.errors import FechnerError, check_seed
from fechner.plot import style

Device = Annotated[str, typer.Option(help="cpu, cuda, mps, …; auto takes an accelerator if there is one.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change a field of the stimulus, e.g. sigma=0.5."),
]
Weights = Annotated[
    str,
    typer.Option(
        help="pretrained, init, shuffled, shuffled-with-buffers, a torchvision entry, a weights file, or FILE::KEY of several."
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of initialisation and shuffling.", callback=check_seed)]
BootstrapSeed = Annotated[int, typer.Option("--seed", help="Seed of the bootstrap.", callback=check_seed)]


def say_skipped(skipped: dict[str, str], out: Path) -> None:
    """Which images could not be used."""
    for name, why in list(skipped.items())[:5]:
        say(f"skipped {name}: {why}", err=True)
    if len(skipped) > 5:
        say(f"… and {len(skipped) - 5} more, named in {out}", err=True)


def writable(
    out: Path | None, figure: Path | None, option: str = "--figure", reads: Sequence[str | Path | None] = ()
) -> None:
    """Raise `FechnerError` before any work if a result or a figure could not be written, or would replace what is read."""
    outputs.writable(out, figure, reads=reads)
    if out is not None:
        results.writable(out)
    if figure is not None and figure.suffix not in (".png", ".svg", ".pdf"):
        raise FechnerError(f"{option} must end in .png, .svg or .pdf, got '{figure}'")


def draw(path: Path | None, found: Dataset, err: bool = False) -> None:
    """The figure of a result, if one is asked for."""
    if path is not None:
        style.write(fechner.draw(found), path, (path.suffix[1:],))
        say(f"drew {path}", err=err)

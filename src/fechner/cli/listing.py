"""Commands that list what there is to choose from, where no function of the package does that alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from matplotlib.figure import Figure
from rich.table import Table

import fechner
from fechner.arguments import Count, checked
from fechner.cli.makers import named
from fechner.errors import FechnerError, first_line, printable
from fechner.limits import check_memory
from fechner.networks import blocks, trace
from fechner.plot import contact_sheet
from fechner.stimuli import STIMULI, Stimulus


@checked
def layers(network: str, size: Count = 224) -> Table:
    """List the layers of a network in execution order; those that --layers blocks takes are marked.

    Args:
        network: a name from `fechner networks`, or package.module:function of your own.
        size: of the images, in pixels.

    Command line:
        fechner layers resnet18 --size 128
    """
    check_memory(4 * 3 * 4.0 * size**2, f"images of {size} × {size} pixels", "choose a smaller size")
    loaded = fechner.load(network, "init")
    try:
        traced = trace(loaded, torch.rand(1, 3, size, size))
    except Exception as e:
        raise FechnerError(f"{network} cannot run on {size} × {size} images: {first_line(e)}") from None
    marked = {layer.name for layer in blocks(traced, loaded)}
    table = Table("layer", "type", "shape", "blocks")
    for layer in traced:
        shape = "×".join(map(str, layer.shape))
        table.add_row(printable(layer.name), printable(layer.kind), shape, "●" if layer.name in marked else "")
    return table


def stimuli(stimulus: str | None = None, settings: Mapping[str, Any] | None = None) -> Figure:
    """Draw a contact sheet: one stimulus with its parameters along rows, or all stimuli at several orientations.

    Args:
        stimulus: a name, or package.module:name of your own; without it, all that have a name are drawn.

    Command line:
        fechner stimuli gabor --set sigma=0.5 --out gabor.png
    """
    if stimulus is None:
        if settings:
            one = next(iter(settings.items()))
            raise FechnerError(
                f"--set changes one stimulus: name it, as in 'fechner stimuli {next(iter(STIMULI))} --set {one[0]}={one[1]}'"
            )
        return contact_sheet.of_all()
    made = named(stimulus, settings or {})
    if not isinstance(made, Stimulus):
        raise FechnerError(
            f"'{stimulus}' is no Stimulus, whose parameters have values to draw it at; draw it in Python"
        )
    return contact_sheet.of_one(made, stimulus)

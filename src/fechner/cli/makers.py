"""What stands for an argument that no text can give: functions whose own arguments are options in its stead."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import xarray as xr

from fechner.arguments import Count, Seed, Whole
from fechner.errors import FechnerError, choices
from fechner.import_path import imported
from fechner.learning import Channel, Erasure, Flips, Stage
from fechner.learning.task import GRATING
from fechner.networks import Network, load
from fechner.stimuli import Family, Stimulus, stimulus
from fechner.training import Recipe


def network(network: str, weights: str | Path = "pretrained", seed: Seed = 0, device: str = "auto") -> Network:
    """A network by name.

    Args:
        network: a name from `fechner networks`, or package.module:function of your own.
        weights: pretrained, init, shuffled, shuffled-with-buffers, a torchvision entry, a weights file, or FILE::KEY of several.
        seed: of initialisation, shuffling and random draws.
    """
    return load(network, weights, seed).to(device)


def presented(stimulus: str = "gabor", settings: Mapping[str, Any] | None = None) -> Family:
    """A stimulus by name.

    Args:
        stimulus: a name, as `fechner stimuli` draws them, or package.module:name of your own.
    """
    return named(stimulus, settings or {})


def labelled(stimulus: str = "grating", settings: Mapping[str, Any] | None = None) -> Family:
    """The same, by default the grating of 64 × 64 grey pixels whose orientation networks learn to label."""
    fields = asdict(GRATING) if stimulus == "grating" else {}
    return named(stimulus, {**fields, **(settings or {})})


labelled.__doc__ = presented.__doc__


def named(name: str, fields: Mapping[str, Any]) -> Family:
    """The stimulus of this name or import path with some fields changed."""
    if ":" not in name:
        return stimulus(name, **fields)
    made: Any = imported(name, "stimulus")
    if isinstance(made, type) and issubclass(made, Stimulus):
        made = made()
    if not isinstance(made, Stimulus):
        if fields:
            raise FechnerError(
                f"'{name}' is no Stimulus, so that --set {next(iter(fields))} does nothing: leave it out"
            )
        return made
    for field in fields:
        if field not in vars(made):
            raise choices(f"field of {name}", field, vars(made))
    return replace(made, **fields)


def natural(components: xr.Dataset, steps: Count) -> Stage:
    """Patches of photographs, to be reconstructed.

    Args:
        components: principal components of natural patches, as `fechner components` wrote them.
        steps: how many steps of gradient descent to learn for.
    """
    if "variance" not in components:
        raise FechnerError(
            f"a network learns from principal components, and got a result of kind '{components.attrs['kind']}'; "
            "make them with fechner components"
        )
    return Stage(components.variance.values, steps)


def channel(
    channel: Literal["erasure", "flips"] | None = None,
    classes: Annotated[int, Whole(2)] = 60,
    reach: Count | None = None,
) -> Channel | None:
    """What noise does to labels.

    Args:
        channel: what noise does to a label: erasure leaves it out, flips give that of another class.
        reach: with flips, how many classes away the other class is at most.
    """
    if channel != "flips":
        return None if channel is None else Erasure(classes)
    return Flips(classes, reach)


def recipe(**fields: Any) -> dict[str, Any]:
    """Fields of the recipe that differ from the one for such images and networks."""
    return fields


# None has a default of its own, because which recipe holds depends on network and images.
recipe.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [p.replace(default=p.default is True or None) for p in inspect.signature(Recipe).parameters.values()]
)
recipe.__wrapped__, recipe.__doc__ = Recipe, Recipe.__doc__  # type: ignore[attr-defined]

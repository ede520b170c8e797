"""Results of trainings: which files they are, what figures need of them, and what tells them apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from fechner import contents
from fechner.errors import FechnerError


def listed(folder: Path) -> dict[str, Path]:
    """Results of trainings by name: FOLDER/NAME.nc or FOLDER/NAME/training.nc."""
    reduced_before = {path.stem: path for path in sorted(folder.glob("*.nc"))}
    return reduced_before | {path.parent.name: path for path in sorted(folder.glob("*/training.nc"))}


def files(folder: Path) -> dict[str, Path]:
    """The same; `FechnerError` if there are none."""
    if not (paths := listed(folder)):
        raise FechnerError(
            f"no results of trainings in '{folder}'; give a folder of them with --trainings, such as trainings/ of the "
            "repository, or make them with `fechner train`"
        )
    return paths


def reduced(recorded: xr.Dataset) -> xr.Dataset:
    """What figures need of a file, as 32-bit numbers.

    Of a training, sensitivity at the end of each epoch, averaged over phase, and all samples of the last recording; of
    curves that `fechner sensitivity` wrote, everything but what can be computed from the samples. What was reduced before
    stays as it is.
    """
    if "fisher_information_recorded" in recorded:
        return recorded
    samples = recorded.fisher_information_samples
    if "step" not in samples.dims:
        curves = recorded[["fisher_information", "fisher_information_samples"]]
        return curves.astype("float32").assign_attrs(recorded.attrs)
    ends = np.flatnonzero(np.isclose(recorded.epoch % 1, 0))
    averaged = [d for d in ("phase", "saturation") if d in samples.dims]
    curves = xr.Dataset(
        {
            "fisher_information": recorded.fisher_information.isel(step=-1, drop=True),
            "fisher_information_samples": samples.isel(step=-1, drop=True),
            "fisher_information_recorded": samples.isel(step=ends).mean(averaged),
        }
    ).drop_vars(["step", "epoch"], errors="ignore")
    curves = curves.rename(step="epoch").assign_coords(epoch=recorded.epoch.values[ends])
    measured = recorded[["validation_accuracy", "validation_loss", "loss"]].astype("float32")
    return curves.astype("float32").merge(measured).assign_attrs(recorded.attrs)


class Setup(NamedTuple):
    """What trainings of several conditions and seeds have in common: the network, and in what else most differ.

    >>> Setup("resnet18_small", mirrored=False, size=64).label
    'resnet18_small, not mirrored, 64 pixels'
    """

    network: str
    mirrored: bool = True
    size: int = 32
    epochs: int = 12

    @property
    def variant(self) -> str:
        """In what it differs from the usual training."""
        usual = Setup(self.network)
        differences = {
            "not mirrored": self.mirrored != usual.mirrored,
            f"{self.size} pixels": self.size != usual.size,
            f"{self.epochs} epochs": self.epochs != usual.epochs,
        }
        return ", ".join(text for text, differs in differences.items() if differs)

    @property
    def label(self) -> str:
        """The network and its variant, as claims and figures name them."""
        return self.network + (f", {self.variant}" if self.variant else "")

    @property
    def short(self) -> str:
        """The label without the module of an import path."""
        return self.label.rpartition(":")[2]

    def claim_id(self, name: str) -> str:
        """The id of a claim about it, without spaces.

        >>> Setup("net", size=64).claim_id("late")
        'trained-net-64-pixels-late'
        """
        return f"trained-{self.label}-{name}".replace(", ", "-").replace(" ", "-")


def coordinates(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """What tells a training apart: the fields of its `Setup`, condition and seed.

    >>> coordinates({"network": "net", "condition": "upright", "seed": 1, "recipe": '{"mirror": false}'})["mirrored"]
    False
    """
    recipe = contents.fields(dict(attributes), "recipe")
    usual = Setup(str(attributes["network"]))
    setup = Setup(
        usual.network,
        bool(recipe.get("mirror", usual.mirrored)),
        int(attributes.get("size", usual.size)),
        int(recipe.get("epochs", usual.epochs)),
    )
    return setup._asdict() | {"condition": str(attributes["condition"]), "seed": int(attributes["seed"])}


def setup_of(training: xr.Dataset) -> Setup:
    """The setup of a training from its coordinates."""
    return Setup(*(training[name].item() for name in Setup._fields))

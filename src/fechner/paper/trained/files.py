"""Results of trainings: which files they are, what figures need of them, and what tells them apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from fechner import contents
from fechner.errors import FechnerError

UNMIRRORED = ", not mirrored"
_SIZE, _EPOCHS = 32, 12


def listed(folder: Path) -> dict[str, Path]:
    """Results of trainings by name: FOLDER/NAME.nc or FOLDER/NAME/training.nc."""
    found = {path.stem: path for path in sorted(folder.glob("*.nc"))}
    return found | {path.parent.name: path for path in sorted(folder.glob("*/training.nc"))}


def files(folder: Path) -> dict[str, Path]:
    """The same; `FechnerError` if there are none."""
    if not (found := listed(folder)):
        raise FechnerError(
            f"no results of trainings in '{folder}'; give a folder of them with --trainings, such as trainings/ of the "
            "repository, or make them with `fechner train`"
        )
    return found


def reduced(recorded: xr.Dataset) -> xr.Dataset:
    """What figures need of a file, as 32-bit numbers.

    Of a training, sensitivity at the end of each epoch, averaged over phase, and all samples of the last recording; of
    curves that `fechner sensitivity` wrote, everything but what can be computed from the samples; of densities that
    `fechner statistics` wrote, their intervals. What was reduced before stays as it is.
    """
    if "density" in recorded:
        return recorded[["density", "density_low", "density_high"]].astype("float32").assign_attrs(recorded.attrs)
    if "fisher_information_recorded" in recorded:
        return recorded
    samples = recorded.fisher_information_samples
    if "step" not in samples.dims:
        return (
            recorded[["fisher_information", "fisher_information_samples"]]
            .astype("float32")
            .assign_attrs(recorded.attrs)
        )
    ends = np.flatnonzero(np.isclose(recorded.epoch % 1, 0))
    averaged = [d for d in ("phase", "saturation") if d in samples.dims]
    found = xr.Dataset(
        {
            "fisher_information": recorded.fisher_information.isel(step=-1, drop=True),
            "fisher_information_samples": samples.isel(step=-1, drop=True),
            "fisher_information_recorded": samples.isel(step=ends).mean(averaged),
        }
    ).drop_vars(["step", "epoch"], errors="ignore")
    found = found.rename(step="epoch").assign_coords(epoch=recorded.epoch.values[ends])
    measured = recorded[["validation_accuracy", "validation_loss", "loss"]].astype("float32")
    return found.astype("float32").merge(measured).assign_attrs(recorded.attrs)


def label(attributes: Mapping[str, Any]) -> str:
    """The network of a training, and in what else than its condition and seed it differs from most.

    >>> label({"network": "resnet18_small", "size": 64, "recipe": '{"mirror": false, "epochs": 12}'})
    'resnet18_small, not mirrored, 64 pixels'
    """
    recipe = contents.fields(dict(attributes), "recipe")
    size, epochs = int(attributes.get("size", _SIZE)), int(recipe.get("epochs", _EPOCHS))
    return "".join(
        [
            str(attributes["network"]),
            "" if recipe.get("mirror", True) else UNMIRRORED,
            "" if size == _SIZE else f", {size} pixels",
            "" if epochs == _EPOCHS else f", {epochs} epochs",
        ]
    )


def distinct(trainings: Mapping[str, xr.Dataset]) -> None:
    """`FechnerError` if two trainings of one parameter have the same network, condition and seed."""
    seen: dict[tuple[str, ...], str] = {}
    for name, found in trainings.items():
        key = (label(found.attrs), *(str(found.attrs.get(k)) for k in ("condition", "seed", "along")))
        if key in seen:
            network, condition, seed, _ = key
            raise FechnerError(
                f"'{seen[key]}' and '{name}' are both trainings of {network}, {condition}, with seed {seed}: leave one out"
            )
        seen[key] = name

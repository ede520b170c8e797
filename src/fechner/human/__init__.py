"""Human reference data that a text gives as numbers, with units, source and how the number was obtained."""

from __future__ import annotations

import csv
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import xarray as xr

from fechner.errors import choices


def available() -> list[str]:
    """Names of the data sets.

    >>> available()
    ['orientation-discrimination']
    """
    return sorted(
        f.name.removesuffix(".csv") for f in files(__package__).joinpath("data").iterdir() if f.name.endswith(".csv")
    )


def read(name: str) -> xr.Dataset:
    """One data set by name: `low` and `high` of each entry, with units, conditions, source and how it was obtained.

    >>> float(read("orientation-discrimination").low[0])
    0.3

    Raises `FechnerError` for an unknown name.
    """
    if name not in available():
        raise choices("human data set", name, available())
    text = files(__package__).joinpath("data", f"{name}.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    numbers = {k: ("entry", [float(r[k]) for r in rows], {"units": rows[0]["units"]}) for k in ("low", "high")}
    words = {k: ("entry", [r[k] for r in rows]) for k in ("conditions", "source", "how")}
    return xr.Dataset(numbers | words)


def analytic_orientation_prior(orientation: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Density per degree of orientation in common use: p(θ) = (2 − |sin 2θ|) / (2(π − 1)) per radian; not a measurement.

    >>> float(analytic_orientation_prior(0) / analytic_orientation_prior(45))
    2.0
    """
    theta = np.deg2rad(np.asarray(orientation, dtype=float))
    return (2 - np.abs(np.sin(2 * theta))) / (2 * (np.pi - 1)) * np.pi / 180

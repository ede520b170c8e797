"""Reference data on human vision, with units and sources, and formulas that stand in for human sensitivity.

Each file in data/ holds numbers that a cited text states; nothing is read off a figure. A new file of the same columns
is a new data set, without a change here. `compare` sets layers against the formulas of `priors`, under their names.
"""

from __future__ import annotations

import csv
from importlib.resources import files
from typing import Annotated

import numpy as np
import numpy.typing as npt
import xarray as xr
from skimage import color

from fechner import circular
from fechner.arguments import Real, Share, checked
from fechner.errors import choices


def available() -> list[str]:
    """The names of the data sets.

    >>> available()
    ['grating-acuity', 'orientation-discrimination', 'spatial-frequency-discrimination']
    """
    return sorted(
        f.name.removesuffix(".csv") for f in files(__package__).joinpath("data").iterdir() if f.name.endswith(".csv")
    )


@checked
def read(name: str) -> xr.Dataset:
    """A data set by name: a Dataset over `entry` with `low` and `high`, and the conditions, source and method of each.

    >>> float(read("orientation-discrimination").low[0])
    0.3

    `low` and `high` have their units as an attribute. If they are the two ends of a development, `age_low` and
    `age_high` are the ages at these ends.

    Raises `FechnerError` for an unknown name.
    """
    if name not in available():
        raise choices("human data set", name, available())
    text = files(__package__).joinpath("data", f"{name}.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    units = {"low": "units", "high": "units", "age_low": "age_units", "age_high": "age_units"}
    numbers = {
        k: ("entry", [float(r[k]) for r in rows], {"units": rows[0][u]}) for k, u in units.items() if k in rows[0]
    }
    words = {k: ("entry", [r[k] for r in rows]) for k in ("conditions", "source", "how")}
    return xr.Dataset(numbers | words)


@checked
def priors(along: str) -> dict[str, xr.Dataset]:
    """Formulas that stand in for people along a feature, by their names: Datasets with `density` on a fine grid.

    >>> list(priors("orientation"))
    ['analytic prior']

    Orientation has an analytic prior. HSV hue has CIELAB distance, which stands in for √J. Spatial frequency has
    Weber's law, √J ∝ 1/f, because it says that thresholds are a constant fraction of the frequency. Other features have
    none: the result is empty.
    """
    if along == "orientation":
        period, grid = 180.0, circular.grid(360, 180.0)
        shape, name, meaning = analytic_orientation_prior(grid), "analytic prior", circular.BARS
    elif along == "hue":
        period, grid = 360.0, circular.grid(720, 360.0)
        shape, name, meaning = cielab_hue_distance(grid), "CIELAB distance", circular.HSV
    elif along == "spatial_frequency":
        grid = np.geomspace(0.1, 1000, 200)
        return {
            "Weber's law": xr.Dataset({"density": (along, 1 / grid)}, {along: (along, grid, {"units": "cycle/degree"})})
        }
    else:
        return {}
    attributes = {"units": "degree", "period": period, "convention": meaning}
    return {name: xr.Dataset({"density": (along, shape)}, {along: (along, grid, attributes)})}


@checked
def analytic_orientation_prior(orientation: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The density of orientation in common use, per degree: `p(θ) = (2 − |sin 2θ|) / (2(π − 1))` per radian.

    >>> float(analytic_orientation_prior(0) / analytic_orientation_prior(45))
    2.0

    It is a formula and not a measurement. `orientation` is in degrees, of any shape.
    """
    theta = np.deg2rad(np.asarray(orientation, dtype=float))
    return (2 - np.abs(np.sin(2 * theta))) / (2 * (np.pi - 1)) * np.pi / 180


@checked
def cielab_hue_distance(
    hue: npt.ArrayLike,
    saturation: Share = 1.0,
    value: Share = 1.0,
    step: Annotated[float, Real(0, 60, above=True)] = 1.0,
) -> npt.NDArray[np.float64]:
    """CIELAB distance ΔE (1976, D65) per degree of HSV hue, between two colours `step` degrees apart.

    >>> cielab_hue_distance([210.0, 118.0]).round(2)
    array([3.44, 0.12])

    It stands in for human sensitivity to hue (Benjamin et al. 2022, Fig. 3b). It is a formula of colour difference, not
    a measurement of hue discrimination. `hue` is in degrees, of any shape; the two colours lie half a step to either
    side.

    Raises `FechnerError` for saturation or value outside [0, 1], or a step that is not between 0 and 60 degrees.
    """
    hue = np.asarray(hue, dtype=float)

    def lab(h: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        hsv = np.stack([h % 360 / 360, np.full_like(h, saturation), np.full_like(h, value)], -1)
        return color.rgb2lab(color.hsv2rgb(hsv))

    return np.linalg.norm(lab(hue + step / 2) - lab(hue - step / 2), axis=-1) / step

"""How the history of exposure shows: preference for values, hysteresis, and slopes on either side of a switch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import stats

from fechner import circular
from fechner.arguments import AboveZero, Natural, array, checked
from fechner.errors import FechnerError

Array = npt.NDArray[np.float64]


@checked
def preference(
    learned: xr.Dataset, favoured: float, against: float, layer: str, within: AboveZero = 30.0
) -> xr.DataArray:
    """Log of mean √J near one orientation over that near another, for each recording: 0 is none, log 2 twice as sensitive.

    `learned` is what `learn_labels` gave; a value counts as near within so many degrees, around the circle. Raises
    `FechnerError` for a layer that was not recorded, or no recorded value near either.
    """
    if "fisher_information" not in learned or not {"layer", "orientation"} <= set(learned.fisher_information.dims):
        raise FechnerError("learned must be what learn_labels gave for orientation: it has no sensitivity to it")
    if layer not in learned.layer.values:
        raise FechnerError(f"layer '{layer}' was not recorded; there are {', '.join(learned.layer.values)}")
    root = np.sqrt(learned.fisher_information.sel(layer=layer))
    means = []
    for centre in (favoured, against):
        near = circular.near(learned.orientation.values, [centre], 180.0, within)
        if not near.any():
            raise FechnerError(f"no recorded orientation is within {within:g} degrees of {centre:g}")
        means.append(root.isel(orientation=np.flatnonzero(near)).mean("orientation"))
    return np.log(means[0] / means[1]).rename("preference")


@checked
def hysteresis(first: xr.DataArray, second: xr.DataArray, switch: Natural) -> Array:
    """Hysteresis index of each seed: what is left in the end of the difference that the first of two exposures made.

    `first` and `second` (seed, step) are the preference for A of networks reared in A and then B, and in B and then A;
    `switch` is the step between. 1 is a lasting first impression, 0 none, below 0 the last exposure prevails.

    Raises `FechnerError` where the switch was not recorded.
    """
    for name, curve in (("first", first), ("second", second)):
        if set(curve.dims) != {"seed", "step"}:
            raise FechnerError(f"{name} must be a preference of every seed and step, got dimensions {curve.dims}")
    if switch not in first.step or switch not in second.step:
        raise FechnerError(f"step {switch}, of the switch, was not recorded")
    apart = (first - second).transpose("seed", "step")
    return np.asarray(apart.isel(step=-1) / apart.sel(step=switch))


@dataclass(frozen=True)
class Slopes:
    """Slopes per step before and after a switch, and their ratio, with standard errors."""

    before: float
    before_se: float
    after: float
    after_se: float
    ratio: float
    ratio_se: float


@checked
def slopes(steps: npt.ArrayLike, curve: npt.ArrayLike, switch: float, window: AboveZero) -> Slopes:
    """Regression discontinuity in slope: lines fitted to a curve within a window on either side of a switch.

    Standard errors are those of least squares, that of the ratio by the delta method; they take recordings as
    independent, so compare seeds before concluding.

    >>> slopes([0, 1, 2, 3, 4], [0.0, 1.0, 2.0, 5.0, 8.0], switch=2, window=2).ratio
    3.0

    Raises `FechnerError` for fewer than three recordings on a side; the one at the switch belongs to both.
    """
    x, y = array("steps", steps, 1), array("curve", curve, 1)
    if len(x) != len(y):
        raise FechnerError(f"curve must have a value for each of {len(x)} steps, got {len(y)}")
    fits = []
    for side, chosen in (
        ("before", (x >= switch - window) & (x <= switch)),
        ("after", (x >= switch) & (x <= switch + window)),
    ):
        if chosen.sum() < 3:
            raise FechnerError(
                f"at least 3 recordings are needed {side} step {switch:g} within {window:g} steps, got {chosen.sum()}"
            )
        fits.append(stats.linregress(x[chosen], y[chosen]))
    before, after = fits
    ratio = after.slope / before.slope
    error = abs(ratio) * np.hypot(before.stderr / before.slope, after.stderr / after.slope)
    return Slopes(*(float(v) for v in (before.slope, before.stderr, after.slope, after.stderr, ratio, error)))

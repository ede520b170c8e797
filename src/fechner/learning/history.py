"""What the history of exposure leaves behind: preference for values, hysteresis, and slopes on either side of a switch.

They are computed from results of `learn_labels`; Figure 6 of the paper draws and judges them.
"""

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
    """The log ratio of mean sensitivity √J near one orientation and near another, for each recording of a layer.

    >>> from fechner.learning import Exposure, Perceptron, learn_labels, sinusoidal
    >>> exposure = Exposure(20, sinusoidal(90.0))
    >>> learned = learn_labels(Perceptron((8,)), exposure, snapshots=[0, 20], values=12, seeds=2, batch=64, progress=False)
    >>> preference(learned, 90.0, 0.0, layer="linear1").dims
    ('seed', 'step')

    0 is no preference, and log 2 is twice the sensitivity near `favoured`. `learned` is a result of `learn_labels` for
    orientation. A recorded value counts as near if it is at most `within` degrees away, around the circle. Raises
    `FechnerError` for a layer that was not recorded, and if no recorded value is near one of the two.
    """
    if "fisher_information" not in learned or not {"layer", "orientation"} <= set(learned.fisher_information.dims):
        raise FechnerError("learned must be a result of learn_labels for orientation: it has no sensitivity to it")
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
    """The hysteresis index of each seed: the share of the difference made by the first of two exposures that is left at the end.

    >>> steps = {"step": [0, 10, 20]}
    >>> first = xr.DataArray([[0.0, 0.8, 0.1]], steps, ("seed", "step"))
    >>> hysteresis(first, -first, switch=10)
    array([0.125])

    `first` is the preference for A (seed, step) of networks reared in A and then in B, `second` that of networks reared in
    B and then in A, and `switch` the step between. 1 means that the first exposure decides, 0 that the order does not
    matter, and below 0 that the last exposure prevails. Raises `FechnerError` if there is no recording at the switch.
    """
    for name, curve in (("first", first), ("second", second)):
        if set(curve.dims) != {"seed", "step"}:
            raise FechnerError(f"{name} must be a preference of every seed and step, got dimensions {curve.dims}")
    if switch not in first.step or switch not in second.step:
        raise FechnerError(f"step {switch}, of the switch, was not recorded")
    difference = (first - second).transpose("seed", "step")
    return np.asarray(difference.isel(step=-1) / difference.sel(step=switch))


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

    >>> slopes([0, 1, 2, 3, 4], [0.0, 1.0, 2.0, 5.0, 8.0], switch=2, window=2).ratio
    3.0

    Standard errors are those of least squares, and of the ratio by the delta method. They treat recordings as independent,
    which those of one training are not, so compare seeds before you conclude anything. Raises `FechnerError` for fewer than
    three recordings on a side; the recording at the switch belongs to both sides.
    """
    x, y = array("steps", steps, 1), array("curve", curve, 1)
    if len(x) != len(y):
        raise FechnerError(f"curve must have a value for each of {len(x)} steps, got {len(y)}")
    fits = []
    for side, inside in (
        ("before", (x >= switch - window) & (x <= switch)),
        ("after", (x >= switch) & (x <= switch + window)),
    ):
        if inside.sum() < 3:
            raise FechnerError(
                f"at least 3 recordings are needed {side} step {switch:g} within {window:g} steps, got {inside.sum()}"
            )
        fits.append(stats.linregress(x[inside], y[inside]))
    before, after = fits
    ratio = after.slope / before.slope
    error = abs(ratio) * np.hypot(before.stderr / before.slope, after.stderr / after.slope)
    return Slopes(*(float(v) for v in (before.slope, before.stderr, after.slope, after.stderr, ratio, error)))

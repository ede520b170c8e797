"""Which values and which layers of measured curves carry no claim: the error of integration, and the resolution of the grid.

`sensitivity` puts both marks into its result, and whatever judges curves leaves marked values and layers out. The limits
come from measurements that docs/explanation/trust.md reports. Tests: tests/fisher/test_marks.py.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import xarray as xr

from fechner.agreement import FLAT

Array = npt.NDArray[np.float64]
# A value whose integration error is a larger share of J is marked as uncertain.
LIMIT = 0.05
# A layer is not resolved if what the neighbours of its values do not predict is a larger share of what noise would leave.
ROUGH = 0.4
# The least number of values by which resolution is judged.
FEWEST = 8
# Sensitivity below this share of its mean counts as this share, because zero has no logarithm.
LEAST = 1e-3


def uncertain(information: Array, error: Array) -> npt.NDArray[np.bool_]:
    """Whether the integration error of J is more than 5 % of J.

    >>> uncertain(np.array([1.0, 1.0, 1.0]), np.array([0.04, 0.06, np.nan]))
    array([False,  True, False])

    The shape is that of both arrays. An error that is not known marks nothing.
    """
    return error > LIMIT * information


def roughness(curves: Array, values: Array, period: float | None = None) -> Array:
    """How badly each value of curves (…, value) is predicted by its neighbours: 0 for smooth curves, about 1 for noise.

    >>> orientation = np.arange(0, 180, 5.0)
    >>> bool(roughness(2 + np.cos(np.deg2rad(2 * orientation)), orientation, 180) < 1e-3)
    True

    The prediction is the cubic through two neighbours on either side. The mean square of what it leaves is divided by what
    it would be for independent values of the same variance. Both are those of the logarithm, because a single peak would
    hide everything else. A curve that varies by less than 1 % has 0; one with values that are not finite has NaN. `values`
    (value,) may be uneven; they need not cover the circle.
    """
    order = np.argsort(values)
    x, curves = values[order], curves[..., order]
    count, far = len(x), np.array([-2, -1, 1, 2])
    whole = period is not None and x[0] + period - x[-1] < 1.5 * np.diff(x).max()
    at = np.arange(0 if whole else 2, count if whole else count - 2)
    around = at[:, None] + far
    from_here = x[around % count] + around // count * (period or 0.0) - x[at, None]
    # Lagrange's weights of the neighbours, at the value itself.
    weights = np.ones((len(at), 4))
    for i, j in itertools.permutations(range(4), 2):
        weights[:, i] *= from_here[:, j] / (from_here[:, j] - from_here[:, i])
    flat = np.ptp(curves, -1) <= FLAT * curves.mean(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        curves = np.log(np.maximum(curves, LEAST * curves.mean(-1, keepdims=True)))
        left = curves[..., at] - (curves[..., around % count] * weights).sum(-1)
        share = (left**2 / (1 + (weights**2).sum(1))).mean(-1)
        return np.where(flat, 0.0, share / curves.var(-1, ddof=1))


def marked(curves: xr.Dataset, along: str, period: float | None) -> xr.Dataset:
    """The same curves, with `uncertain` where their integration error is known, and `resolved` for 8 values or more."""
    curve = ("layer", along)
    if "fisher_information_error" in curves:
        marks = uncertain(curves.fisher_information.values, curves.fisher_information_error.values)
        curves["uncertain"] = (curve, marks, {"long_name": "integration error above 5 % of J"})
    if curves.sizes[along] >= FEWEST:
        # Written so that a layer of values that are not known, which has other notes, is not called unresolved.
        resolved = ~(roughness(curves.sensitivity.values, curves[along].values, period) > ROUGH)
        curves["resolved"] = ("layer", resolved, {"long_name": "whether the grid resolves the curve"})
    return curves


def notes(curves: xr.Dataset, along: str, rules: list[str]) -> list[str]:
    """Notes on values that are not known, on those that are marked, and on layers that the grid does not resolve."""
    return [*_without_value(curves, along), *_uncertain(curves, along, rules), *_unresolved(curves, along)]


def _uncertain(curves: xr.Dataset, along: str, rules: list[str]) -> list[str]:
    if "uncertain" not in curves:
        return []
    share = (curves.fisher_information_error / curves.fisher_information).values
    marks = curves.uncertain.values
    single = " and ".join(name for name in rules if curves.sizes[name] == 1)
    unknown = f"the integration error over {single} is not known, because a grid has one value; take more, such as 20"
    listed = [unknown] if single else []
    if marks.any():
        count = int(marks.sum())
        layer, value = np.unravel_index(np.argmax(np.where(marks, share, 0)), share.shape)
        names = " and ".join(name for name in rules if curves.sizes[name] > 1)
        listed.append(
            f"the integration error exceeds {LIMIT:.0%} of J at {count} value{'s' * (count > 1)} of "
            f"{_layers(curves, marks.any(1))}, at worst {share[layer, value]:.0%} in '{curves.layer.values[layer]}' at {along} "
            f"{curves[along].values[value]:g}; what is marked as uncertain carries no claim: average over more values of {names}"
        )
    return listed


def _unresolved(curves: xr.Dataset, along: str) -> list[str]:
    if "resolved" not in curves or curves.resolved.all():
        return []
    return [
        f"the grid of {along} does not resolve the curves of {_layers(curves, ~curves.resolved.values)}: neighbouring values do "
        "not predict one another; take more values, or draw no conclusion from the shape of these curves"
    ]


def _without_value(curves: xr.Dataset, along: str) -> list[str]:
    lost = ~np.isfinite(curves.fisher_information.values)
    return [
        f"the derivative of layer '{curves.layer.values[i]}' is NaN or Inf at {along} {_few(curves[along].values[lost[i]])}; "
        "these values are left out of its curve"
        for i in np.flatnonzero(lost.any(1))
    ][:1] + ([f"so it is in {int(lost.any(1).sum()) - 1} further layers"] if lost.any(1).sum() > 1 else [])


def _few(values: np.ndarray) -> str:
    return ", ".join(f"{v:g}" for v in values[:4]) + (f" and {len(values) - 4} more values" if len(values) > 4 else "")


def _layers(curves: xr.Dataset, which: npt.NDArray[np.bool_]) -> str:
    """How many layers, and the names of the first of them."""
    names = curves.layer.values[which]
    listed = ", ".join(map(str, names[:3])) + (", …" if len(names) > 3 else "")
    return f"{len(names)} layer{'s' * (len(names) > 1)} ({listed})"

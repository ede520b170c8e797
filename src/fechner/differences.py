"""What a manipulation of training images did to sensitivity: difference curves, and the shift between two curves.

`difference` pairs trainings by seed, so the two lists must be in the same order and of curves that were measured alike;
`_check` refuses everything else before any work. The tests are in tests/test_differences.py.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from fechner import circular, contents, results
from fechner.agreement import FLAT
from fechner.arguments import checked
from fechner.errors import FechnerError, FechnerWarning
from fechner.fisher import relative_to_mean
from fechner.interval import t_half_width

Array = npt.NDArray[np.float64]
# Shifts are looked for on a grid of so many steps of the circle.
_FINE = 720


@checked
def difference(
    manipulated: xr.Dataset | Sequence[xr.Dataset],
    upright: xr.Dataset | Sequence[xr.Dataset],
) -> xr.Dataset:
    """The relative sensitivity of networks trained on manipulated images minus that of networks trained upright.

    >>> from fechner import Gabor, load, sensitivity
    >>> curves = [sensitivity(load("resnet18_small", "init", s), Gabor(size=32), values=12) for s in (0, 1)]
    >>> difference(curves[1], curves[0]).difference.dims
    ('layer', 'orientation')

    Args:
        manipulated: a result of `sensitivity` along a circular parameter, on an even grid of the whole circle; or one for
            each seed of training.
        upright: the same for training without the manipulation; seeds are paired in order.

    Returns:
        A Dataset over layers:

        - `difference` (layer, <along>): relative sensitivity √J / mean √J, manipulated minus upright, averaged over seeds,
          and `difference_by_seed`; `difference_low` and `difference_high` bound its mean with 95 % by Student's t over
          pairs of seeds (NaN for a single pair),
        - `relative_sensitivity` (state, layer, <along>), averaged over seeds,
        - `shift` (layer): by how many units of the parameter the upright curve has to be moved to correlate best with the
          manipulated one, mean over pairs; the rotation of the images is the shift to expect. `aligned` is the highest
          correlation of the mean curves at any shift. `shift_low` and `shift_high` bound the shift with 95 % by Student's
          t over pairs, and may reach beyond half a period; of a single pair, which says nothing on how trainings differ,
          they are NaN. All are NaN where one of the curves varies by less than 1 %, or is not known at every value; the
          attribute `left_out` (JSON) names the layers of unknown values.

        Values and layers that are marked as `uncertain` or not `resolved` in one of the curves are part of all of these; the
        attribute `notes` says how many they are, and a `FechnerWarning` too.

    Raises:
        FechnerError: if the curves differ in layers, parameter, grid or nuisance values, do not cover the circle, or if
            the same curves are given twice.

    Command line:
        fechner difference rotated.nc -- upright.nc --figure difference.png
        fechner difference rotated-0.nc rotated-1.nc -- upright-0.nc upright-1.nc --out difference.nc
    """
    treated = [manipulated] if isinstance(manipulated, xr.Dataset) else list(manipulated)
    controls = [upright] if isinstance(upright, xr.Dataset) else list(upright)
    along, period = _check(treated, controls)
    first, pairs = treated[0], len(treated)
    left_out = {layer: reason for curves in (*treated, *controls) for layer, reason in contents.unknown(curves).items()}
    notes = _notes((*treated, *controls), along)
    if notes:
        warnings.warn(notes, FechnerWarning, stacklevel=3)
    known = ~first.layer.isin(list(left_out))
    treated_curves, control_curves = (
        relative_to_mean(
            np.stack([np.sqrt(c.fisher_information.where(known)).transpose("layer", along) for c in curves])
        )
        for curves in (treated, controls)
    )
    by_seed = treated_curves - control_curves
    mean, half = by_seed.mean(0), t_half_width(by_seed)
    shift, aligned = _shift(treated_curves.mean(0), control_curves.mean(0), period)
    # Shifts are averaged as distances from that of the mean curves: on a circle, 89° and −89° have the mean 90° and not 0°.
    offsets = _wrapped(_shift(treated_curves, control_curves, period)[0] - shift, period)
    best, margin = shift + offsets.mean(0), t_half_width(offsets)
    dims, degrees = ("layer", along), {"units": first[along].attrs.get("units", "degree")}
    variables = {
        "difference": (dims, mean, {"units": "1", "long_name": "relative sensitivity, manipulated − upright"}),
        "difference_low": (dims, mean - half, {"units": "1"}),
        "difference_high": (dims, mean + half, {"units": "1"}),
        "difference_by_seed": (("pair", *dims), by_seed, {"units": "1"}),
        "relative_sensitivity": (
            ("state", *dims),
            np.stack([treated_curves.mean(0), control_curves.mean(0)]),
            {"units": "1"},
        ),
        "shift": ("layer", _wrapped(best, period), degrees | {"long_name": "shift that aligns the curves"}),
        "shift_low": ("layer", best - margin, degrees),
        "shift_high": ("layer", best + margin, degrees),
        "aligned": ("layer", aligned, {"units": "1", "long_name": "highest correlation at any shift"}),
    }
    coordinates = {str(n): c for n, c in first.coords.items() if set(c.dims) <= {"layer", along}}
    attributes = {
        "along": along,
        "network": str(first.attrs.get("network", "")),
        "noise_model": results.noise_model(first),
        "pairs": pairs,
        "notes": notes,
        "left_out": json.dumps(left_out, ensure_ascii=False),
        "interval": "95 %, Student's t over pairs of trainings",
    }
    dataset = xr.Dataset(variables, coordinates | {"state": ["manipulated", "upright"]})
    return dataset.assign_attrs(results.provenance("difference") | attributes)


def _notes(every: Sequence[xr.Dataset], along: str) -> str:
    """What is marked in one of the curves, and nevertheless part of their difference."""
    layers = {layer for curves in every for layer in contents.unresolved(curves)}
    values = int(np.any([contents.uncertain(curves) for curves in every], 0).sum())
    return "; ".join(
        [f"the integration error exceeds 5 % at {values} values"] * bool(values)
        + [f"the grid of {along} does not resolve the curves of {', '.join(sorted(layers))}"] * bool(layers)
    )


def _shift(manipulated: Array, upright: Array, period: float) -> tuple[Array, Array]:
    """Per layer the shift of the upright curve that correlates best, within half a period, and that correlation.

    The correlation at shifts between the steps of the grid is that of the curves' Fourier series.
    """
    x, y = (c - c.mean(-1, keepdims=True) for c in (manipulated, upright))
    n = x.shape[-1]
    spectrum = np.fft.rfft(x) * np.conj(np.fft.rfft(y))
    if n % 2 == 0:
        # The highest frequency of an even grid stands for itself and its negative; a finer grid has both.
        spectrum[..., -1] /= 2
    correlation = np.fft.irfft(spectrum, _FINE) * (_FINE / n)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation /= np.sqrt((x**2).sum(-1) * (y**2).sum(-1))[..., None]
    best = np.argmax(correlation, -1)
    # Written so that a curve of unknown values, which are NaN, counts as flat too.
    flat = ~((np.ptp(manipulated, -1) > FLAT) & (np.ptp(upright, -1) > FLAT))
    shift = np.where(flat, np.nan, _wrapped(best * (period / _FINE), period))
    return shift, np.where(flat, np.nan, np.take_along_axis(correlation, best[..., None], -1)[..., 0])


def _wrapped(shift: Array, period: float) -> Array:
    """The same shift within half a period of zero."""
    return (shift + period / 2) % period - period / 2


def _check(manipulated: Sequence[xr.Dataset], upright: Sequence[xr.Dataset]) -> tuple[str, float]:
    """The parameter of all curves and its period; `FechnerError` if the curves cannot be compared, which says why."""
    if not manipulated or len(manipulated) != len(upright):
        raise FechnerError(
            f"curves are compared in pairs, got {len(manipulated)} manipulated and {len(upright)} upright"
        )
    first, every = manipulated[0], (*manipulated, *upright)
    for name, group in (("manipulated", manipulated), ("upright", upright)):
        for i, curves in enumerate(group):
            if any(curves.equals(other) for other in group[:i]):
                raise FechnerError(
                    f"the {name} curves {i + 1} are given twice, and each must be of a training of its own: leave one pair out"
                )
    for curves in every:
        if "fisher_information" not in curves or "along" not in curves.attrs:
            raise FechnerError(
                "these are no curves of `fechner.sensitivity`: fisher_information or the attribute along is missing"
            )
        try:
            contents.curves(curves, results.along(curves))
        except FechnerError as e:
            raise FechnerError(f"these curves cannot be compared: {e}") from None
    along = results.along(first)
    grid, period = first[along].values, circular.period_of(first[along])
    if period is None:
        raise FechnerError(
            f"shifts need a circular parameter, and the coordinate {along} has no attribute period; a Parameter of your own "
            'states it, such as Parameter("degree", period=360)'
        )
    if len(grid) < 4 or not np.allclose(np.diff(grid), period / len(grid)):
        raise FechnerError(
            f"shifts need an even grid of a whole circle of {period:g}, at least 4 values, and {along} has {len(grid)} from "
            f"{grid.min():g} to {grid.max():g}: measure it with values=36, for instance"
        )
    for curves in every:
        if results.along(curves) != along or not np.array_equal(curves[along].values, grid):
            raise FechnerError(f"the curves are not all along {along} on the same grid: measure them alike")
        if results.noise_model(curves) != results.noise_model(first):
            raise FechnerError(
                f"the curves have different noise models, '{results.noise_model(first)}' and '{results.noise_model(curves)}': "
                "measure them alike"
            )
        for name in ("units", "period", "convention"):
            here, there = (c[along].attrs.get(name) for c in (first, curves))
            if here is not None and there is not None and here != there:
                raise FechnerError(
                    f"the curves differ in the {name} of {along}, '{here}' and '{there}': measure them alike"
                )
        if curves.layer.values.tolist() != first.layer.values.tolist():
            raise FechnerError("the curves are not of the same layers: measure them alike")
        if _nuisances(curves, along) != _nuisances(first, along):
            raise FechnerError(
                "the curves were averaged over different nuisance values: measure them alike, and draw with the same seed"
            )
    return along, period


def _nuisances(curves: xr.Dataset, along: str) -> dict[str, list[float] | int]:
    """The nuisance values that curves were averaged over, by dimension and name."""
    if "fisher_information_samples" not in curves:
        return {}
    samples = curves.fisher_information_samples
    sizes: dict[str, list[float] | int] = {str(d): n for d, n in samples.sizes.items() if d not in ("layer", along)}
    values = {str(n): c.values.tolist() for n, c in samples.coords.items() if c.dims and c.dims[0] in sizes}
    return sizes | values

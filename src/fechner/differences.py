"""What a manipulation of training images did to sensitivity: difference curves, and the shift between two curves."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from fechner import circular, contents, results
from fechner.arguments import Natural, Seed, checked
from fechner.errors import FechnerError
from fechner.fisher import relative_to_mean
from fechner.interval import over_seeds, t_half_width
from fechner.limits import check_memory, check_time

Array = npt.NDArray[np.float64]
FLAT = 1e-2
_FINE = 720


@checked
def difference(
    manipulated: xr.Dataset | Sequence[xr.Dataset],
    upright: xr.Dataset | Sequence[xr.Dataset],
    *,
    bootstraps: Natural = 1000,
    seed: Seed = 0,
) -> xr.Dataset:
    """The relative sensitivity of networks trained on manipulated images minus that of networks trained upright.

    >>> from fechner import Gabor, load, sensitivity
    >>> curves = [sensitivity(load("resnet18_small", "init", s), Gabor(size=32), values=12) for s in (0, 1)]
    >>> difference(curves[1], curves[0], bootstraps=100).difference.dims
    ('layer', 'orientation')

    Args:
        manipulated: a result of `sensitivity` along a circular parameter, on an even grid of the whole circle; or one for
            each seed of training.
        upright: the same for training without the manipulation; seeds are paired in order.
        bootstraps: replicates for a single pair; each draws nuisance values (the same for both curves) anew.
        seed: of the bootstrap.

    Returns:
        A Dataset over layers:

        - `difference` (layer, <along>): relative sensitivity √J / mean √J, manipulated minus upright, averaged over seeds,
          and `difference_by_seed`; `difference_low` and `difference_high` bound its mean with 95 % by Student's t over
          pairs of seeds (NaN for a single pair),
        - `relative_sensitivity` (state, layer, <along>), averaged over seeds,
        - `shift` (layer): by how many units of the parameter the upright curve has to be moved to correlate best with the
          manipulated one (the expected value is the rotation of the images), mean over pairs; and `aligned`, the highest
          correlation of the mean curves. `shift_low` and `shift_high` bound the shift with 95 % by Student's t over pairs,
          or for a single pair by the bootstrap, which leaves out how trainings differ; they may reach beyond half a
          period. NaN where one of the curves varies by less than 1 %, or is not known at every value; the attribute
          `left_out` (JSON) names those.

    Raises:
        FechnerError: if the curves differ in layers, parameter, grid or nuisance values, or do not cover the circle.

    Command line:
        fechner difference rotated.nc -- upright.nc --figure difference.png
        fechner difference rotated-0.nc rotated-1.nc -- upright-0.nc upright-1.nc --out difference.nc
    """
    one = [manipulated] if isinstance(manipulated, xr.Dataset) else list(manipulated)
    other = [upright] if isinstance(upright, xr.Dataset) else list(upright)
    along, period = _check(one, other)
    layers = one[0].sizes["layer"]
    # Each replicate is a curve of every layer; those of several pairs are not drawn.
    drawn = bootstraps if len(one) == 1 else 0
    check_memory(8.0 * drawn * layers, f"{bootstraps} bootstraps of {layers} layers", "take fewer")
    check_time(1e-4 * drawn, f"{bootstraps} bootstraps", "take fewer")
    left_out = {layer: why for curves in (*one, *other) for layer, why in contents.unknown(curves, along).items()}
    sampled = [np.stack([_samples(c, along) for c in curves]) for curves in (one, other)]
    plain = [relative_to_mean(np.sqrt(s.mean(-1))) for s in sampled]
    by_seed = plain[0] - plain[1]
    mean, count = by_seed.mean(0), len(by_seed)
    half = t_half_width(by_seed)
    shift, aligned = _shift(plain[0].mean(0), plain[1].mean(0), period)

    def away(d: Array, d_upright: Array) -> Array:
        own, _ = _shift(relative_to_mean(np.sqrt(d)), relative_to_mean(np.sqrt(d_upright)), period)
        return _wrapped(own - shift, period)

    off, low, high = over_seeds(away, *sampled, bootstraps=bootstraps, seed=seed)
    dims, degrees = ("layer", along), {"units": one[0][along].attrs.get("units", "degree")}
    variables = {
        "difference": (dims, mean, {"units": "1", "long_name": "relative sensitivity, manipulated − upright"}),
        "difference_low": (dims, mean - half, {"units": "1"}),
        "difference_high": (dims, mean + half, {"units": "1"}),
        "difference_by_seed": (("pair", *dims), by_seed, {"units": "1"}),
        "relative_sensitivity": (("state", *dims), np.stack([p.mean(0) for p in plain]), {"units": "1"}),
        "shift": ("layer", _wrapped(shift + off, period), degrees | {"long_name": "shift that aligns the curves"}),
        "shift_low": ("layer", shift + low, degrees),
        "shift_high": ("layer", shift + high, degrees),
        "aligned": ("layer", aligned, {"units": "1", "long_name": "highest correlation at any shift"}),
    }
    kept = {str(n): c for n, c in one[0].coords.items() if set(c.dims) <= {"layer", along}}
    attributes = {
        "along": along,
        "network": str(one[0].attrs.get("network", "")),
        "noise_model": results.noise_model(one[0]),
        "pairs": count,
        "bootstraps": bootstraps,
        "left_out": json.dumps(left_out, ensure_ascii=False),
        "seed": seed,
        "interval": "95 %: Student's t over seeds; shift of a single pair, bootstrap over nuisance values",
    }
    found = xr.Dataset(variables, kept | {"state": ["manipulated", "upright"]})
    return found.assign_attrs(results.provenance("difference") | attributes)


def _shift(manipulated: Array, upright: Array, period: float) -> tuple[Array, Array]:
    """Per layer the shift of the upright curve that correlates best, within half a period, and that correlation.

    Correlations between the shifts of the grid are those of the curves' Fourier series.
    """
    x, y = (c - c.mean(-1, keepdims=True) for c in (manipulated, upright))
    n = x.shape[-1]
    spectrum = np.fft.rfft(x) * np.conj(np.fft.rfft(y))
    if n % 2 == 0:
        # On the finer grid this frequency has a negative twin as well.
        spectrum[..., -1] /= 2
    correlation = np.fft.irfft(spectrum, _FINE) * (_FINE / n)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation /= np.sqrt((x**2).sum(-1) * (y**2).sum(-1))[..., None]
    best = np.argmax(correlation, -1)
    # Not known, or flat.
    flat = ~((np.ptp(manipulated, -1) > FLAT) & (np.ptp(upright, -1) > FLAT))
    shift = np.where(flat, np.nan, _wrapped(best * (period / _FINE), period))
    return shift, np.where(flat, np.nan, np.take_along_axis(correlation, best[..., None], -1)[..., 0])


def _wrapped(shift: Array, period: float) -> Array:
    """Within half a period of zero."""
    return (shift + period / 2) % period - period / 2


def _samples(curves: xr.Dataset, along: str) -> Array:
    """J (layer, value, nuisance values)."""
    if "fisher_information_samples" not in curves:
        return curves.fisher_information.transpose("layer", along).values.astype(float)[..., None]
    samples = curves.fisher_information_samples.transpose("layer", along, ...).values.astype(float)
    return samples.reshape(*samples.shape[:2], -1)


def _check(one: Sequence[xr.Dataset], other: Sequence[xr.Dataset]) -> tuple[str, float]:
    if not one or len(one) != len(other):
        raise FechnerError(f"curves are compared in pairs, got {len(one)} manipulated and {len(other)} upright")
    for curves in (*one, *other):
        if "fisher_information" not in curves or "along" not in curves.attrs:
            raise FechnerError(
                "these are no curves of `fechner.sensitivity`: fisher_information or the attribute along is missing"
            )
    along = results.along(one[0])
    for curves in (*one, *other):
        try:
            contents.curves(curves, results.along(curves))
        except FechnerError as e:
            raise FechnerError(f"these curves cannot be compared: {e}") from None
    grid, period = one[0][along].values, circular.period_of(one[0][along])
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
    for curves in (*one, *other):
        if results.along(curves) != along or not np.array_equal(curves[along].values, grid):
            raise FechnerError(f"the curves are not all along {along} on the same grid: measure them alike")
        if results.noise_model(curves) != results.noise_model(one[0]):
            raise FechnerError(
                f"the curves have different noise models, '{results.noise_model(one[0])}' and '{results.noise_model(curves)}': "
                "measure them alike"
            )
        for name in ("units", "period", "convention"):
            here, there = (c[along].attrs.get(name) for c in (one[0], curves))
            if here is not None and there is not None and here != there:
                raise FechnerError(
                    f"the curves differ in the {name} of {along}, '{here}' and '{there}': measure them alike"
                )
        if curves.layer.values.tolist() != one[0].layer.values.tolist():
            raise FechnerError("the curves are not of the same layers: measure them alike")
        if _samples(curves, along).shape != _samples(one[0], along).shape:
            raise FechnerError("the curves were averaged over different nuisance values: measure them alike")
    return along, period

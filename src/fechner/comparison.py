"""How far sensitivity follows a prior: every layer's curve against densities of photographs, formulas and people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import xarray as xr

from fechner import circular, contents, human, results
from fechner.arguments import Natural, Seed, checked
from fechner.errors import FechnerError
from fechner.limits import check_memory

Array = npt.NDArray[np.float64]
FLAT = 1e-2
WITHIN = 7.5


@checked
def compare(curves: xr.Dataset, prior: xr.Dataset, *, bootstraps: Natural = 1000, seed: Seed = 0) -> xr.Dataset:
    """Compare the sensitivity of every layer with the density of the same feature in photographs.

    >>> from fechner import image_statistics, load, sensitivity

    >>> from fechner.stimuli import HuePatch
    >>> curves = sensitivity(load("resnet18", "init"), HuePatch(size=64), "hue", 12, {"value": [0.5, 0.9]})
    >>> found = compare(curves, image_statistics(feature="hue", bootstraps=100), bootstraps=100)
    >>> found.correlation.dims
    ('reference', 'layer')

    Args:
        curves: what `fechner.sensitivity` returned.
        prior: what `fechner.image_statistics` returned for the same feature.
        bootstraps: replicates; each draws nuisance values (phase, saturation, …) of the curves and photographs anew.
        seed: of the bootstrap.

    Returns:
        A Dataset over (reference, layer), in which the first reference is `prior`, and the others are the formulas that
        `fechner.human` has for this feature (analytic priors, proxies of human sensitivity):

        - `correlation`: Pearson's r of √J and the reference p over the grid of the curves; 0 for a curve that varies by
          less than 1 %, which is marked `flat`,
        - `null_p`: how many of all rotations of the curve correlate at least as well (circular features on a whole grid),
        - `correlation_over_input`: the correlation minus that of the pixels, so that what is due to them is not
          credited to the network,
        - `exponent`: q of J ∝ p^q, the slope of log J on log p (2 for infomax, 1/2 for discrimax; errors in p make it
          smaller), J being the Fisher information under independent Gaussian noise of unit variance,
        - `ratio`: for orientation √J within 7.5° of 0° and 90° over that within 7.5° of 45° and 135°; otherwise √J in the
          quarter of the grid where the reference is highest over that in the quarter where it is lowest,
        - each with `_low` and `_high`, a 95 % percentile interval; and `correlation_samples`, its bootstrap.

        Where the sensitivity of a layer is not known at every value, all of these are NaN, and the attribute `left_out`
        (JSON) says why.

    Raises:
        FechnerError: if the two are not a curve and a density of the same feature, in the same units and convention, or
            hold what curves and densities cannot, such as negative numbers.

    Command line:
        fechner sensitivity efficientnet_lite0 --out curves.nc
        fechner statistics photographs/ --out prior.nc
        fechner compare curves.nc prior.nc --figure comparison.png
    """
    along = _check(curves, prior)
    curves = curves.sortby(along)
    sampled = f"{bootstraps} bootstraps of {curves.sizes['layer']} layers and {curves.sizes[along]} values"
    check_memory(40.0 * bootstraps * curves.sizes["layer"] * curves.sizes[along], sampled, "take fewer")
    grid = curves[along].values
    references = {_label(prior): prior, **_formulas(curves[along])}
    rng = np.random.default_rng(seed)
    plain, samples = _curves(curves, along, bootstraps, rng)
    left_out = contents.unknown(curves, along)
    bad = np.isin(curves.layer.values, list(left_out))
    plain, samples = np.where(bad[:, None], np.nan, plain), np.where(bad[:, None], np.nan, samples)
    inputs = _input_of(curves)
    whole = _is_whole(grid, circular.period_of(curves[along]))
    found: dict[str, list[Array]] = {}
    shown = []
    for reference in references.values():
        once, drawn = _reference(reference, curves[along], bootstraps, rng)
        shown.append(once / once.mean())
        for name, measure in (
            ("correlation", lambda d, p: _correlation(np.sqrt(d), p)),
            ("correlation_over_input", lambda d, p: _over(_correlation(np.sqrt(d), p), inputs)),
            ("exponent", _exponent),
            ("ratio", lambda d, p, once=once: contrast(np.sqrt(d), along, grid, once)),
        ):
            again = measure(samples, drawn[:, None])
            found.setdefault(name, []).append(measure(plain, once))
            low, high = _interval(again)
            found.setdefault(f"{name}_low", []).append(low)
            found.setdefault(f"{name}_high", []).append(high)
            if name == "correlation":
                found.setdefault("correlation_samples", []).append(again.T)
        found.setdefault("null_p", []).append(_null(np.sqrt(plain), once) if whole else np.full(len(plain), np.nan))
    variables = {
        name: (("reference", "layer", "bootstrap")[: np.ndim(values)], np.stack(values))
        for name, values in found.items()
    }
    dims = {"reference_curve": (("reference", along), np.stack(shown), {"long_name": "reference / its mean"})}
    kept = [str(c) for c in curves.coords if set(curves[c].dims) <= {"layer", along}]
    coordinates = {name: curves[name] for name in kept} | {"reference": list(references)}
    flat = ("layer", np.ptp(np.sqrt(plain), -1) <= FLAT * np.sqrt(plain).mean(-1))
    out = xr.Dataset(variables | dims | {"relative_sensitivity": _relative(curves, along), "flat": flat}, coordinates)
    out["ratio"].attrs["long_name"] = "√J cardinal / oblique" if along == "orientation" else "√J peak / trough"
    attributes = {
        "along": along,
        "network": str(curves.attrs.get("network", "")),
        "weights": str(curves.attrs.get("weights", "")),
        "stimulus": str(curves.attrs.get("stimulus", "")),
        "photographs": prior.attrs.get("photographs", 0),
        "noise_model": results.noise_model(curves),
        "seed": seed,
        "bootstraps": bootstraps,
        "left_out": json.dumps(left_out, ensure_ascii=False),
        "interval": "95 %, bootstrap over nuisance values and photographs",
    }
    return out.assign_attrs(results.provenance("comparison") | attributes)


def contrast(root: Array, along: str, grid: Array, reference: Array) -> Array:
    """Mean √J (last axis) where it should be high over where it should be low; NaN where the grid has no such values.

    A layer without sensitivity, such as a classifier that starts at zero, has no ratio either.
    """
    if along == "orientation":
        high, low = circular.near(grid, [0, 90], 180, WITHIN), circular.near(grid, [45, 135], 180, WITHIN)
    else:
        order = np.argsort(reference, kind="stable")
        quarter = max(1, len(order) // 4)
        low, high = (np.isin(np.arange(len(order)), part) for part in (order[:quarter], order[-quarter:]))
    if not high.any() or not low.any():
        return np.full(root.shape[:-1], np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = root[..., high].mean(-1) / root[..., low].mean(-1)
    return np.where(np.isfinite(ratio), ratio, np.nan)


def records(found: xr.Dataset) -> list[dict[str, object]]:
    """One dictionary for each layer and reference, for JSON: what has no value is None."""

    def number(value: xr.DataArray) -> float | None:
        return float(value) if np.isfinite(value) else None

    listed: list[dict[str, object]] = []
    for reference in found.reference.values:
        for i in range(found.sizes["layer"]):
            one = found.sel(reference=reference).isel(layer=i)
            entry: dict[str, object] = {
                "reference": str(reference),
                "layer": str(one.layer.values),
                "flat": bool(one.flat),
            }
            for name in ("correlation", "correlation_over_input", "exponent", "ratio"):
                entry[name] = number(one[name])
                entry[f"{name}_interval"] = [number(one[f"{name}_low"]), number(one[f"{name}_high"])]
            entry["null_p"] = number(one.null_p)
            listed.append(entry)
    return listed


def _check(curves: xr.Dataset, prior: xr.Dataset) -> str:
    if "fisher_information" not in curves or "along" not in curves.attrs:
        swapped = "; give the curves first, the density second" if "density" in curves else ""
        raise FechnerError(f"the first is not a result of `fechner sensitivity`: it has no fisher_information{swapped}")
    if "density" not in prior:
        raise FechnerError("the second is not a result of `fechner statistics`: it has no density")
    along, other = results.along(curves), str(prior.attrs.get("along", next(iter(prior.density.dims), "")))
    if along != other:
        raise FechnerError(
            f"sensitivity was measured along {along}, the density is that of {other}: they cannot be compared"
        )
    with _named("these curves"):
        contents.curves(curves, along)
        stimulus = contents.fields(curves.attrs, "stimulus")
    with _named("this density"):
        contents.coordinate(prior, along)
    here, there = curves[along].attrs, prior[along].attrs
    kinds = (("units", "units", "convert"), ("period", "periods", "measure anew"))
    for name, what, remedy in (*kinds, ("convention", "conventions", "measure anew")):
        if name in here and name in there and here[name] != there[name]:
            raise FechnerError(f"{along} in different {what}: '{here[name]}' and '{there[name]}'; {remedy} one of them")
    with _named("this density"):
        contents.density(prior, along)
    scale, of_prior = (_number(a.get("pixels_per_degree")) for a in (stimulus, there))
    if of_prior is not None and scale is not None and of_prior != scale:
        raise FechnerError(
            f"the stimulus had {scale:g} pixels/degree, the density {of_prior:g}: measure it anew with "
            f"pixels_per_degree={scale:g}"
        )
    if curves.sizes[along] < 4:
        raise FechnerError(f"at least 4 values of {along} are needed to compare, got {curves.sizes[along]}")
    return along


@contextmanager
def _named(what: str) -> Iterator[None]:
    """Errors say which of the two they are about."""
    try:
        yield
    except FechnerError as e:
        raise FechnerError(f"{what} cannot be compared: {e}") from None


def _number(value: object) -> float | None:
    """A setting as a number; None if it is none."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _relative(curves: xr.Dataset, along: str) -> xr.DataArray:
    if "relative_sensitivity" in curves:
        return curves.relative_sensitivity
    root = np.sqrt(curves.fisher_information.transpose("layer", along))
    return (root / root.mean(along)).assign_attrs(units="1", long_name="relative sensitivity")


def _interval(again: Array) -> Array:
    """95 % over the first axis; NaN where nothing is known."""
    found = np.full((2, *again.shape[1:]), np.nan)
    known = np.isfinite(again).any(0)
    if known.any():
        found[:, known] = np.nanquantile(again[:, known], [0.025, 0.975], axis=0)
    return found


def _label(prior: xr.Dataset) -> str:
    return f"{prior.attrs['photographs']} photographs" if "photographs" in prior.attrs else "density"


def _formulas(coordinate: xr.DataArray) -> Mapping[str, xr.Dataset]:
    convention = coordinate.attrs.get("convention")
    return {
        name: curve
        for name, curve in human.priors(str(coordinate.name)).items()
        if convention is None or curve[coordinate.name].attrs.get("convention", convention) == convention
    }


def _curves(curves: xr.Dataset, along: str, bootstraps: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """J (layer, value), and its bootstrap over nuisance values (bootstrap, layer, value)."""
    plain = curves.fisher_information.transpose("layer", along).values
    if "fisher_information_samples" not in curves:
        return plain, np.broadcast_to(plain, (bootstraps, *plain.shape))
    samples = curves.fisher_information_samples.transpose("layer", along, ...).values
    samples = samples.reshape(*plain.shape, -1)
    n = samples.shape[-1]
    drawn = rng.multinomial(n, np.full(n, 1 / n), bootstraps) / n
    with np.errstate(invalid="ignore"):
        return plain, np.moveaxis(samples @ drawn.T, -1, 0)


def _reference(
    reference: xr.Dataset, coordinate: xr.DataArray, bootstraps: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """The reference on the grid of the curves, and its bootstrap over photographs (bootstrap, value)."""
    along, grid = str(coordinate.name), coordinate.values
    period = circular.period_of(coordinate)
    at = reference[along].values

    def on_grid(density: Array) -> Array:
        if period is not None:
            if _is_whole(grid, period):
                return circular.rebin(density, grid, period)
            x, closed = circular.around(at, density, period)
            return np.apply_along_axis(lambda d: np.interp(grid % period, x, d), -1, closed)
        with np.errstate(divide="ignore"):
            return np.exp(np.apply_along_axis(lambda d: np.interp(np.log(grid), np.log(at), d), -1, np.log(density)))

    if period is None:
        # Bins reach half-way to the next, in logarithms.
        lowest, highest = at[0] * np.sqrt(at[0] / at[1]), at[-1] * np.sqrt(at[-1] / at[-2])
        if grid.min() < lowest or grid.max() > highest:
            raise FechnerError(
                f"{along} of the curves runs from {grid.min():g} to {grid.max():g} {coordinate.attrs.get('units', '')}, that "
                f"of the reference only from {lowest:.3g} to {highest:.3g}: measure both over the same range"
            )
    once = on_grid(reference.density.values)
    if "density_samples" not in reference or not reference.sizes["bootstrap"]:
        return once, np.broadcast_to(once, (bootstraps, len(once)))
    drawn = on_grid(reference.density_samples.values)
    # Of few photographs a replicate may draw none that has the feature.
    drawn = drawn[np.isfinite(drawn).all(-1)]
    if not len(drawn):
        raise FechnerError("this density cannot be compared: no replicate of its bootstrap is finite; measure it anew")
    return once, drawn[rng.integers(0, len(drawn), bootstraps)]


def _is_whole(grid: Array, period: float | None) -> bool:
    """Whether the grid is even and covers the circle."""
    return period is not None and len(grid) > 1 and bool(np.allclose(np.diff(grid), period / len(grid)))


def _correlation(root: Array, reference: Array) -> Array:
    x = root - root.mean(-1, keepdims=True)
    y = reference - reference.mean(-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        r = (x * y).sum(-1) / np.sqrt((x * x).sum(-1) * (y * y).sum(-1))
    return np.where(np.ptp(root, -1) <= FLAT * root.mean(-1), 0.0, r)


def _over(correlation: Array, inputs: npt.NDArray[np.intp]) -> Array:
    return correlation - correlation[..., inputs]


def _exponent(information: Array, reference: Array) -> Array:
    usable = (reference > 0) & (information > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y = (np.where(usable, np.log(v), 0.0) for v in np.broadcast_arrays(reference, information))
        n = usable.sum(-1, keepdims=True)
        x = np.where(usable, x - x.sum(-1, keepdims=True) / n, 0.0)
        return (x * y).sum(-1) / (x * x).sum(-1)


def _null(root: Array, reference: Array) -> Array:
    """The share of rotations, none included, at which the correlation is at least as large."""
    n = len(reference)
    shifted = np.stack([_correlation(root, np.roll(reference, k)) for k in range(n)])
    p = np.where(np.isfinite(shifted[0]), (shifted >= shifted[0] - 1e-12).mean(0), np.nan)
    return np.where(np.ptp(root, -1) <= FLAT * root.mean(-1), 1.0, p)


def _input_of(curves: xr.Dataset) -> npt.NDArray[np.intp]:
    """For every layer, where the pixels that it saw stand."""
    is_input = results.pixels(curves)
    if not is_input[0]:
        raise FechnerError("the curves lack the pixels ('input'), the first layer that `fechner sensitivity` reports")
    return np.maximum.accumulate(np.where(is_input, np.arange(len(is_input)), 0))

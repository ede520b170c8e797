"""How far sensitivity follows a prior: every layer's curve against densities of photographs, formulas and people.

`compare` is the verb; `fechner.references` puts what curves are compared with on their grid. All measures work on the last
axis, so that the curve, and what is left of it without some draws, go through the same function. The figures of the paper
use `contrast`, the command line `records`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from fechner import circular, contents, results
from fechner.agreement import contrast, correlation, correlation_over_pixels, exponent, flat, share_of_rotations
from fechner.arguments import checked
from fechner.errors import FechnerError
from fechner.interval import GROUPS, jackknife_t
from fechner.layout import MARKS
from fechner.references import is_whole, on_grid, references
from fechner.statistics import shipped

Array = npt.NDArray[np.float64]
# Correlations with a density of fewer photographs have no interval.
MANY = 100


@checked
def compare(curves: xr.Dataset, prior: xr.Dataset | None = None) -> xr.Dataset:
    """Compare the sensitivity of every layer with the density of the same feature in photographs.

    >>> from fechner import load, sensitivity
    >>> from fechner.stimuli import HuePatch
    >>> curves = sensitivity(load("resnet18", "init"), HuePatch(size=64), "hue", 12, {"value": [0.5, 0.9]})
    >>> str(compare(curves).reference.values[0])
    '500 photographs of ImageNet'

    Args:
        curves: a result of `fechner.sensitivity`.
        prior: a result of `fechner.image_statistics` for the same feature; by default the density in 500 ImageNet
            photographs which ships with the package.

    Returns:
        A Dataset over (reference, layer), in which the first reference is `prior`, and the others are the formulas that
        `fechner.human` has for this feature (analytic priors, proxies of human sensitivity):

        - `correlation`: Pearson's r of √J and the reference p over the grid of the curves; 0 for a curve that varies by
          less than 1 %, which is marked `flat`,
        - `null_p`: the share of all rotations of the curve that correlate at least as well (circular features on a whole grid),
        - `correlation_over_input`: the correlation minus that of the pixels, so that the network is not credited with what
          is due to them,
        - `exponent`: q of J ∝ p^q, the slope of log J on log p (2 for infomax, 1/2 for discrimax; errors in p make it
          smaller), J being the Fisher information under the noise model of the curves,
        - `ratio`: for orientation √J within 7.5° of 0° and 90° over that within 7.5° of 45° and 135°; otherwise √J in the
          quarter of the grid where the reference is highest over that in the quarter where it is lowest,
        - for each of these but `null_p` `_low` and `_high`, a 95 % interval by the jackknife and Student's t over the
          photographs, and over the random draws (`Draws`) of the curves where they have them. A grid of nuisance values is
          no sample and adds nothing. NaN where nothing was sampled, or fewer than five draws; correlations have one from
          100 photographs on, because of fewer a single one can decide them. Those of
          `ratio` are over draws alone, and `exponent` has none against photographs: errors in p bias it, and no interval
          holds the truth often enough,
        - `correlation_jackknife` (group, layer): the correlation with `prior` without each group of photographs, from
          which an interval of what is computed from several layers follows (`fechner.interval.jackknife_t`).

        Values that are marked `uncertain` are left out. Where the sensitivity of a layer is not known at every value, where
        the grid does not resolve its curve, or where fewer than half of the values are certain, all of these are NaN, and the
        attribute `left_out` (JSON) says why.

    Raises:
        FechnerError: if the two are not a curve and a density of the same feature, in the same units and convention, or
            hold what curves and densities cannot, such as negative numbers.

    Command line:
        fechner compare curves.nc --figure comparison.png
        fechner statistics photographs/ --out prior.nc
        fechner compare curves.nc prior.nc --json
    """
    _check_curves(curves)
    prior = shipped("imagenet", results.along(curves)) if prior is None else prior
    along = _check(curves, prior)
    curves = curves.sortby(along)
    grid = curves[along].values
    uncertain = contents.uncertain(curves)
    few = {str(n): "fewer than half of its values are certain" for n in curves.layer.values[uncertain.mean(-1) > 0.5]}
    left_out = few | contents.unresolved(curves) | contents.unknown(curves)
    unknown = uncertain | np.isin(curves.layer.values, list(left_out))[:, None]
    information = np.where(unknown, np.nan, curves.fisher_information.transpose("layer", along).values)
    without_draws = [np.where(unknown, np.nan, remaining) for remaining in _without_draws(curves)]
    root = np.sqrt(information)
    inputs = _input_of(curves)
    whole = is_whole(grid, circular.period_of(curves[along]))
    variables: dict[str, Any] = {}
    estimates: dict[str, list[Array]] = {}
    relative = []
    compared_with = references(prior, curves[along])
    for reference in compared_with.values():
        density, without_photographs = on_grid(reference, curves[along])
        relative.append(density / density.mean())

        def ratio(information: Array, _: Array, density: Array = density) -> Array:
            return contrast(np.sqrt(information), along, grid, density)

        measures: tuple[tuple[str, str, Callable[[Array, Array], Array]], ...] = (
            ("correlation", "identity", lambda d, p: correlation(np.sqrt(d), p)),
            ("correlation_over_input", "identity", lambda d, p: correlation_over_pixels(np.sqrt(d), p, inputs)),
            ("exponent", "identity", exponent),
            ("ratio", "log", ratio),
        )
        for name, scale, measure in measures:
            estimate, without = measure(information, density), []
            if without_photographs is not None:
                without.append(np.stack([measure(information, p) for p in without_photographs]))
                if name == "correlation":
                    variables["correlation_jackknife"] = (("group", "layer"), without[0])
            if without_draws:
                without.append(np.stack([measure(remaining, density) for remaining in without_draws]))
            low, high = jackknife_t(
                estimate, *([] if _covers_seldom(name, without_photographs) else without), scale=scale
            )
            if name == "correlation":
                low, high = np.maximum(low, -1), np.minimum(high, 1)
            for end, number in (("", estimate), ("_low", low), ("_high", high)):
                estimates.setdefault(f"{name}{end}", []).append(number)
        estimates.setdefault("null_p", []).append(
            share_of_rotations(root, density) if whole else np.full(len(root), np.nan)
        )
    variables |= {name: (("reference", "layer"), np.stack(values)) for name, values in estimates.items()}
    variables |= {
        "reference_curve": (("reference", along), np.stack(relative), {"long_name": "reference / its mean"}),
        "relative_sensitivity": _relative(curves, along),
        "flat": ("layer", flat(root)),
    } | {name: curves[name] for name in MARKS if name in curves}
    coordinates = {str(n): c for n, c in curves.coords.items() if set(c.dims) <= {"layer", along}}
    comparison = xr.Dataset(variables, coordinates | {"reference": list(compared_with)})
    comparison["ratio"].attrs["long_name"] = "√J cardinal / oblique" if along == "orientation" else "√J peak / trough"
    sampled = [
        *(["photographs"] if "density_jackknife" in prior else []),
        *(["random draws"] if without_draws else []),
    ]
    attributes = {
        "along": along,
        **{name: contents.text(curves, name) for name in ("network", "weights", "stimulus")},
        **{name: prior.attrs[name] for name in ("photographs", "title") if name in prior.attrs},
        "noise_model": results.noise_model(curves),
        "left_out": json.dumps(left_out, ensure_ascii=False),
        "interval": f"95 %, jackknife over {' and '.join(sampled)}, Student's t" if sampled else "",
    }
    return comparison.assign_attrs(results.provenance("comparison") | attributes)


def _covers_seldom(measure: str, without: Array | None) -> bool:
    """Whether an interval over photographs would hold the truth too seldom: docs/explanation/intervals.md has the numbers.

    Errors in p make the exponent smaller, and of few photographs a single one can decide a correlation.
    """
    if without is None:
        return False
    return measure == "exponent" or (measure.startswith("correlation") and len(without) < MANY)


def records(comparison: xr.Dataset) -> list[dict[str, object]]:
    """A comparison as one dictionary for each reference and layer, for JSON; None stands for an unknown value."""

    def number(value: xr.DataArray) -> float | None:
        return float(value) if np.isfinite(value) else None

    listed: list[dict[str, object]] = []
    for reference in comparison.reference.values:
        for i in range(comparison.sizes["layer"]):
            layer = comparison.sel(reference=reference).isel(layer=i)
            entry: dict[str, object] = {
                "reference": str(reference),
                "layer": str(layer.layer.values),
                "flat": bool(layer.flat),
            }
            for name in ("correlation", "correlation_over_input", "exponent", "ratio"):
                entry[name] = number(layer[name])
                entry[f"{name}_interval"] = [number(layer[f"{name}_low"]), number(layer[f"{name}_high"])]
            entry["null_p"] = number(layer.null_p)
            listed.append(entry)
    return listed


def _check_curves(curves: xr.Dataset) -> None:
    """Raise `FechnerError` for what are no curves."""
    if "fisher_information" not in curves or "along" not in curves.attrs:
        swapped = "; give the curves first, the density second" if "density" in curves else ""
        raise FechnerError(f"the first is not a result of `fechner sensitivity`: it has no fisher_information{swapped}")


def _check(curves: xr.Dataset, prior: xr.Dataset) -> str:
    """The parameter of both; `FechnerError` if they cannot be compared, which says why."""
    if "density" not in prior:
        raise FechnerError("the second is not a result of `fechner statistics`: it has no density")
    along, feature = results.along(curves), str(prior.attrs.get("along", next(iter(prior.density.dims), "")))
    if along != feature:
        raise FechnerError(
            f"sensitivity was measured along {along}, the density is that of {feature}: they cannot be compared"
        )
    with _named("these curves"):
        contents.curves(curves, along)
        stimulus = contents.fields(curves.attrs, "stimulus")
    with _named("this density"):
        contents.coordinate(prior, along)
    here, there = curves[along].attrs, prior[along].attrs
    for name, plural in (("units", "units"), ("period", "periods"), ("convention", "conventions")):
        if name in here and name in there and here[name] != there[name]:
            remedy = "convert" if name == "units" else "measure anew"
            raise FechnerError(
                f"{along} in different {plural}: '{here[name]}' and '{there[name]}'; {remedy} one of them"
            )
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
    """Let errors inside say which of the two Datasets they are about."""
    try:
        yield
    except FechnerError as e:
        raise FechnerError(f"{what} cannot be compared: {e}") from None


def _number(value: object) -> float | None:
    """A setting as a number; None if it is not one."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _relative(curves: xr.Dataset, along: str) -> xr.DataArray:
    if "relative_sensitivity" in curves:
        return curves.relative_sensitivity
    root = np.sqrt(curves.fisher_information.transpose("layer", along))
    return (root / root.mean(along)).assign_attrs(units="1", long_name="relative sensitivity")


def _without_draws(curves: xr.Dataset) -> list[Array]:
    """J (layer, value) without each of at most a hundred groups of random draws; none where nothing was drawn."""
    draws = contents.draws(curves)
    groups = np.arange(draws.shape[-1]) % GROUPS
    others = [groups != group for group in np.unique(groups)]
    return [draws[..., chosen].sum(-1) / max(chosen.sum(), 1) for chosen in others]


def _input_of(curves: xr.Dataset) -> npt.NDArray[np.intp]:
    """For each layer the index of the pixels that it was computed from: the nearest ones before it."""
    is_input = results.pixels(curves)
    if not is_input[0]:
        raise FechnerError("the curves lack the pixels ('input'), the first layer that `fechner sensitivity` reports")
    return np.maximum.accumulate(np.where(is_input, np.arange(len(is_input)), 0))

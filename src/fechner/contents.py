"""What results hold: variables, dimensions, attributes and values of each kind, checked before anything is made of them.

Whatever reads, draws, compares or resamples a result calls `check` or one of the narrower functions here first, and reads
attributes through `text`, `along`, `noise_model`, `pixels` and `fields` only. Every error is one line that names the variable
and the value, and callers put the name of the file or the argument before it. tests/test_contents.py tries damaged results
on every reader.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from fechner import circular
from fechner.errors import FechnerError, first_line, printable
from fechner.layout import ALONG as ALONG
from fechner.layout import DRAW, KINDS, MARKS, RANGES, check_provenance


def check(dataset: Any) -> None:
    """Raise `FechnerError` if a Dataset, or a DataTree, does not hold what results of its kind hold."""
    if isinstance(dataset, xr.DataTree):
        _check_nodes(dataset)
        return
    if not isinstance(dataset, xr.Dataset):
        remedy = "; fechner.read reads a file" if isinstance(dataset, str) or hasattr(dataset, "__fspath__") else ""
        raise FechnerError(f"is no xarray.Dataset but a {type(dataset).__name__}{remedy}")
    check_provenance(dataset.attrs)
    kind, parameter = text(dataset, "kind"), along(dataset)
    for name, dimensions in KINDS[kind].items():
        if ALONG in dimensions and not parameter:
            raise FechnerError("is incomplete: it has no attribute along, which names the parameter")
        if name not in dataset:
            raise FechnerError(f"is incomplete: a result of kind '{kind}' holds '{name}', and this one does not")
        needed = (parameter if d == ALONG else d for d in dimensions)
        absent = [d for d in needed if not dataset[name].sizes.get(d)]
        if absent:
            selected = absent[0] in dataset.coords and absent[0] not in dataset.dims
            remedy = f"; where one was chosen, keep the dimension, as in .isel({absent[0]}=[0])" if selected else ""
            raise FechnerError(
                f"is incomplete: its '{name}' has no values along {', '.join(map(repr, absent))}{remedy}"
            )
    try:
        values(dataset, *KINDS[kind])
        if parameter and parameter in dataset.dims and KINDS[kind]:
            coordinate(dataset, parameter)
            if "units" not in dataset[parameter].attrs:
                raise FechnerError(f"its coordinate '{parameter}' has no units")
        if kind == "density":
            density(dataset, parameter)
    except FechnerError as e:
        raise FechnerError(f"is incomplete or damaged: {e}") from None


def _check_nodes(tree: xr.DataTree) -> None:
    """Raise `FechnerError` if the root of a figure has no provenance, or a node does not hold what its kind holds."""
    check_provenance(tree.attrs, tree=True)
    if tree.attrs["kind"] != "figure":
        raise FechnerError(
            f"holds several Datasets, and a result of kind '{tree.attrs['kind']}' is one: choose a node, as in "
            "tree['curves'].to_dataset()"
        )
    for path, dataset in tree.to_dict().items():
        try:
            if path != "/" and "kind" in dataset.attrs:
                check(dataset)
            else:
                values(dataset)
        except FechnerError as e:
            raise FechnerError(f"is incomplete or damaged: its node '{path}': {e}") from None


def values(dataset: xr.Dataset, *names: str) -> None:
    """Raise `FechnerError` if variables of these names, or of those in `RANGES`, hold anything but numbers in their range.

    Also if layers have no names, or depths are not those of layers.
    """
    for name in (*names, *RANGES):
        if name not in dataset.variables:
            continue
        variable = dataset[name]
        if variable.dtype.kind not in ("fiub" if name in MARKS else "fiu"):
            raise FechnerError(f"'{name}' must hold real numbers, got {variable.dtype}")
        low, high = RANGES.get(name, (-np.inf, np.inf))
        # Rounding to float32 may take a correlation of 1 a little beyond it.
        outside = (variable.values < low - 1e-6) | (variable.values > high + 1e-6)
        if outside.any():
            allowed = f"at least {low:g}" if high == np.inf else f"from {low:g} to {high:g}"
            raise FechnerError(
                f"'{name}' must be {allowed}, or NaN where it is not known, got {_first(variable, outside)}"
            )
    if "layer" in dataset.dims:
        labels = dataset["layer"].values if "layer" in dataset.coords else np.zeros(1)
        if not all(isinstance(label, str) for label in labels.tolist()):
            raise FechnerError("the coordinate 'layer' must hold the names of the layers")
        if "depth" in dataset.coords and "layer" not in dataset.depth.dims:
            raise FechnerError("the coordinate 'depth' must have a value for each layer")


def coordinate(dataset: xr.Dataset, along: str) -> None:
    """Raise `FechnerError` unless a parameter has a coordinate of one dimension that holds finite numbers."""
    if along not in dataset.coords or dataset[along].dims != (along,):
        raise FechnerError(f"it has no coordinate '{along}' with the values of the parameter")
    at = dataset[along]
    if at.dtype.kind not in "fiu" or not np.isfinite(at.values).all():
        raise FechnerError(f"the coordinate '{along}' must hold finite numbers")


def density(dataset: xr.Dataset, along: str) -> None:
    """Raise `FechnerError` unless `density` is one over a parameter: finite, not negative, and of an integral of 1.

    The density of a circular parameter has to cover the whole circle evenly; the integral is checked of those alone.
    """
    if "density" not in dataset or dataset.density.dims != (along,):
        dims = dataset.density.dims if "density" in dataset else ()
        extra = [d for d in dims if d != along]
        remedy = f"; choose one, as in .isel({extra[0]}=0)" if along in dims else ""
        over = ", ".join(map(str, dims)) or "nothing"
        raise FechnerError(f"a density must be over {along} alone, this one is over {over}{remedy}")
    values(dataset)
    coordinate(dataset, along)
    p, at = dataset.density, dataset[along].values
    infinite = ~np.isfinite(p.values)
    if infinite.any():
        raise FechnerError(f"a density must be finite, got {_first(p, infinite)}")
    if not p.values.any():
        raise FechnerError(f"the density of {along} is zero everywhere")
    if (np.diff(at) <= 0).any():
        raise FechnerError(f"values of {along} must increase")
    period = circular.period_of(dataset[along])
    if period is None:
        return
    if not np.allclose(at, circular.grid(len(at), period)):
        raise FechnerError(
            f"a density of {along} must be given on an even grid of [0, {period:g}) that starts at 0, got {len(at)} values "
            f"from {at[0]:g} to {at[-1]:g}"
        )
    integral = float(p.mean()) * period
    if abs(integral - 1) > 0.01:
        raise FechnerError(f"the density of {along} must integrate to 1, got {integral:.4g}; divide it by that")


def curves(dataset: xr.Dataset, along: str) -> None:
    """Raise `FechnerError` unless `fisher_information` is over layers and a parameter alone, and is nowhere negative."""
    alone(dataset, "fisher_information", "layer", along)
    values(dataset)
    coordinate(dataset, along)
    if not dataset.fisher_information.size:
        raise FechnerError("'fisher_information' is empty")
    if "layer" not in dataset.coords:
        raise FechnerError("it has no coordinate 'layer' with the names of the layers")
    if "fisher_information_samples" in dataset:
        if not {"layer", along} <= set(dataset.fisher_information_samples.dims):
            raise FechnerError(f"'fisher_information_samples' must be over layer and {along}")
        if not dataset.fisher_information_samples.size:
            raise FechnerError("'fisher_information_samples' is empty")
    for name, dimensions in MARKS.items():
        if name in dataset:
            alone(dataset, name, *(along if d == ALONG else d for d in dimensions))


def unknown(dataset: xr.Dataset) -> dict[str, str]:
    """The layers whose Fisher information is not known at every value of the parameter, and the reason for each."""
    by_layer = dataset.fisher_information.transpose("layer", ...)
    return {
        str(curve.layer.item()): f"its Fisher information is {_first(curve, bad)}"
        for curve in by_layer
        if (bad := ~np.isfinite(curve.values)).any()
    }


def uncertain(dataset: xr.Dataset) -> npt.NDArray[np.bool_]:
    """Which values of curves (layer, value) are marked for their integration error; none where it was not estimated."""
    order = ("layer", along(dataset))
    marks = dataset["uncertain"] if "uncertain" in dataset else xr.zeros_like(dataset.fisher_information, bool)
    return np.asarray(marks.transpose(*order).values > 0)


def unresolved(dataset: xr.Dataset) -> dict[str, str]:
    """The layers whose curves the grid of the parameter does not resolve, and the reason for each."""
    if "resolved" not in dataset:
        return {}
    layers = dataset.layer.values[dataset["resolved"].values < 1]
    return {str(layer): f"the grid of {along(dataset)} does not resolve its curve" for layer in layers}


def alone(dataset: xr.Dataset, name: str, *dimensions: str) -> None:
    """Raise `FechnerError` if a variable lacks one of these dimensions, or has others."""
    own = dataset[name].dims
    for d in dimensions:
        if d not in own:
            raise FechnerError(f"'{name}' has no dimension '{d}'; where one was chosen, keep it, as in .isel({d}=[0])")
    for d in map(str, own):
        if d not in dimensions:
            raise FechnerError(
                f"'{name}' has the dimension '{d}' too: choose one of {dataset.sizes[d]}, as in .isel({d}=-1), or average, as "
                f"in .mean('{d}', keep_attrs=True)"
            )


def text(dataset: xr.Dataset | xr.DataTree, name: str, default: str = "") -> str:
    """An attribute as text."""
    return str(dataset.attrs.get(name, default))


def measured_on(dataset: xr.Dataset | xr.DataTree) -> str:
    """On what a density was measured, in words; an empty text where that is not known."""
    count = text(dataset, "photographs", "0")
    return text(dataset, "title") or ("" if count == "0" else f"{count} photographs")


def along(dataset: xr.Dataset | xr.DataTree) -> str:
    """The parameter that a result is measured along; an empty text where there is none."""
    return text(dataset, "along")


def draws(dataset: xr.Dataset) -> npt.NDArray[np.float64]:
    """J (layer, value, draw) of the random draws of nuisance values; no draws where there are none.

    Within a draw the values of a grid are averaged: a grid is an integration rule and no sample.
    """
    order = ("layer", along(dataset))
    each = dataset.get("fisher_information_samples")
    if each is None or DRAW not in each.dims:
        return np.zeros((*(dataset.sizes[d] for d in order), 0))
    each = each.mean([d for d in each.dims if d not in (*order, DRAW)])
    return np.asarray(each.transpose(*order, DRAW).values, float)


def noise_model(dataset: xr.Dataset | xr.DataTree) -> str:
    """The noise model of the Fisher information in a result; an empty text where it has none."""
    return text(dataset, "noise_model")


def pixels(dataset: xr.Dataset) -> npt.NDArray[np.bool_]:
    """Which layers of a result are the image itself.

    The coordinate `pixels` marks them. Files written before there was one call this layer "input".
    """
    if "pixels" in dataset.coords and dataset["pixels"].dims == ("layer",):
        return np.asarray(dataset["pixels"].values == 1)
    return np.asarray(dataset["layer"].values == "input")


def fields(attributes: dict[Any, Any], name: str) -> dict[str, Any]:
    """Names and values from an attribute that holds them as JSON; none if it is absent or empty.

    >>> fields({"left_out": '{"fc": "its Fisher information is nan"}'}, "left_out")
    {'fc': 'its Fisher information is nan'}

    Raises `FechnerError` if the attribute holds anything else.
    """
    encoded = attributes.get(name)
    if encoded is None or (isinstance(encoded, str) and not encoded):
        return {}
    try:
        decoded = json.loads(encoded)
    except (TypeError, ValueError, RecursionError):
        decoded = None
    if not isinstance(decoded, dict):
        raise FechnerError(f"its attribute {name} is damaged: it must hold names and values as JSON")
    return decoded


@contextmanager
def complete(dataset: xr.Dataset | xr.DataTree) -> Iterator[None]:
    """Turn any error inside into a `FechnerError` of one line, which says that the result is incomplete or damaged.

    Code that draws a result needs more of it than `check` asks of its kind, and fails in many ways where that is missing.
    """
    try:
        yield
    except FechnerError:
        raise
    except Exception as e:
        command = f": {printable(text(dataset, 'command'))}" if text(dataset, "command") else ""
        kind = text(dataset, "figure") or text(dataset, "kind")
        reason = f"{type(e).__name__}: {printable(first_line(e))}"
        raise FechnerError(
            f"data of kind '{printable(kind)}' are incomplete or damaged ({reason}); make them again{command}"
        ) from e


def _first(array: xr.DataArray, where: np.ndarray) -> str:
    """The first value at which a mask is true, with its coordinates."""
    index = np.unravel_index(int(where.argmax()), where.shape) if where.ndim else ()
    places = []
    for d, i in zip(array.dims, index, strict=True):
        at = array[d].values[i] if d in array.coords else i
        places.append(f"{d} {at:g}" if isinstance(at, int | float | np.number) else f"{d} {printable(str(at))}")
    return f"{array.values[index]:g}" + (f" at {', '.join(places)}" if places else "")

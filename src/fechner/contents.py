"""What results hold: variables, dimensions, attributes and values of each kind, checked before anything is made of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from fechner import circular
from fechner.errors import FechnerError, first_line, printable

# Raised whenever a file of before could be misread.
LAYOUT = 2
# Stands for the parameter that a result names in its attribute `along`.
ALONG = "along"
# What a result of each kind holds at least, and the dimensions of it; there may be more of both.
KINDS: dict[str, dict[str, tuple[str, ...]]] = {
    "sensitivity": {"fisher_information": ("layer", ALONG)},
    "density": dict.fromkeys(("density", "density_low", "density_high"), (ALONG,)),
    "comparison": {
        "relative_sensitivity": ("layer", ALONG),
        "reference_curve": ("reference", ALONG),
        **{f"{n}{end}": ("reference", "layer") for n in ("correlation", "exponent", "ratio") for end in ("", "_low", "_high")},
    },
    "difference": {
        "difference": ("layer", ALONG),
        "difference_by_seed": ("pair", "layer", ALONG),
        "relative_sensitivity": ("state", "layer", ALONG),
        **dict.fromkeys(("shift", "shift_low", "shift_high"), ("layer",)),
    },
    "training": {"validation_accuracy": ("epoch_end",)},
    "components": {"variance": ("component",), "components": ("component", "pixel"), "exponent": ()},
    "linear learning": {"end_to_end": ("step", "output", "component")},
    "label learning": {
        "fisher_information": ("seed", "step", "layer", ALONG),
        "accuracy": ("seed", "step", ALONG),
        "density": ("exposure", ALONG),
    },
    "figure": {},
    "part": {},
}  # fmt: skip
# Between what values of a name lie, in results of any kind; what is not known is NaN.
_POSITIVE = (0.0, np.inf)
_RANGES: dict[str, tuple[float, float]] = {
    **{f"fisher_information{end}": _POSITIVE for end in ("", "_se", "_samples", "_recorded")},
    **dict.fromkeys(
        ("sensitivity", "relative_sensitivity", "relative_sensitivity_se", "threshold", "variance", "power"), _POSITIVE
    ),
    **{f"density{end}": _POSITIVE for end in ("", "_low", "_high", "_samples")},
    **{f"correlation{end}": (-1.0, 1.0) for end in ("", "_low", "_high", "_samples")},
    **dict.fromkeys(("validation_accuracy", "accuracy", "depth"), (0.0, 1.0)),
    **dict.fromkeys(("step", "epoch", "epoch_end"), _POSITIVE),
    **{f"exponent{end}": (-np.inf, np.inf) for end in ("", "_low", "_high")},
}


def check(dataset: Any) -> None:
    """Raise `FechnerError` if a Dataset, or a DataTree, does not hold what results of its kind hold."""
    if isinstance(dataset, xr.DataTree):
        _check_nodes(dataset)
        return
    if not isinstance(dataset, xr.Dataset):
        remedy = "; fechner.read reads a file" if isinstance(dataset, str) or hasattr(dataset, "__fspath__") else ""
        raise FechnerError(f"is no xarray.Dataset but a {type(dataset).__name__}{remedy}")
    _check_provenance(dataset.attrs, {*KINDS} - {"figure"})
    kind = text(dataset, "kind")
    along = text(dataset, "along")
    for name, dimensions in KINDS[kind].items():
        needed = tuple(along if d == ALONG else d for d in dimensions)
        if ALONG in dimensions and not along:
            raise FechnerError("is incomplete: it has no attribute along, which names the parameter")
        if name not in dataset:
            raise FechnerError(f"is incomplete: a result of kind '{kind}' holds '{name}', and this one does not")
        absent = [d for d in needed if not dataset[name].sizes.get(d)]
        if absent:
            chosen = "".join(
                f"; where one was chosen, keep the dimension, as in .isel({d}=[0])"
                for d in absent[:1]
                if d in dataset.coords and d not in dataset.dims
            )
            raise FechnerError(
                f"is incomplete: its '{name}' has no values along {', '.join(map(repr, absent))}{chosen}"
            )
    try:
        values(dataset, along, *KINDS[kind])
        if along and along in dataset.dims and KINDS[kind]:
            coordinate(dataset, along)
            if "units" not in dataset[along].attrs:
                raise FechnerError(f"its coordinate '{along}' has no units")
        if kind == "density":
            density(dataset, along)
            _check_integral(dataset, along)
    except FechnerError as e:
        raise FechnerError(f"is incomplete or damaged: {e}") from None


def _check_nodes(tree: xr.DataTree) -> None:
    """Raise `FechnerError` if the root of a figure has no record, or a node does not hold what it must."""
    _check_provenance(tree.attrs, {*KINDS})
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


def _check_provenance(attributes: dict[Any, Any], kinds: Set[str]) -> None:
    """Raise `FechnerError` for what is no result, or is in the layout of another version; `kinds` have this form today."""
    if "kind" not in attributes and "fechner_version" not in attributes:
        raise FechnerError(
            "is no result of fechner: it has no attribute 'kind'; if it was made from one, copy its attributes, as in "
            "made.assign_attrs(result.attrs)"
        )
    kind, given = str(attributes.get("kind", "")), attributes.get("layout", 0)
    if not isinstance(given, int | np.integer):
        raise FechnerError(f"is damaged: its attribute layout must be a whole number, got {printable(repr(given))}")
    layout = int(given)
    if layout == LAYOUT and kind in kinds:
        return
    writer = f"was written by fechner {printable(str(attributes.get('fechner_version', '?')))}"
    if layout > LAYOUT or kind not in ("", *KINDS):
        raise FechnerError(f"{writer}, which is newer than this one; upgrade fechner to read it")
    command = f": {printable(str(attributes['command']))}" if attributes.get("command") else ""
    raise FechnerError(f"{writer} in an older layout, which this version cannot read; make it again{command}")


def values(dataset: xr.Dataset, along: str = "", *names: str) -> None:
    """Raise `FechnerError` if variables with these names, or of known range, hold what is no such number.

    Also for layers without names, a parameter `along` which is none, and figures' attributes that are no text.
    """
    for name in (*names, *_RANGES):
        if name not in dataset.variables:
            continue
        found = dataset[name]
        if found.dtype.kind not in "fiu":
            raise FechnerError(f"'{name}' must hold real numbers, got {found.dtype}")
        low, high = _RANGES.get(name, (-np.inf, np.inf))
        outside = (found.values < low - 1e-6) | (found.values > high + 1e-6)
        if outside.any():
            allowed = f"at least {low:g}" if high == np.inf else f"from {low:g} to {high:g}"
            raise FechnerError(
                f"'{name}' must be {allowed}, or NaN where it is not known, got {_first(found, outside)}"
            )
    if "layer" in dataset.dims:
        labels = dataset["layer"].values if "layer" in dataset.coords else np.zeros(1)
        if not all(isinstance(label, str) for label in labels.tolist()):
            raise FechnerError("the coordinate 'layer' must hold the names of the layers")
        if "depth" in dataset.coords and "layer" not in dataset.depth.dims:
            raise FechnerError("the coordinate 'depth' must have a value for each layer")


def coordinate(dataset: xr.Dataset, along: str) -> None:
    """Raise `FechnerError` if the values of a parameter are none: they must be finite numbers in one dimension."""
    if along not in dataset.coords or dataset[along].dims != (along,):
        raise FechnerError(f"it has no coordinate '{along}' with the values of the parameter")
    at = dataset[along]
    if at.dtype.kind not in "fiu" or not np.isfinite(at.values).all():
        raise FechnerError(f"the coordinate '{along}' must hold finite numbers")


def density(dataset: xr.Dataset, along: str) -> None:
    """Raise `FechnerError` unless `density` is one over a parameter, and on all of the circle where that is one."""
    if "density" not in dataset or dataset.density.dims != (along,):
        dims = dataset.density.dims if "density" in dataset else ()
        extra = [d for d in dims if d != along]
        remedy = f"; choose one, as in .isel({extra[0]}=0)" if along in dims else ""
        raise FechnerError(f"a density must be over {along} alone, this one is over {', '.join(map(str, dims)) or 'nothing'}{remedy}")  # fmt: skip
    values(dataset, along)
    coordinate(dataset, along)
    given, at = dataset.density, dataset[along].values
    unknown = ~np.isfinite(given.values)
    if unknown.any():
        raise FechnerError(f"a density must be finite, got {_first(given, unknown)}")
    if not given.values.any():
        raise FechnerError(f"the density of {along} is zero everywhere")
    if (np.diff(at) <= 0).any():
        raise FechnerError(f"values of {along} must increase")
    period = circular.period_of(dataset[along])
    if period is not None and not np.allclose(at, circular.grid(len(at), period)):
        raise FechnerError(
            f"a density of {along} must be given on an even grid of [0, {period:g}) that starts at 0, got {len(at)} values "
            f"from {at[0]:g} to {at[-1]:g}"
        )


def _check_integral(dataset: xr.Dataset, along: str) -> None:
    period = circular.period_of(dataset[along])
    if period is not None:
        whole = float(dataset.density.mean()) * period
        if abs(whole - 1) > 0.01:
            raise FechnerError(f"the density of {along} must integrate to 1, got {whole:.4g}; divide it by that")


def curves(dataset: xr.Dataset, along: str) -> None:
    """Raise `FechnerError` unless `fisher_information` is over layers and a parameter alone, and is nowhere negative."""
    alone(dataset, "fisher_information", "layer", along)
    values(dataset, along)
    coordinate(dataset, along)
    if not dataset.fisher_information.size:
        raise FechnerError("'fisher_information' is empty")
    if "layer" not in dataset.coords:
        raise FechnerError("it has no coordinate 'layer' with the names of the layers")
    if "fisher_information_samples" in dataset and not {"layer", along} <= set(dataset.fisher_information_samples.dims):
        raise FechnerError(f"'fisher_information_samples' must be over layer and {along}")
    if "fisher_information_samples" in dataset and not dataset.fisher_information_samples.size:
        raise FechnerError("'fisher_information_samples' is empty")


def unknown(dataset: xr.Dataset, along: str) -> dict[str, str]:
    """The layers whose Fisher information is not known at every value of a parameter, and where not."""
    found: dict[str, str] = {}
    for name in ("fisher_information", "fisher_information_samples"):
        if name in dataset:
            by_layer = dataset[name].transpose("layer", ...)
            for label, one in zip(dataset.layer.values, by_layer, strict=True):
                bad = ~np.isfinite(one.values)
                if bad.any():
                    found.setdefault(str(label), f"its {name.replace('_', ' ').capitalize()} is {_first(one, bad)}")
    return found


def alone(dataset: xr.Dataset, name: str, *dimensions: str) -> None:
    """Raise `FechnerError` if a variable lacks one of these dimensions, or has others."""
    given = dataset[name].dims
    for d in dimensions:
        if d not in given:
            raise FechnerError(f"'{name}' has no dimension '{d}'; where one was chosen, keep it, as in .isel({d}=[0])")
    for d in map(str, given):
        if d not in dimensions:
            raise FechnerError(
                f"'{name}' has the dimension '{d}' too: choose one of {dataset.sizes[d]}, as in .isel({d}=-1), or average, as "
                f"in .mean('{d}', keep_attrs=True)"
            )


def text(dataset: xr.Dataset | xr.DataTree, name: str, default: str = "") -> str:
    """An attribute as text."""
    return str(dataset.attrs.get(name, default))


def along(dataset: xr.Dataset | xr.DataTree) -> str:
    """The parameter that a result is measured along; no text where there is none."""
    return str(dataset.attrs.get("along", ""))


def noise_model(dataset: xr.Dataset | xr.DataTree) -> str:
    """The noise under which a result has its Fisher information; no text where it has none."""
    return str(dataset.attrs.get("noise_model", ""))


def pixels(dataset: xr.Dataset) -> npt.NDArray[np.bool_]:
    """Which layers of a result are the image itself: those that its coordinate `pixels` marks, or else are named "input"."""
    if "pixels" in dataset.coords and dataset["pixels"].dims == ("layer",):
        return dataset["pixels"].values.astype(bool)
    return np.asarray(dataset["layer"].values == "input")


def fields(attributes: dict[Any, Any], name: str) -> dict[str, Any]:
    """An attribute that holds names and values as JSON; none if it is empty. `FechnerError` if it holds anything else."""
    given = attributes.get(name)
    if given is None or (isinstance(given, str) and not given):
        return {}
    try:
        found = json.loads(given)
    except (TypeError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise FechnerError(f"its attribute {name} is damaged: it must hold names and values as JSON")
    return found


@contextmanager
def complete(dataset: xr.Dataset | xr.DataTree) -> Iterator[None]:
    """Whatever a result makes fail that lacks what no kind is bound to hold is an error of one line."""
    try:
        yield
    except FechnerError:
        raise
    except Exception as e:
        again = f": {printable(text(dataset, 'command'))}" if text(dataset, "command") else ""
        what = text(dataset, "figure") or text(dataset, "kind")
        reason = f"{type(e).__name__}: {printable(first_line(e))}"
        raise FechnerError(
            f"data of kind '{printable(what)}' are incomplete or damaged ({reason}); make them again{again}"
        ) from e


def _first(array: xr.DataArray, where: np.ndarray) -> str:
    """The first value that a mask names, and where it stands."""
    index = np.unravel_index(int(where.argmax()), where.shape) if where.ndim else ()
    places = []
    for d, i in zip(array.dims, index, strict=True):
        at = array[d].values[i] if d in array.coords else i
        places.append(f"{d} {at:g}" if isinstance(at, int | float | np.number) else f"{d} {printable(str(at))}")
    return f"{array.values[index]:g}" + (f" at {', '.join(places)}" if places else "")

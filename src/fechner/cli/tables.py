"""Results on screen: what a command prints when it is done."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from rich.table import Table

from fechner import circular, results
from fechner.errors import printable
from fechner.statistics.images import IN_WHEEL, left_out_in_words


def printed(result: Any) -> list[Table | str]:
    """What is printed of a result: tables and lines."""
    if isinstance(result, xr.Dataset):
        kind = str(result.attrs["kind"])
        text = PRINTED[kind](result) if kind in PRINTED else ""
        return [text] if isinstance(text, Table) else list(text.splitlines())
    if isinstance(result, Path):
        return [f"wrote {result}"]
    return list(result) if isinstance(result, list) else [result] * isinstance(result, Table)


def left_out(attributes: Mapping[str, Any], most: int = 5) -> list[str]:
    """Which photographs could not be used and which files were not read, or which layers have no value."""
    skipped, others = (json.loads(attributes.get(name) or "{}") for name in ("skipped", "left_out"))
    lines = [f"skipped {name}: {why}" for name, why in list(skipped.items())[:most]]
    if len(skipped) > most:
        lines.append(f"… and {len(skipped) - most} more, named in the result")
    if "skipped" not in attributes:
        return [f"left out {layer}: {why}" for layer, why in others.items()]
    # A training has said so before it began.
    return lines + [left_out_in_words(others)] * (bool(others) and "validation_images" not in attributes)


def number(value: xr.DataArray, digits: str = ".2f") -> str:
    """A number; – where it is not known."""
    return f"{float(value):{digits}}" if np.isfinite(value) else "–"


def interval(result: xr.Dataset, name: str, digits: str = ".2f", scale: float = 1.0) -> str:
    """A number and, where it is known, its interval; – for a number that is not known."""
    value, low, high = (float(result[n]) * scale for n in (name, f"{name}_low", f"{name}_high"))
    around = f" [{low:{digits}}, {high:{digits}}]" if np.isfinite(low) else ""
    return f"{value:{digits}}{around}" if np.isfinite(value) else "–"


def of_sensitivity(measured: xr.Dataset) -> Table:
    """One row a layer: threshold, where sensitivity peaks, and how much it varies."""
    along, units = results.along(measured), measured.threshold.attrs["units"]
    table = Table("layer", "type", "units", f"threshold ({units})", "peak at", "√J max/min")
    for i in range(measured.sizes["layer"]):
        layer = measured.isel(layer=i)
        root = np.sqrt(layer.fisher_information.values)
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = root.max() / root.min()
        names = [printable(str(layer[name].values)) for name in ("layer", "layer_type", "unit_count")]
        peak, threshold = float(layer[along][root.argmax()]), float(np.median(layer.threshold))
        table.add_row(*names, f"{threshold:.3g}", f"{peak:g}", f"{spread:.2f}")
    table.caption = f"sensitivity along {along}; threshold: median, under independent unit-variance Gaussian noise"
    return table


def of_statistics(result: xr.Dataset) -> str:
    """Where the density comes from and its extremes, or the exponent of a power spectrum."""
    name = result.attrs["images"]
    few = ": a trial, too few for an estimate of natural statistics" if name == IN_WHEEL else ""
    where = result.attrs.get("title", f"{result.attrs['photographs']} photographs from {name}{few}")
    source = f"{result.attrs['feature']} in {where}\n"
    if "exponent" in result:
        return source + f"power falls as 1/frequency^{interval(result, 'exponent')}"
    along = results.along(result)
    period, density = circular.circle_of(result[along]), result.density.values
    ends = (("most", result.isel({along: density.argmax()})), ("least", result.isel({along: density.argmin()})))
    return source + "; ".join(
        f"{word} often at {float(at[along]):g}°: {interval(at, 'density', scale=period)} × uniform" for word, at in ends
    )


def of_comparison(result: xr.Dataset) -> Table:
    """One row a layer: correlation, its null, the exponent and the ratio."""
    prior, *others = (printable(str(r)) for r in result.reference.values)
    ratio = str(result.ratio.attrs.get("long_name", "ratio"))
    columns = [f"r, {prior}", "p of shifts", "r − r of pixels", "q of J ∝ p^q", ratio]
    table = Table("layer", *columns, *(f"r, {other}" for other in others))
    for column in table.columns:
        column.no_wrap = True
    for i, layer in enumerate(map(str, result.layer.values)):
        first, *rest = (result.isel(layer=i, reference=k) for k in range(result.sizes["reference"]))
        flat = bool(first.flat)
        table.add_row(
            printable(layer),
            "flat" if flat else interval(first, "correlation"),
            "–" if flat else number(first.null_p, ".3f"),
            "–" if layer == "input" else number(first.correlation_over_input),
            interval(first, "exponent"),
            number(first.ratio),
            *("–" if flat else number(one.correlation) for one in rest),
        )
    table.caption = (
        f"sensitivity along {result.attrs['along']}: √J against {prior}; q = 2 for infomax, 1/2 for discrimax; "
        "95 % intervals over photographs and random draws; J is the Fisher information under independent "
        "unit-variance Gaussian noise"
    )
    return table


def of_difference(result: xr.Dataset) -> Table:
    """One row a layer: the shift that aligns the two curves, and how well they then agree."""
    table = Table("layer", f"shift ({result['shift'].attrs['units']})", "r when aligned")
    for i, layer in enumerate(result.layer.values):
        one = result.isel(layer=i)
        table.add_row(printable(str(layer)), interval(one, "shift", ".3g"), number(one.aligned))
    table.caption = f"sensitivity along {result.attrs['along']}, manipulated and upright; 95 % intervals"
    return table


def of_components(result: xr.Dataset) -> str:
    """How fast the variance of the components falls."""
    return f"variance of {result.sizes['component']} components falls as 1/rank^{interval(result, 'exponent')}"


def of_linear(result: xr.Dataset) -> str:
    """What learning left of the error."""
    return f"mean squared error {float(result.loss[0]):.4g} at the first snapshot, {float(result.loss[-1]):.4g} at the last"


def of_labels(result: xr.Dataset) -> str:
    """How accurate the networks are in the end."""
    accuracy = result.accuracy.isel(step=-1).mean(results.along(result)).values
    return f"accuracy in the end: {', '.join(f'{a:.1%}' for a in accuracy)}, a number each seed"


# What is printed of each kind of result.
PRINTED: dict[str, Callable[[xr.Dataset], Table | str]] = {
    "sensitivity": of_sensitivity,
    "density": of_statistics,
    "comparison": of_comparison,
    "difference": of_difference,
    "components": of_components,
    "linear learning": of_linear,
    "label learning": of_labels,
}

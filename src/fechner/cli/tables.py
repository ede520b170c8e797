"""Results on screen: what a command prints when it is done."""

from __future__ import annotations

import numpy as np
import xarray as xr
from rich.table import Table

from fechner import circular, results
from fechner.errors import printable


def of_sensitivity(measured: xr.Dataset) -> Table:
    """One row a layer: threshold, where sensitivity peaks, and how much it varies."""
    along, units = results.along(measured), measured.threshold.attrs["units"]
    table = Table("layer", "type", "units", f"threshold ({units})", "peak at", "√J max/min")
    for i in range(measured.sizes["layer"]):
        layer = measured.isel(layer=i)
        root = np.sqrt(layer.fisher_information.values)
        most = layer[along].values[root.argmax()]
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = root.max() / root.min()
        threshold = float(np.median(layer.threshold))
        cells = [
            printable(str(layer.layer.values)),
            printable(str(layer.layer_type.values)),
            f"{int(layer.unit_count)}",
        ]
        table.add_row(*cells, f"{threshold:.3g}", f"{most:g}", f"{spread:.2f}")
    table.caption = f"sensitivity along {along}; threshold: median, under independent unit-variance Gaussian noise"
    return table


def of_statistics(found: xr.Dataset) -> str:
    """The density in one line: its extremes, or the exponent of a power spectrum."""
    if "exponent" in found:
        low, high = float(found.exponent_low), float(found.exponent_high)
        interval = f" [{low:.2f}, {high:.2f}]" if np.isfinite(low) else ""
        return f"power falls as 1/frequency^{float(found.exponent):.2f}{interval}"
    along = results.along(found)
    period = circular.circle_of(found[along])
    parts = []
    for word, at in (("most", int(found.density.values.argmax())), ("least", int(found.density.values.argmin()))):
        y, low, high = (float(found[n][at]) * period for n in ("density", "density_low", "density_high"))
        interval = f" [{low:.2f}, {high:.2f}]" if np.isfinite(low) else ""
        parts.append(f"{word} often at {float(found[along][at]):g}°: {y:.2f}{interval} × uniform")
    return "; ".join(parts)


def of_comparison(found: xr.Dataset) -> Table:
    """One row a layer: correlation, its null, the exponent and the ratio."""
    prior, *others = (printable(str(r)) for r in found.reference.values)
    columns = [
        f"r, {prior}",
        "p of shifts",
        "r − r of pixels",
        "q of J ∝ p^q",
        str(found.ratio.attrs.get("long_name", "ratio")),
    ]
    table = Table("layer", *columns, *(f"r, {other}" for other in others))
    for column in table.columns:
        column.no_wrap = True
    one = found.isel(reference=0)
    for i in range(found.sizes["layer"]):

        def cell(name: str, interval: bool = True, of: xr.Dataset = one, i: int = i) -> str:
            value, low, high = (float(of[n][i]) for n in (name, f"{name}_low", f"{name}_high"))
            return "–" if not np.isfinite(value) else f"{value:.2f}" + (f" [{low:.2f}, {high:.2f}]" if interval else "")

        flat = bool(found.flat[i])
        p = float(one.null_p[i])
        rest = ["–" if flat else cell("correlation", False, found.isel(reference=1 + k)) for k in range(len(others))]
        table.add_row(
            printable(str(found.layer.values[i])),
            "flat" if flat else cell("correlation"),
            "–" if flat or not np.isfinite(p) else f"{p:.3f}",
            "–" if str(found.layer.values[i]) == "input" else cell("correlation_over_input", False),
            cell("exponent"),
            cell("ratio", False),
            *rest,
        )
    table.caption = (
        f"sensitivity along {found.attrs['along']}: √J against {prior}; q = 2 for infomax, 1/2 for discrimax; "
        "95 % intervals over nuisance values and photographs; J is the Fisher information under independent "
        "unit-variance Gaussian noise"
    )
    return table

"""One look for all figures: column width, readable type, colours that colour-blind readers can tell apart."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fechner.errors import printable
from fechner.outputs import whole

# Okabe & Ito's colours, by state of the weights.
STATES = {"pretrained": "#0072B2", "init": "#E69F00", "shuffled": "#CC79A7"}
LABELS = {
    "pretrained": "pretrained",
    "init": "at initialisation",
    "shuffled": "weights shuffled",
    "shuffled-with-buffers": "weights and statistics shuffled",
}
DEPTH = "viridis"
PRIOR = "#009E73"
HUMAN = "#D55E00"

_RC: Any = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "svg.fonttype": "none",
    "svg.hashsalt": "fechner",
}


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib settings for everything drawn inside."""
    with mpl.rc_context(_RC):
        yield


def literal(text: str) -> str:
    r"""Text from a file or a name as matplotlib draws it as it is: no formula, nothing that moves on to another line.

    >>> print(literal("$a_b$"))
    \$a_b\$
    """
    return printable(text).replace("$", r"\$")


def literally(dataset: Any) -> Any:
    """The same Dataset or DataTree with all its text so: names of networks and layers, units, attributes."""
    if isinstance(dataset, xr.DataTree):
        return xr.DataTree.from_dict({path: literally(node) for path, node in dataset.to_dict().items()})
    copy = dataset.copy()
    copy.attrs = _literal_attributes(dataset.attrs)
    for name, variable in dataset.variables.items():
        if variable.dtype.kind in "OUT":
            # A figure finds what it draws by these names, so that all of them change.
            texts = [literal(v) if isinstance(v, str) else v for v in variable.values.ravel().tolist()]
            values = np.array(texts, dtype=object).reshape(variable.shape)
            copy = copy.assign({name: (variable.dims, values, variable.attrs)})
    for name in copy.variables:
        copy[name].attrs = _literal_attributes(copy[name].attrs)
    return copy


def _literal_attributes(attributes: Mapping[Any, Any]) -> dict[Any, Any]:
    return {k: (_literal_json(v) or literal(v)) if isinstance(v, str) else v for k, v in attributes.items()}


def _literal_json(text: str) -> str:
    """The same of text that holds JSON, which knows no backslash before a dollar; nothing of any other."""
    if text[:1] not in ("{", "["):
        return ""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return ""
    return text.replace("$", r"\\$")


def new_figure(width: float, height: float) -> Figure:
    """A figure that needs no display and is not registered with pyplot; size in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def letter(axes: Axes, name: str) -> None:
    """The panel's letter."""
    axes.annotate(name, (0, 1), (-28, 8), "axes fraction", textcoords="offset points", fontweight="bold", fontsize=10)


def write(figure: Figure, path: Path, formats: tuple[str, ...] = ("svg", "png")) -> list[Path]:
    """Write a figure next to `path` in several formats, each whole or not at all."""
    paths = [path.with_suffix(f".{f}") for f in formats]
    with style():
        for p in paths:
            with whole(p) as part:
                metadata = {"Date": None} if p.suffix == ".svg" else None
                figure.savefig(part, format=p.suffix[1:], dpi=200, metadata=metadata)
    return paths

"""A chart that a reader can explore: curves one of which is shown at a time, and how the page is told of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]
RELATIVE = "√J / mean √J"


@dataclass(frozen=True)
class Curve:
    """One curve (value,), or one a step (step, value), with its interval; `key` says what is chosen in each control."""

    key: tuple[str, ...]
    y: Array
    low: Array | None = None
    high: Array | None = None
    steps: Array | None = None


@dataclass(frozen=True)
class Chart:
    """Curves over the same parameter, one of which is shown at a time, over references that stay."""

    title: str
    along: str
    units: str
    x: Array
    period: float | None
    controls: tuple[str, ...]
    curves: tuple[Curve, ...]
    references: tuple[tuple[str, Array, Array], ...] = ()
    y_label: str = RELATIVE
    interval: str = ""
    step_name: str = "step"
    notes: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """As JSON holds it: numbers of four digits."""
        return {
            "title": self.title,
            "x": _digits(self.x),
            "xLabel": f"{self.along.replace('_', ' ')}" + (f" ({self.units})" if self.units not in ("", "1") else ""),
            "yLabel": self.y_label,
            "period": self.period,
            "logarithmic": self.along in ("component", "spatial_frequency"),
            "controls": self.controls,
            "stepName": self.step_name,
            "curves": [
                {"key": c.key, "y": _digits(c.y)}
                | ({"low": _digits(c.low), "high": _digits(c.high)} if c.low is not None and c.high is not None else {})
                | ({"steps": _digits(c.steps)} if c.steps is not None else {})
                for c in self.curves
            ],
            "references": [{"name": name, "x": _digits(x), "y": _digits(y)} for name, x, y in self.references],
        }


def _digits(values: Array) -> list[Any]:
    """Nested lists of numbers of four digits; what is not finite becomes null."""
    rounded = np.vectorize(lambda v: float(f"{v:.4g}") if np.isfinite(v) else None, otypes=[object])(values)
    return rounded.tolist()


def as_json(found: Sequence[Chart]) -> str:
    """All charts of a page, safe inside a script element: nothing in it begins a tag or a comment."""
    return json.dumps([c.record() for c in found], ensure_ascii=True).replace("<", "\\u003c")

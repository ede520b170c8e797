"""What the page shows of one result, and what makes it by kind of result."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import xarray as xr
from matplotlib.figure import Figure

from fechner.page.chart import Chart
from fechner.plot.style import style


class Claim(Protocol):
    """A statement and what was measured of it."""

    @property
    def statement(self) -> str: ...
    @property
    def criterion(self) -> str: ...
    @property
    def measured(self) -> float: ...
    @property
    def interval(self) -> tuple[float, float]: ...
    @property
    def verdict(self) -> str: ...


class Measurement(Protocol):
    """A number that is worth knowing, with its interval and what that is over; NaN where there is none."""

    @property
    def statement(self) -> str: ...
    @property
    def sampled(self) -> str: ...
    @property
    def measured(self) -> float: ...
    @property
    def interval(self) -> tuple[float, float]: ...


@dataclass(frozen=True)
class Picture:
    """A drawn figure; `source` is a PNG in base64."""

    source: str
    text: str


@dataclass(frozen=True)
class Section:
    """One result on the page: `claims` come with why they may not hold, `files` are what it links to.

    The page itself adds the record of how the result was made and the links.
    """

    title: str
    caption: str
    pictures: tuple[Picture, ...]
    charts: tuple[Chart, ...]
    files: tuple[Path, ...]
    claims: tuple[tuple[Claim, str], ...] = ()
    measurements: tuple[Measurement, ...] = ()
    record: dict[str, str] = field(default_factory=dict)
    links: tuple[tuple[str, str], ...] = ()

    @property
    def seconds(self) -> float:
        """How long it took, where that is known."""
        try:
            taken = float(self.record.get("seconds", 0))
        except ValueError:
            return 0
        return taken if 0 <= taken < math.inf else 0


# What makes the section of a kind of result, from its file, the Dataset or DataTree, and the densities among the results.
SECTIONS: dict[str, Callable[[Path, Any, Sequence[xr.Dataset]], Section]] = {}


def as_png(figure: Figure) -> str:
    """A figure as a PNG in base64."""
    written = io.BytesIO()
    with style():
        figure.savefig(written, format="png", dpi=200)
    return base64.b64encode(written.getvalue()).decode()

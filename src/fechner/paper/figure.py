"""What a figure of the paper consists of: each states its own in the first file of its folder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch

import xarray as xr
from matplotlib.figure import Figure

from fechner.page.chart import Chart
from fechner.paper.claim import Claim, Findings, Measurement
from fechner.paper.run import Run


@dataclass(frozen=True)
class PaperFigure:
    """How a figure of the paper is made: measured in one of several profiles, drawn and judged, and explored on the page.

    `caption` says what is drawn, then what it shows. `draw` gives figures by file name, the first of which is named like
    the figure; `claims` are the paper's sentences, and `measurements` what else is worth knowing; `charts` gives what the page lets a reader explore. `share` is the time that it takes, relative to the
    others; `why_not` says, by pattern of claim ids, why they may not hold; `densities` are the features whose density in the
    photographs it needs.
    """

    title: str
    caption: str
    share: float
    profiles: Collection[str]
    compute: Callable[[Run], xr.DataTree]
    draw: Callable[[xr.DataTree], dict[str, Figure]]
    claims: Callable[[xr.DataTree], list[Claim]]
    measurements: Callable[[xr.DataTree], list[Measurement]] = lambda tree: []
    charts: Callable[[xr.DataTree], Sequence[Chart]] = lambda tree: ()
    why_not: Mapping[str, str] = field(default_factory=dict)
    densities: tuple[str, ...] = ()

    def findings(self, tree: xr.DataTree) -> Findings:
        """The claims and measurements of the figure's data."""
        return Findings(self.claims(tree), self.measurements(tree))

    def reason(self, claim: Claim) -> str:
        """Why this claim may not hold, where something is known."""
        return next((text for pattern, text in self.why_not.items() if fnmatch(claim.id, pattern)), "")

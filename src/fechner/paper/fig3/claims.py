"""Whether sensitivity to hue follows the frequency of hues."""

from __future__ import annotations

import xarray as xr

from fechner.paper import following
from fechner.paper.claim import Claim
from fechner.paper.curves import networks


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Whether late layers follow the frequency of hues, and better than what they are compared with."""
    return [c for n in networks(dataset) for c in following.claims(dataset, n, "fig3", "hue-hsv", "hue")]

"""Whether sensitivity to hue follows the frequency of hues."""

from __future__ import annotations

import xarray as xr

from fechner.paper import following
from fechner.paper.claim import Claim
from fechner.paper.curves import networks


def claims(tree: xr.DataTree) -> list[Claim]:
    """Whether late layers follow the frequency of hues, and better than what they are compared with."""
    curves, prior = tree["curves"].to_dataset(), tree["density"].to_dataset()
    return [c for n in networks(curves) for c in following.claims(curves, prior, n, "fig3", "hue-hsv")]

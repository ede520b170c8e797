"""Whether sensitivity to hue follows the frequency of hues."""

from __future__ import annotations

import xarray as xr

from fechner.paper import following
from fechner.paper.claim import Claim, Measurement


def claims(tree: xr.DataTree) -> list[Claim]:
    """Whether late layers follow the frequency of hues, and better than early layers and than before training."""
    return following.claims(tree["curves"].to_dataset(), tree["density"].to_dataset(), "fig3")


def measurements(tree: xr.DataTree) -> list[Measurement]:
    """How far each network follows the frequency of hues."""
    return following.measurements(tree["curves"].to_dataset(), tree["density"].to_dataset(), "fig3")

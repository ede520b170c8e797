"""Curves made of Fisher information: relative to their mean, and averaged so that all nuisance values count alike."""

from __future__ import annotations

import numpy as np
import xarray as xr


def relative_to_mean(root: np.ndarray) -> np.ndarray:
    """A curve divided by its mean over the last axis; values that are not finite are NaN and do not count."""
    finite = np.where(np.isfinite(root), root, np.nan)
    known = np.isfinite(root).sum(-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return finite / (np.nansum(finite, -1, keepdims=True) / known)


def evenly(information: xr.DataArray, *kept: str) -> xr.DataArray:
    """Fisher information over these dimensions, the last of which is the parameter; all nuisance values count alike.

    Otherwise the spatial frequencies of high sensitivity would hide the others.
    """
    others = [d for d in information.dims if d not in kept]
    return (information / information.mean(kept[-1])).mean(others).transpose(*kept)

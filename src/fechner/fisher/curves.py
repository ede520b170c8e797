"""Curves made of Fisher information, for `sensitivity` itself and for all that draws or compares its results.

No parameter value may weigh more because its stimuli drive the network more strongly: that is the invariant of `evenly`.
"""

from __future__ import annotations

import numpy as np
import xarray as xr


def relative_to_mean(curve: np.ndarray) -> np.ndarray:
    """A curve divided by its mean over the last axis.

    >>> relative_to_mean(np.array([1.0, 3.0, np.inf]))
    array([0.5, 1.5, nan])

    The shape stays as it is. Values that are not finite become NaN, and the mean is that of the others.
    """
    finite = np.where(np.isfinite(curve), curve, np.nan)
    count = np.isfinite(curve).sum(-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return finite / (np.nansum(finite, -1, keepdims=True) / count)


def evenly(information: xr.DataArray, *dims: str) -> xr.DataArray:
    """Fisher information over these dimensions, averaged over all others, whose values all count alike.

    >>> information = xr.DataArray([[1.0, 3.0], [30.0, 10.0]], dims=("spatial_frequency", "orientation"))
    >>> evenly(information, "orientation").values
    array([1., 1.])

    The last of the dimensions is the parameter: each curve along it is divided by its mean before curves are averaged.
    Otherwise the spatial frequencies of high sensitivity would hide the others.
    """
    nuisances = [d for d in information.dims if d not in dims]
    return (information / information.mean(dims[-1])).mean(nuisances).transpose(*dims)

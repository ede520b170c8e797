"""What curves are compared with: a measured density and the formulas of `fechner.human`, on the grid of the curves.

`fechner.compare` calls this for every reference. A circular density on a whole grid is averaged over the cells around the
values of the curves, so that no part of the circle is lost; otherwise it is interpolated.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import xarray as xr

from fechner import circular, contents, human
from fechner.errors import FechnerError

Array = npt.NDArray[np.float64]


def references(prior: xr.Dataset, coordinate: xr.DataArray) -> Mapping[str, xr.Dataset]:
    """The density, followed by the formulas for the same parameter, by the names that a comparison gives them.

    A formula of another convention than the coordinate of the curves is left out.
    """
    name = contents.measured_on(prior) or "density"
    convention = coordinate.attrs.get("convention")
    formulas = {
        label: formula
        for label, formula in human.priors(str(coordinate.name)).items()
        if convention is None or formula[coordinate.name].attrs.get("convention", convention) == convention
    }
    return {name: prior, **formulas}


def on_grid(reference: xr.Dataset, coordinate: xr.DataArray) -> tuple[Array, Array | None]:
    """A reference at the values of a coordinate, and with each group of photographs left out (group, value).

    The second is None for what was not measured on photographs. Raises `FechnerError` if the reference does not reach over
    all values.
    """
    along, grid = str(coordinate.name), coordinate.values
    period = circular.period_of(coordinate)
    at = reference[along].values

    def regridded(density: Array) -> Array:
        if period is not None:
            if is_whole(grid, period):
                return circular.rebin(density, grid, period)
            x, closed = circular.around(at, density, period)
            return np.apply_along_axis(lambda d: np.interp(grid % period, x, d), -1, closed)
        with np.errstate(divide="ignore"):
            return np.exp(np.apply_along_axis(lambda d: np.interp(np.log(grid), np.log(at), d), -1, np.log(density)))

    if period is None:
        # Bins reach half-way to the next, in logarithms.
        lowest, highest = at[0] * np.sqrt(at[0] / at[1]), at[-1] * np.sqrt(at[-1] / at[-2])
        if grid.min() < lowest or grid.max() > highest:
            raise FechnerError(
                f"{along} of the curves runs from {grid.min():g} to {grid.max():g} {coordinate.attrs.get('units', '')}, that "
                f"of the reference only from {lowest:.3g} to {highest:.3g}: measure both over the same range"
            )
    density = regridded(reference.density.values)
    if "density_jackknife" not in reference:
        return density, None
    return density, regridded(reference.density_jackknife.transpose("group", along).values)


def is_whole(grid: Array, period: float | None) -> bool:
    """Whether a grid is even and covers the circle.

    >>> is_whole(np.array([0.0, 60.0, 120.0]), 180.0), is_whole(np.array([0.0, 60.0]), 180.0)
    (True, False)
    """
    return period is not None and len(grid) > 1 and bool(np.allclose(np.diff(grid), period / len(grid)))

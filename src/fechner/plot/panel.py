"""What panels of different figures share: a mean with its interval, thin lines to compare with, words and letters.

A panel sets its labels and limits by `axes.set(…)`; what it needs beyond that and is not of one figure alone is here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from matplotlib.axes import Axes

from fechner.interval import t_half_width
from fechner.plot.style import letter


def band(
    axes: Axes, x: npt.ArrayLike, values: npt.ArrayLike, colour: str, label: str = "", sideways: bool = False
) -> None:
    """Mean of repetitions such as seeds, `values` (repetition, x), with its 95 % t-interval; `sideways`, x is drawn upwards.

    >>> from fechner.plot.style import new_figure
    >>> axes = new_figure(2, 2).subplots()
    >>> band(axes, [0, 1], [[1.0, 2.0], [3.0, 4.0]], "C0", "learned")
    >>> axes.lines[0].get_ydata()
    array([2., 3.])
    """
    values = np.asarray(values, float)
    mean, half = values.mean(0), t_half_width(values)
    fill: Any = axes.fill_betweenx if sideways else axes.fill_between
    fill(x, mean - half, mean + half, color=colour, alpha=0.25, lw=0)
    axes.plot(*((mean, x) if sideways else (x, mean)), color=colour, label=label)


def reference(axes: Axes, *, x: npt.ArrayLike = (), y: npt.ArrayLike = (), **look: Any) -> None:
    """Thin grey lines behind the data at values of x, or of y, over all of the panel; `look` as matplotlib's lines have it.

    >>> from fechner.plot.style import new_figure
    >>> axes = new_figure(2, 2).subplots()
    >>> reference(axes, x=[0, 90], y=1, ls=":")
    >>> len(axes.lines)
    3
    """
    drawn_as: Any = {"color": "0.7", "lw": 0.6, "zorder": 0} | look
    for value in np.atleast_1d(x):
        axes.axvline(value, **drawn_as)
    for value in np.atleast_1d(y):
        axes.axhline(value, **drawn_as)


def axis_label(coordinate: xr.DataArray) -> str:
    """Name and units of a coordinate, as an axis has them.

    >>> axis_label(xr.DataArray([1.0], name="spatial_frequency", attrs={"units": "cycle/degree"}))
    'spatial frequency (cycle/degree)'
    """
    return f"{str(coordinate.name).replace('_', ' ')} ({coordinate.attrs['units']})"


def title_of(dataset: xr.Dataset) -> str:
    """Network and state of its weights, as far as a result records them."""
    return ", ".join(str(dataset.attrs[name]) for name in ("network", "weights") if dataset.attrs.get(name))


def letters(panels: Iterable[Axes], names: str = "abcdefghi") -> None:
    """Letters of panels in their order; further letters are left over."""
    for axes, name in zip(panels, names, strict=False):
        letter(axes, name)

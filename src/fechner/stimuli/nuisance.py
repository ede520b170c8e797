"""How a nuisance parameter is averaged over: by an integration rule, over random draws, or over values that are listed.

A rule is a mean over evenly spaced values. Its error is known from the same rule half a step off, which `half_a_step_off`
gives. Draws are a sample. A list is neither: it is what the user wants to average over. `Design` reads all three.
Tests: tests/stimuli/test_design.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from fechner.arguments import Count, check_fields
from fechner.errors import FechnerError
from fechner.stimuli.parameter import Parameter

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Draws:
    """A number of random values of a nuisance parameter, uniform over its circle or range, instead of an even grid.

    >>> from fechner.stimuli import Design, Gabor
    >>> Design(Gabor(), "orientation", 4, {"phase": Draws(3)}, seed=1).shape
    (3,)

    A grid is an integration rule. Draws are a sample, and results state a standard error over them. If several parameters are
    drawn, they are drawn together and need the same count.

    Raises `FechnerError` for a count below 1.
    """

    count: Count

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Midpoints:
    """The centres of `count` equal cells of a part of a parameter's range: the midpoint rule of integration.

    >>> Midpoints(0.5, 0.9, 4).centres
    array([0.55, 0.65, 0.75, 0.85])

    A number of values alone stands for the same rule over the whole range, or for an even grid of the whole circle.
    `low` and `high` are in units of the parameter. Raises `FechnerError` unless they are finite and `low` is less.
    """

    low: float
    high: float
    count: Count

    def __post_init__(self) -> None:
        check_fields(self)
        if self.low >= self.high:
            raise FechnerError(f"low of Midpoints must be less than high, got {self.low:g} and {self.high:g}")

    @property
    def edges(self) -> Array:
        """The edges of the cells (count + 1,)."""
        return np.linspace(self.low, self.high, self.count + 1)

    @property
    def centres(self) -> Array:
        """The centres of the cells (count,)."""
        return (self.edges[1:] + self.edges[:-1]) / 2


Nuisance = Annotated[int | Sequence[float] | np.ndarray | Midpoints | Draws, Parameter]
# Values of a rule, and their weights, whose sum is 1.
Weighted = tuple[Array, Array]


def values_and_rule(name: str, spec: Any, parameter: Parameter) -> tuple[Array, Weighted | None]:
    """The values that are averaged over, and the rule half a step off; None for values that are listed.

    >>> values, (shifted, weights) = values_and_rule("contrast", 2, Parameter(low=0.0, high=1.0))
    >>> values, shifted, weights
    (array([0.25, 0.75]), array([0. , 0.5, 1. ]), array([0.25, 0.5 , 0.25]))

    Half a step off an even grid of a circle is again an even grid; half a step off the centres of cells are their edges, of
    which the ends count half. A list of values that cover a circle evenly is such a grid. Raises `FechnerError` for values
    out of range, and for a number of values where the parameter has no range.
    """
    number = isinstance(spec, int | np.integer) and not isinstance(spec, bool)
    if number and spec >= 1 and parameter.period is None and math.isfinite(parameter.low + parameter.high):
        spec = Midpoints(parameter.low, parameter.high, int(spec))
    if isinstance(spec, Midpoints):
        weights = np.full(spec.count + 1, 1 / spec.count)
        weights[[0, -1]] /= 2
        return parameter.values(name, spec.centres), (spec.edges, weights)
    values = parameter.values(name, spec)
    count = len(values)
    step = (parameter.period or math.nan) / count
    if number or (count > 1 and np.allclose(np.diff(np.sort(values)), step)):
        return values, (values + step / 2, np.full(count, 1 / count))
    return values, None

"""What is known of a stimulus parameter, stated once: its units, range, period and convention; and the usual parameters.

The fields of stimuli are annotated with these, and the coordinates of results carry their `attributes`, so that nothing that
reads a result looks up a period or a unit by name. Tests: tests/stimuli/test_design.py and test_units.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor

from fechner import circular
from fechner.arguments import numeric, shown
from fechner.errors import FechnerError
from fechner.limits import check_memory

# A limit that is rounded to 32 bits still lies within it: this share of the limit is allowed beyond it.
SLACK = 1e-6


@dataclass(frozen=True)
class Parameter:
    """What is known of a continuous stimulus parameter: its units, its range, its period on a circle.

    >>> Parameter("degree", period=180.0).values("orientation", 4).tolist()
    [0.0, 45.0, 90.0, 135.0]

    `kinked` says that derivatives are one-sided at sixths of the period, as in HSV hue; grids then avoid them.
    `convention` says what the numbers mean where units do not: two results are compared only if theirs agree.
    """

    units: str = "1"
    low: float = -math.inf
    high: float = math.inf
    period: float | None = None
    positive: bool = False
    kinked: bool = False
    convention: str = ""

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of a coordinate of results: units, period and convention, as far as the parameter has them."""
        stated = {"units": self.units, "period": self.period, "convention": self.convention or None}
        return {name: value for name, value in stated.items() if value is not None}

    def numbers(self, name: str, value: Any) -> np.ndarray:
        """A number or several as an array; `FechnerError` for anything else."""
        numbers = _as_numbers(value)
        if numbers is None:
            raise FechnerError(f"{name} must be a number ({self.units}), got {shown(value)}")
        return numbers

    def check(self, name: str, values: np.ndarray) -> None:
        """Raise `FechnerError` unless all values are finite and within range."""
        low, high = float(np.min(values, initial=math.inf)), float(np.max(values, initial=-math.inf))
        if not np.isfinite(values).all():
            raise FechnerError(f"{name} must be finite, got {values[~np.isfinite(values)][0]}")
        if self.positive and low <= 0:
            raise FechnerError(f"{name} must be greater than 0 {self.units}, got {low:g}")
        lowest, highest = (limit + sign * SLACK * abs(limit) for limit, sign in ((self.low, -1), (self.high, 1)))
        if low < lowest or high > highest:
            bad = low if low < lowest else high
            raise FechnerError(f"{name} must lie in [{self.low:g}, {self.high:g}] {self.units}, got {bad:g}")

    def values(self, name: str, spec: Any) -> np.ndarray:
        """The values that an integer (an even grid, half-open on a circle) or a list of different numbers stands for.

        Raises `FechnerError` for values out of range, and for a grid where the parameter has no range.
        """
        if isinstance(spec, bool) or not isinstance(spec, int | np.integer):
            values = _as_numbers(spec)
            if values is None or values.ndim > 1 or not values.size:
                raise FechnerError(
                    f"values of {name} must be a number of values or a list of numbers, got {shown(spec)}"
                )
            values = np.atleast_1d(values)
            self.check(name, values)
            self.check_different(name, values)
        elif spec < 1:
            raise FechnerError(f"the number of values of {name} must be at least 1, got {spec}")
        else:
            check_memory(8.0 * float(spec), f"{spec} values of {name}", "take fewer")
            values = self._grid(name, int(spec))
            self.check(name, values)
        return values

    def draw(self, name: str, count: int, generator: np.random.Generator) -> np.ndarray:
        """Random values (count,), uniform over the circle or the range; `FechnerError` where there is neither."""
        low, high = (0.0, self.period) if self.period is not None else (self.low, self.high)
        if not (math.isfinite(low) and math.isfinite(high)):
            raise FechnerError(f"{name} has no natural range to draw {count} values from: list the values themselves")
        return generator.uniform(low, high, count)

    def check_different(self, name: str, values: np.ndarray) -> None:
        """Raise `FechnerError` if two of the values are the same, or the same place on a circle."""
        places = values.astype(float) % self.period if self.period else values
        order = np.argsort(places, kind="stable")
        ahead = np.diff(places[order], append=places[order[:1]] + (self.period or math.inf))
        near = np.flatnonzero(ahead <= SLACK**2 * (self.period or np.abs(places).max()))
        if len(near) and len(values) > 1:
            first, second = sorted(float(values[order[(near[0] + i) % len(order)]]) for i in (0, 1))
            same = (
                "is given twice"
                if first == second
                else f"and {second:.10g} are the same on a circle of {self.period:g}"
            )
            raise FechnerError(
                f"values of {name} must differ, and {first:.10g} {same}: leave one out, or give a number of values"
            )

    def _grid(self, name: str, count: int) -> np.ndarray:
        """An even grid."""
        if self.period is not None:
            values = circular.grid(count, self.period)
            # Kinks are avoided by half a step. With an odd number of values that would hit 180°, and a quarter step does not.
            return values + self.period / count * (0.25 if count % 2 else 0.5) if self.kinked else values
        if math.isfinite(self.low) and math.isfinite(self.high):
            return np.linspace(self.low, self.high, count)
        raise FechnerError(f"{name} has no natural range to spread {count} values over: list the values themselves")


# A continuous field of a stimulus holds a number, and a tensor while images are made.
Number = float | Tensor
Orientation = Annotated[Number, Parameter("degree", period=180.0, convention=circular.BARS)]
Phase = Annotated[Number, Parameter("degree", period=360.0)]
Hue = Annotated[Number, Parameter("degree", period=360.0, convention=circular.CIELCH)]
KinkedHue = Annotated[Number, Parameter("degree", period=360.0, kinked=True, convention=circular.HSV)]
Lightness = Annotated[Number, Parameter("1", low=0.0, high=100.0)]
Chroma = Annotated[Number, Parameter("1", low=0.0, high=100.0)]
Wavelength = Annotated[Number, Parameter("nm", low=450.0, high=650.0)]
Frequency = Annotated[Number, Parameter("cycle/degree", positive=True)]
Length = Annotated[Number, Parameter("degree", positive=True)]
Contrast = Annotated[Number, Parameter("1", low=0.0, high=1.0)]
Positive = Annotated[Number, Parameter("1", positive=True)]


def _as_numbers(value: Any) -> np.ndarray | None:
    """Numbers or tensors as an array, also inside transforms of torch.func; None for anything else."""
    if isinstance(value, Tensor):
        # Inside torch.vmap a tensor stands for one of a batch; all of them are checked.
        while torch._C._functorch.is_functorch_wrapped_tensor(value):
            value = torch._C._functorch.get_unwrapped(value)
        value = value.detach().tolist()
    numbers = numeric(value)
    return None if numbers is None else numbers.astype(float)

"""How the derivative of a layer's response along a stimulus parameter is taken: exactly, or by finite differences.

A method turns parameter values into the values to render, and a layer's output on those images into the response and its
derivative; `sweep` and the probe call both in turn. `Exact` is the default, because in ReLU networks finite differences
are biased at any step that float32 can resolve. Tests: tests/fisher/test_measure.py, against float64 Jacobians.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.autograd import forward_ad

from fechner.errors import FechnerError
from fechner.fisher.rules import forward_mode
from fechner.stimuli import Design

Array = npt.NDArray[np.float64]
# The values of every parameter of a stimulus in a batch (B,), by name.
ParameterValues = dict[str, Tensor]


class Method(ABC):
    """Base of the three methods.

    `overlap` is how many more values than derivatives a batch has. `reach` is how far to either side of a value stimuli
    are rendered, in units of the parameter.
    """

    name: str
    overlap: int = 0
    reach: float = 0.0
    # The widths over which the differences of the present batch are taken.
    _widths: Tensor

    @contextmanager
    def context(self) -> Iterator[None]:
        """The context in which stimuli are rendered and the network runs."""
        with torch.no_grad():
            yield

    def edges(self, design: Design) -> Array:
        """The parameter values that stimuli are rendered at, or around."""
        return design.values

    def between(self, edges: Array) -> Array:
        """The parameter values that derivatives belong to."""
        return edges

    @abstractmethod
    def prepare(self, values: ParameterValues, along: str) -> ParameterValues:
        """The parameter values to render, for a batch of values (B,)."""

    @abstractmethod
    def derivative(self, output: Tensor) -> tuple[Tensor, Tensor | None]:
        """Response and derivative per unit of the parameter, from the output on the rendered images."""

    def _slope(self, above: Tensor, below: Tensor) -> Tensor:
        return (above - below) / self._widths.view(-1, *[1] * (above.dim() - 1))


class Exact(Method):
    """Forward-mode automatic differentiation gives the derivative itself, in one pass."""

    name = "exact"

    @contextmanager
    def context(self) -> Iterator[None]:
        with forward_mode():
            yield

    def prepare(self, values: ParameterValues, along: str) -> ParameterValues:
        return values | {along: forward_ad.make_dual(values[along], torch.ones_like(values[along]))}

    def derivative(self, output: Tensor) -> tuple[Tensor, Tensor | None]:
        response, tangent = forward_ad.unpack_dual(output)
        return response, tangent


class Central(Method):
    """(r(θ + step) − r(θ − step)) / 2 step, which takes two images per value."""

    name = "central"

    def __init__(self, step: float) -> None:
        self.step = self.reach = step

    def prepare(self, values: ParameterValues, along: str) -> ParameterValues:
        above, below = values[along] + self.step, values[along] - self.step
        # Not 2 step, but what rounding makes of it.
        self._widths = above - below
        doubled = {name: torch.cat([v, v]) for name, v in values.items()}
        return doubled | {along: torch.cat([above, below])}

    def derivative(self, output: Tensor) -> tuple[Tensor, Tensor | None]:
        above, below = output.chunk(2)
        return (above + below) / 2, self._slope(above, below)


class Forward(Method):
    """(r(θ₂) − r(θ₁)) / (θ₂ − θ₁) between neighbours on the grid, which takes one image per value and is coarse."""

    name = "forward"
    overlap = 1

    def edges(self, design: Design) -> Array:
        grid, period = design.values, design.parameter.period
        if (np.diff(grid) <= 0).any() or len(grid) < 2:
            raise FechnerError(f"forward differences need at least two increasing values of {design.along}")
        # A grid that covers a part of the circle has no difference across the rest of it.
        closing = np.inf if period is None else grid[0] + period - grid[-1]
        return np.append(grid, grid[0] + period) if closing <= 1.001 * np.diff(grid).max() else grid

    def between(self, edges: Array) -> Array:
        return (edges[1:] + edges[:-1]) / 2

    def prepare(self, values: ParameterValues, along: str) -> ParameterValues:
        self._widths = values[along].diff()
        return values

    def derivative(self, output: Tensor) -> tuple[Tensor, Tensor | None]:
        return (output[1:] + output[:-1]) / 2, self._slope(output[1:], output[:-1])


def method_of(name: str, step: float | None, design: Design) -> Method:
    """The method of this name, for the values of a design.

    >>> from fechner import Gabor
    >>> method_of("central", None, Design(Gabor(), "orientation", 18)).reach
    0.1

    The step of central differences is by default a hundredth of the grid's spacing. Raises `FechnerError` for a step that
    the method does not have, and for values that the method does not allow.
    """
    if step is not None and name != "central":
        raise FechnerError(f"step is that of central differences: choose method central, got {name}")
    if name == "exact":
        return Exact()
    if name == "central":
        grid = design.values
        spacing = float(np.diff(np.sort(grid)).min()) if len(grid) > 1 else abs(float(grid[0])) or 1.0
        return Central(0.01 * spacing if step is None else step)
    method = Forward()
    # Refuses values between which there are no differences.
    method.edges(design)
    return method


def norm(response: Tensor, tangent: Tensor) -> Tensor:
    """‖∂r/∂θ‖ of each stimulus, from responses and derivatives (B, …): (B,).

    >>> norm(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]))
    tensor([5.])

    Its square is the Fisher information if each unit has independent Gaussian noise of unit variance. The square itself may
    leave the range of 32-bit numbers where the derivative does not, so it is taken later, in float64.
    """
    flat = tangent.reshape(len(tangent), -1)
    if tangent.device.type == "cuda":
        return torch.linalg.vector_norm(flat, dim=1, dtype=torch.float64)
    norms = torch.linalg.vector_norm(flat, dim=1)
    limits = torch.finfo(norms.dtype)
    # The squares inside may have under- or overflowed. On a CPU it costs nothing to look, and float64 would cost much.
    if tangent.device.type == "cpu" and bool(((norms < limits.tiny**0.5 / limits.eps) | ~norms.isfinite()).any()):
        largest = torch.linalg.vector_norm(flat, torch.inf, dim=1)
        scale = torch.where((largest > 0) & largest.isfinite(), largest, torch.ones_like(largest))
        norms = torch.linalg.vector_norm(flat / scale[:, None], dim=1) * scale
    return norms

"""How the derivative of a layer's response along a stimulus parameter is taken: exactly, or by finite differences.

Each method turns parameter values into the values to render, and a layer's output on those images into the response
and its derivative. In ReLU networks finite differences are biased at any step that float32 can resolve.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.autograd import forward_ad

from fechner.errors import FechnerError
from fechner.fisher.rules import forward_mode
from fechner.stimuli import Design

Array = npt.NDArray[np.float64]
Values = dict[str, Tensor]


class Method(ABC):
    """Base of the three methods; `overlap` is how many more values than results a batch has."""

    name: str
    overlap: int = 0
    # How far to either side of a value stimuli are rendered.
    reach: float = 0.0

    @contextmanager
    def context(self) -> Iterator[None]:
        """What must surround rendering and the forward pass."""
        with torch.no_grad():
            yield

    def edges(self, design: Design) -> Array:
        """The parameter values that stimuli are rendered at, or around."""
        return design.values

    def between(self, edges: Array) -> Array:
        """The parameter values that derivatives belong to."""
        return edges

    @abstractmethod
    def prepare(self, values: Values, along: str) -> Values:
        """The parameter values to render."""

    @abstractmethod
    def derivative(self, output: Tensor) -> tuple[Tensor, Tensor | None]:
        """Response and derivative per unit of the parameter, from the output on the rendered images."""


@dataclass
class Exact(Method):
    """Forward-mode automatic differentiation: one pass, the derivative itself."""

    name: str = "exact"

    @contextmanager
    def context(self) -> Iterator[None]:
        with forward_mode():
            yield

    def prepare(self, values: Values, along: str) -> Values:
        return values | {along: forward_ad.make_dual(values[along], torch.ones_like(values[along]))}

    def derivative(self, output: Tensor) -> tuple[Tensor, Tensor | None]:
        response, tangent = forward_ad.unpack_dual(output)
        return response, tangent


@dataclass
class Central(Method):
    """(r(θ + step) − r(θ − step)) / 2 step: two images per value."""

    step: float
    name: str = "central"
    _widths: Tensor = field(default_factory=lambda: torch.ones(1))

    def __post_init__(self) -> None:
        self.reach = self.step

    def prepare(self, values: Values, along: str) -> Values:
        # What rounding makes of 2 step.
        self._widths = (values[along] + self.step) - (values[along] - self.step)
        doubled = {name: torch.cat([v, v]) for name, v in values.items()}
        v = values[along]
        return doubled | {along: torch.cat([v + self.step, v - self.step])}

    def derivative(self, output: Tensor) -> tuple[Tensor, Tensor | None]:
        above, below = output.chunk(2)
        return (above + below) / 2, (above - below) / self._widths.view(-1, *[1] * (output.dim() - 1))


@dataclass
class Forward(Method):
    """(r(θ₂) − r(θ₁)) / (θ₂ − θ₁) between neighbours on the grid: one image per value, and coarse."""

    name: str = "forward"
    overlap: int = 1
    _widths: Tensor = field(default_factory=lambda: torch.ones(1))

    def edges(self, design: Design) -> Array:
        grid, period = design.values, design.parameter.period
        if (np.diff(grid) <= 0).any() or len(grid) < 2:
            raise FechnerError(f"forward differences need at least two increasing values of {design.along}")
        # A grid of part of a circle has no difference across the rest.
        closing = np.inf if period is None else grid[0] + period - grid[-1]
        return np.append(grid, grid[0] + period) if closing <= 1.001 * np.diff(grid).max() else grid

    def between(self, edges: Array) -> Array:
        return (edges[1:] + edges[:-1]) / 2

    def prepare(self, values: Values, along: str) -> Values:
        self._widths = values[along].diff()
        return values

    def derivative(self, output: Tensor) -> tuple[Tensor, Tensor | None]:
        widths = self._widths.view(-1, *[1] * (output.dim() - 1))
        return (output[1:] + output[:-1]) / 2, (output[1:] - output[:-1]) / widths


def method_of(name: str, step: float | None, design: Design) -> Method:
    """The method of this name; `FechnerError` for one that these values do not allow.

    The step of central differences is by default a hundredth of the grid's spacing.
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
    method.edges(design)
    return method


def norm(response: Tensor, tangent: Tensor) -> Tensor:
    """‖∂r/∂θ‖ per stimulus; its square is the Fisher information if each unit has independent Gaussian noise of unit variance.

    The norm and not its square, which leaves the range of 32-bit numbers where the derivative itself does not.
    """
    flat = tangent.reshape(len(tangent), -1)
    if tangent.device.type == "cuda":
        return torch.linalg.vector_norm(flat, dim=1, dtype=torch.float64)
    found = torch.linalg.vector_norm(flat, dim=1)
    info = torch.finfo(found.dtype)
    # Squares on the way may have under- or overflowed. On a CPU looking costs nothing, and float64 would cost much.
    if tangent.device.type == "cpu" and bool(((found < info.tiny**0.5 / info.eps) | ~found.isfinite()).any()):
        largest = torch.linalg.vector_norm(flat, torch.inf, dim=1)
        scale = torch.where((largest > 0) & largest.isfinite(), largest, torch.ones_like(largest))
        found = torch.linalg.vector_norm(flat / scale[:, None], dim=1) * scale
    return found


def at(values: Mapping[str, Tensor], chosen: slice) -> Values:
    """The same slice of every parameter."""
    return {name: v[chosen] for name, v in values.items()}

"""Deep linear networks: their weights, end-to-end map and gradient.

The gradient is written out, on the covariance instead of on data, which makes learning several hundred times faster than
minibatches; tests/learning/test_linear.py compares it with automatic differentiation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from fechner.arguments import Real, Seed, Whole, check_fields
from fechner.errors import FechnerError

Weights = list[Tensor]


@dataclass(frozen=True)
class LinearNetwork:
    """A linear network and its initial weights.

    >>> LinearNetwork(depth=2).matrices
    2

    Args:
        depth: how many matrices there are in a chain, or "tied": x̂ = WᵀWx.
        start: "uniform" draws every weight from ± `scale`; "balanced" aligns all layers with the data, so that each mode of
            the end-to-end map starts at `scale`.
        scale: of the initial weights (Benjamin et al. 2022: 0.005 for one and two matrices, 0.01 for three).
        seed: of the initial weights.
    """

    depth: Annotated[int, Whole(1, 6)] | Literal["tied"] = "tied"
    start: Literal["uniform", "balanced"] = "uniform"
    scale: Annotated[float, Real(0)] = 0.005
    seed: Seed = 0

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.scale > 0 and self.depth != 1:
            raise FechnerError(
                f"scale must be greater than 0, got {self.scale:g}: zero weights are a saddle, from which gradient descent "
                "never moves"
            )

    @property
    def matrices(self) -> int:
        """How many weight matrices there are."""
        return 1 if self.depth == "tied" else self.depth

    def weights(self, inputs: int, outputs: int, dtype: torch.dtype, device: torch.device) -> Weights:
        """Initial weights; hidden layers are as wide as the input."""
        sizes = [(inputs, inputs)] * (self.matrices - 1) + [(inputs if self.depth == "tied" else outputs, inputs)]
        if self.start == "balanced":
            share = 0.5 if self.depth == "tied" else 1 / self.matrices
            return [self.scale**share * torch.eye(*s, dtype=dtype, device=device) for s in sizes]
        generator = torch.Generator().manual_seed(self.seed)
        uniform = [torch.rand(s, generator=generator, dtype=torch.float64) * 2 - 1 for s in sizes]
        return [(self.scale * u).to(device, dtype) for u in uniform]

    def map(self, weights: Weights) -> Tensor:
        """The end-to-end map (output, input)."""
        if self.depth == "tied":
            return weights[0].T @ weights[0]
        product = weights[0]
        for w in weights[1:]:
            product = w @ product
        return product

    def respond(self, weights: Weights, inputs: Tensor) -> Tensor:
        """The outputs (n, output) to inputs (n, input), layer by layer."""
        if self.depth == "tied":
            return inputs @ weights[0].T @ weights[0]
        for w in weights:
            inputs = inputs @ w.T
        return inputs

    def descent(self, weights: Weights, variance: Tensor, covariance: Tensor) -> Weights:
        """Minus the gradient of ½E‖y − Ŵx‖² with respect to each matrix.

        `variance` is the covariance of the inputs, or its diagonal (input,), and `covariance` (output, input) that of target
        and input.
        """
        if self.depth == "tied":
            w = weights[0]
            error = covariance - times(w.T @ w, variance)
            return [w @ (error + error.T)]
        # The product of all matrices below each one, and from the top the error passed back to it.
        below = [weights[0]]
        for w in weights[1:-1]:
            below.append(w @ below[-1])
        end_to_end = weights[-1] @ below[-1] if len(weights) > 1 else weights[0]
        error = covariance - times(end_to_end, variance)
        slopes = []
        for i in range(len(weights) - 1, 0, -1):
            slopes.append(error @ below[i - 1].T)
            error = weights[i].T @ error
        return [error, *reversed(slopes)]

    def curvature(self, variance: float) -> float:
        """The largest eigenvalue of the Hessian once the strongest component is learned, with balanced layers."""
        return (4 if self.depth == "tied" else self.matrices) * variance


def times(matrix: Tensor, variance: Tensor) -> Tensor:
    """A map (output, input) times a covariance of inputs, or times a diagonal covariance as a vector (input,)."""
    return matrix * variance if variance.dim() == 1 else matrix @ variance

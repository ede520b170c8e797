"""What a linear network learns from, and for how long: the covariance of its inputs, and its target.

`learn` takes one `Stage` or several in turn, and its engines ask them for tensors. Whatever is wrong with a covariance is
refused here, before any step.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fechner.arguments import Count, array, check_fields
from fechner.errors import FechnerError

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Stage:
    """A number of steps with the same inputs and targets.

    >>> Stage(np.array([4.0, 1.0]), steps=200).outputs
    2

    `variance` is that of the inputs' principal components (input,), or the covariance of the inputs (input, input) where
    these are not the components, as after a switch of image statistics. `covariance` is that of target and input (output,
    input); without it the target is the input. Minibatches are drawn from `data` (n, input), with the input as target.
    """

    variance: Array
    steps: Count
    covariance: Array | None = None
    data: Array | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_fields(self)
        variance = array("variance", self.variance, 1, 2)
        inputs = len(variance)
        if not inputs or variance.shape not in ((inputs,), (inputs, inputs)):
            raise FechnerError(f"variance must be (input,) or (input, input), got shape {variance.shape}")
        if variance.ndim == 2 and not np.allclose(variance, variance.T, atol=1e-6 * np.abs(variance).max()):
            raise FechnerError("variance, where it is a covariance of inputs, must be symmetric: this one is not")
        if (variance if variance.ndim == 1 else np.diagonal(variance)).min() < 0:
            raise FechnerError("variance must not be negative")
        object.__setattr__(self, "variance", variance)
        if self.covariance is not None:
            covariance = array("covariance", self.covariance, 2)
            if covariance.shape[1] != inputs or not len(covariance):
                raise FechnerError(f"covariance must be (output, {inputs}) for {inputs} inputs, got {covariance.shape}")
            object.__setattr__(self, "covariance", covariance)
        if self.data is not None and (self.data.ndim != 2 or self.data.shape[1] != inputs or not len(self.data)):
            raise FechnerError(f"data must be (n, {inputs}) for {inputs} inputs, got shape {self.data.shape}")

    @property
    def inputs(self) -> int:
        """Dimensions of the input."""
        return len(self.variance)

    @property
    def outputs(self) -> int:
        """Dimensions of the target."""
        return self.inputs if self.covariance is None else len(self.covariance)

    def strongest(self) -> float:
        """The largest variance along any direction."""
        return float(self.variance.max() if self.variance.ndim == 1 else np.linalg.eigvalsh(self.variance)[-1])

    def tensors(self, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
        """Variance and covariance with the target."""
        variance = torch.as_tensor(self.variance, dtype=dtype, device=device)
        if self.covariance is not None:
            return variance, torch.as_tensor(self.covariance, dtype=dtype, device=device)
        return variance, torch.diag(variance) if variance.dim() == 1 else variance

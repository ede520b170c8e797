"""A module made of any function, for tests of networks that users may write."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn


class Step(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)

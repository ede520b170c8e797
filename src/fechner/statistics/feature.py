"""What is measured in photographs: something that adds up over them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fechner.errors import FechnerError

Array = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Feature(ABC):
    """A frozen dataclass: its fields are its settings. `values` is the number of bins."""

    values: int

    name: ClassVar[str]

    def __post_init__(self) -> None:
        if not isinstance(self.values, int) or self.values < 4:
            raise FechnerError(f"values must be a whole number of at least 4, got {self.values!r}")

    @property
    @abstractmethod
    def coordinate(self) -> tuple[Array, dict[str, Any]]:
        """The values on which bins are centred, and the attributes that say what they mean."""

    @abstractmethod
    def measure(self, pixels: Pixels) -> Array:
        """What one RGB photograph (height, width, 3) contributes, (k, values); `FechnerError` if it cannot."""

    @abstractmethod
    def density(self, totals: Array) -> Array:
        """Densities (bootstrap, values) from totals (bootstrap, k, values), the first of which counts each once."""

    def describe(self, totals: Array) -> dict[str, Any]:
        """Further variables of the result, from the same totals."""
        return {}

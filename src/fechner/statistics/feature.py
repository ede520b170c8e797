"""What is measured in photographs: something that adds up over them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt

from fechner.arguments import Whole, check_fields

Array = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]


# A hundredth of a degree is finer than any photograph.
Values = Annotated[int, Whole(4, 36_000)]


@dataclass(frozen=True)
class Feature(ABC):
    """A frozen dataclass: its fields are its settings. `values` is the number of bins."""

    values: Values

    name: ClassVar[str]

    def __post_init__(self) -> None:
        check_fields(self)

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

    def warning(self, totals: Array) -> str | None:
        """What a reader of the result must know of these photographs, in one line; None if there is nothing."""
        return None

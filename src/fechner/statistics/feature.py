"""What a feature of photographs is: whatever adds up over them.

The invariant is that `measure` depends on one photograph only, and that `density` and `describe` depend on the sums
only. Photographs can therefore be measured in any order by any number of processes, and the jackknife needs only the
sums of groups.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt

from fechner.arguments import Whole, check_fields

Array = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]

# The upper bound is a hundredth of a degree, which is finer than any photograph.
Values = Annotated[int, Whole(4, 36_000)]


@dataclass(frozen=True)
class Feature(ABC):
    """A feature and its settings, which are the fields of a frozen dataclass; `values` is the number of bins.

    Subclasses give `name`, `coordinate`, `measure` and `density`, and may give more variables and a warning. Their
    fields are the settings that `image_statistics` takes.
    """

    values: Values

    name: ClassVar[str]

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    @abstractmethod
    def coordinate(self) -> tuple[Array, dict[str, Any]]:
        """The values on which bins are centred, and their attributes: units, and for angles period and convention."""

    @abstractmethod
    def measure(self, pixels: Pixels) -> Array:
        """What an RGB photograph (height, width, 3) adds to the totals (k, values); `FechnerError` if it adds nothing."""

    @abstractmethod
    def density(self, totals: Array) -> Array:
        """Densities (1 + groups, values) from totals (1 + groups, k, values).

        The first total is over all photographs; the others leave out one group of them each.
        """

    def describe(self, totals: Array) -> dict[str, Any]:
        """Further variables of the result, computed from the same totals."""
        return {}

    def warning(self, totals: Array) -> str | None:
        """One line that a reader of the result must know about these photographs; None if there is nothing to say."""
        return None

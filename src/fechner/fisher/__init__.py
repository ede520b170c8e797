"""Fisher information of layers about a stimulus parameter: the verb `sensitivity`, and curves made of its results."""

from __future__ import annotations

from fechner.fisher.curves import evenly, relative_to_mean
from fechner.fisher.measure import sensitivity

__all__ = [
    "evenly",
    "relative_to_mean",
    "sensitivity",
]

"""Measures how often each value of a feature occurs in photographs, and the principal components of their patches.

A feature (`feature.Feature`) says what one photograph contributes; `stream` adds that up over all photographs, and
`density` turns the totals into a result. To add a feature, subclass `Feature` and enter it in `density.FEATURES`.
"""

from __future__ import annotations

from fechner.statistics.density import FEATURES, image_statistics, make
from fechner.statistics.images import Photograph, photographs
from fechner.statistics.patches import principal_components, reconstruct

__all__ = [
    "FEATURES",
    "Photograph",
    "image_statistics",
    "make",
    "photographs",
    "principal_components",
    "reconstruct",
]

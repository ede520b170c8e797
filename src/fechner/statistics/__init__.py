"""Photographs in; what is frequent in them out."""

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

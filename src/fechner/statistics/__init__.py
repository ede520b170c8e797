"""Measures how often each value of a feature occurs in photographs, and the principal components of their patches.

A feature (`feature.Feature`) says what one photograph contributes; `stream` adds that up over all photographs, and
`density` turns the totals into a result. To add a feature, subclass `Feature` and enter it in `density.FEATURES`.
"""

from __future__ import annotations

from fechner.statistics.crops import are_crops
from fechner.statistics.crops import crops as read_crops
from fechner.statistics.density import FEATURES, image_statistics, make
from fechner.statistics.images import Photograph, photographs
from fechner.statistics.images import find as find_photographs
from fechner.statistics.images import in_words as left_out_in_words
from fechner.statistics.images import named as source_name
from fechner.statistics.patches import principal_components, reconstruct
from fechner.statistics.patches import sample as sample_patches

__all__ = [
    "FEATURES",
    "Photograph",
    "are_crops",
    "find_photographs",
    "image_statistics",
    "left_out_in_words",
    "make",
    "photographs",
    "principal_components",
    "read_crops",
    "reconstruct",
    "sample_patches",
    "source_name",
]

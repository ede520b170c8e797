"""Measures how often each value of a feature occurs in photographs, and the principal components of their patches.

A feature (`feature.Feature`) says what one photograph contributes; `stream` adds that up over all photographs, and
`density` turns the totals into a result. To add a feature, subclass `Feature` and enter it in `density.FEATURES`.
"""

from __future__ import annotations

from fechner.statistics.components import power_law, principal_components, reconstruct
from fechner.statistics.crops import are_crops, read_crops
from fechner.statistics.density import FEATURES, image_statistics, make
from fechner.statistics.images import Photograph, find_photographs, left_out_in_words, photographs, source_name
from fechner.statistics.measured import SHIPPED, shipped
from fechner.statistics.patches import sample_patches

__all__ = [
    "FEATURES",
    "SHIPPED",
    "Photograph",
    "are_crops",
    "find_photographs",
    "image_statistics",
    "left_out_in_words",
    "make",
    "photographs",
    "power_law",
    "principal_components",
    "read_crops",
    "reconstruct",
    "sample_patches",
    "shipped",
    "source_name",
]

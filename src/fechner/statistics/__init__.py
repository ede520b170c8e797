"""Photographs in; what is frequent in them out."""

from __future__ import annotations

from fechner.statistics.crops import are_crops as are_crops
from fechner.statistics.crops import crops as read_crops  # noqa: F401
from fechner.statistics.density import FEATURES as FEATURES
from fechner.statistics.density import image_statistics as image_statistics
from fechner.statistics.density import make as make
from fechner.statistics.images import Photograph as Photograph
from fechner.statistics.images import find as find_photographs  # noqa: F401
from fechner.statistics.images import in_words as left_out_in_words  # noqa: F401
from fechner.statistics.images import named as source_name  # noqa: F401
from fechner.statistics.images import photographs as photographs
from fechner.statistics.patches import principal_components as principal_components
from fechner.statistics.patches import reconstruct as reconstruct
from fechner.statistics.patches import sample as sample_patches  # noqa: F401

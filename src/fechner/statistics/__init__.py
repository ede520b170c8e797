"""Photographs in; what is frequent in them out."""

from __future__ import annotations

from fechner.statistics.density import FEATURES as FEATURES
from fechner.statistics.density import image_statistics as image_statistics
from fechner.statistics.density import make as make
from fechner.statistics.images import Photograph as Photograph
from fechner.statistics.images import photographs as photographs
from fechner.statistics.patches import principal_components as principal_components
from fechner.statistics.patches import reconstruct as reconstruct

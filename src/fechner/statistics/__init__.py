"""Photographs in; what is frequent in them out."""

from __future__ import annotations

from fechner.statistics.images import Photograph as Photograph
from fechner.statistics.images import photographs as photographs

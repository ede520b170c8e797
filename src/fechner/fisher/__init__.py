"""The heart of the package: one verb, `sensitivity`, and curves relative to their mean."""

from __future__ import annotations

from fechner.fisher.measure import relative_to_mean as relative_to_mean
from fechner.fisher.measure import sensitivity as sensitivity

"""The heart of the package: one verb, `sensitivity`."""

from __future__ import annotations

from fechner.fisher.measure import sensitivity as sensitivity

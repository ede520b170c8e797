"""The heart of the package: one verb, `sensitivity`."""

from __future__ import annotations

from fechner.sensitivity.curves import sensitivity as sensitivity

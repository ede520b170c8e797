"""One file a figure: compute() measures, draw() draws from the saved Dataset, claims() judges."""

from __future__ import annotations

"""Any result, drawn with one call: one module a kind of result.

`DRAWERS` holds what draws each kind; other packages add theirs.
"""

from fechner.plot.drawing import DRAWERS, draw

__all__ = [
    "DRAWERS",
    "draw",
]

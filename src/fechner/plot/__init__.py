"""Any result, drawn with one call: one module a kind of result.

`DRAWERS` holds what draws each kind; other packages add theirs.
"""

from fechner.plot.drawing import DRAWERS as DRAWERS
from fechner.plot.drawing import draw as draw

"""One page that shows any results.

`SECTIONS` holds what makes the section of each kind of result that needs one of its own; other packages add theirs.
"""

from fechner.page.page import report
from fechner.page.section import SECTIONS

__all__ = [
    "SECTIONS",
    "report",
]

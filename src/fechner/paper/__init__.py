"""The paper reproduced: every figure of Benjamin et al. (2022), by public functions of fechner alone.

>>> from fechner.paper import reproduce

Importing it teaches `fechner.draw` and `fechner.report` the figures of the paper.
"""

from fechner.page import SECTIONS
from fechner.paper.catalogue import first_figure
from fechner.paper.reproduction import reproduce
from fechner.paper.section import section
from fechner.plot import DRAWERS

__all__ = [
    "reproduce",
]

DRAWERS["figure"] = first_figure
SECTIONS["figure"] = section

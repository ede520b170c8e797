"""Psychophysics on artificial neural networks.

>>> import fechner
>>> network = fechner.load("efficientnet_lite0")
>>> curves = fechner.sensitivity(network, fechner.Gabor(), along="orientation", values=4, average={"phase": 2})
>>> curves.relative_sensitivity.sel(layer="blocks.15").shape
(4,)
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fechner.comparison import compare
from fechner.differences import difference
from fechner.errors import FechnerError
from fechner.fisher import sensitivity
from fechner.networks import list_networks, load
from fechner.results import read, save
from fechner.statistics import image_statistics
from fechner.stimuli import Draws, Gabor, Midpoints, Stimulus
from fechner.training import train

if TYPE_CHECKING:
    from fechner.page import report
    from fechner.plot import draw

__all__ = [
    "Draws",
    "FechnerError",
    "Gabor",
    "Midpoints",
    "Stimulus",
    "compare",
    "difference",
    "draw",
    "image_statistics",
    "list_networks",
    "load",
    "read",
    "report",
    "save",
    "sensitivity",
    "train",
]
__version__ = version("fechner")
# What draws takes long to import: only those who ask for it wait.
_LATER = {"draw": "fechner.plot", "report": "fechner.page"}
_PACKAGES = ("learning", "page", "plot")


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    if name in _PACKAGES:
        return import_module(f"fechner.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_PACKAGES, *globals()})

"""Psychophysics on artificial neural networks.

>>> import fechner
>>> network = fechner.load("efficientnet_lite0")
>>> curves = fechner.sensitivity(network, fechner.Gabor(), along="orientation", values=4, average={"phase": 2})
>>> curves.relative_sensitivity.sel(layer="blocks.15").shape
(4,)
"""

from __future__ import annotations

from importlib.metadata import version

from fechner.comparison import compare as compare
from fechner.differences import difference as difference
from fechner.errors import FechnerError as FechnerError
from fechner.fisher import sensitivity as sensitivity
from fechner.networks import list_networks as list_networks
from fechner.networks import load as load
from fechner.page import report as report
from fechner.plot.drawing import draw as draw
from fechner.results import read as read
from fechner.results import save as save
from fechner.statistics import image_statistics as image_statistics
from fechner.stimuli import Gabor as Gabor
from fechner.stimuli import Stimulus as Stimulus
from fechner.training import train as train

__version__ = version("fechner")

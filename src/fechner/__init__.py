"""Psychophysics on artificial neural networks."""
from fechner.stimuli import *
from fechner.stimuli import Gabor

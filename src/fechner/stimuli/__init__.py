"""Stimuli: parameters in, images out, differentiable in every continuous parameter.

A new stimulus is a subclass of `Stimulus` (see `base`). An entry in `STIMULI` makes it known by name, to `stimulus` and to
the command line. tests/stimuli/test_stimuli.py then checks its derivatives, its mean luminance and its period.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from fechner.arguments import checked
from fechner.errors import FechnerError, choices
from fechner.stimuli.base import Family, Stimulus, parameters, render, settings
from fechner.stimuli.colour import HuePatch, LChPatch, SpectralPatch
from fechner.stimuli.design import Design
from fechner.stimuli.gratings import CentreSurround, Gabor, Grating, GratingInNoise
from fechner.stimuli.noise import OrientedNoise
from fechner.stimuli.nuisance import Draws, Midpoints
from fechner.stimuli.parameter import Contrast, Frequency, Hue, Length, Orientation, Parameter, Phase, Positive

__all__ = [
    "STIMULI",
    "CentreSurround",
    "Contrast",
    "Design",
    "Draws",
    "Family",
    "Frequency",
    "Gabor",
    "Grating",
    "GratingInNoise",
    "Hue",
    "HuePatch",
    "LChPatch",
    "Length",
    "Midpoints",
    "Orientation",
    "OrientedNoise",
    "Parameter",
    "Phase",
    "Positive",
    "SpectralPatch",
    "Stimulus",
    "parameters",
    "render",
    "settings",
    "stimulus",
]

STIMULI: dict[str, Callable[..., Stimulus]] = {
    "gabor": Gabor,
    "gabor-published": partial(Gabor, sigma=0.5),
    "grating": Grating,
    "grating-in-noise": GratingInNoise,
    "centre-surround": CentreSurround,
    "noise-band-pass": partial(OrientedNoise, band="band-pass"),
    "noise-low-pass": partial(OrientedNoise, band="low-pass"),
    "hue-hsv": HuePatch,
    "hue-lch": LChPatch,
    "spectral": SpectralPatch,
}


@checked
def stimulus(name: str, **fields: Any) -> Stimulus:
    """A stimulus by name, with some fields changed.

    >>> stimulus("gabor", spatial_frequency=4.0).spatial_frequency
    4.0

    Raises `FechnerError` for an unknown name or field, or a value out of range.
    """
    if name not in STIMULI:
        raise choices("stimulus", name, STIMULI)
    make = STIMULI[name]
    known = list(vars(make()))
    for field in fields:
        if field not in known:
            raise choices(f"field of {name}", field, known)
    try:
        return make(**fields)
    except TypeError as e:
        raise FechnerError(f"cannot make {name}: {e}") from None

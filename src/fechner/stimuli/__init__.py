"""Parameters in, images out: everything here is differentiable in every continuous parameter."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from fechner.arguments import checked
from fechner.errors import FechnerError, choices
from fechner.stimuli.base import Family as Family
from fechner.stimuli.base import Stimulus as Stimulus
from fechner.stimuli.base import parameters as parameters
from fechner.stimuli.base import render as render
from fechner.stimuli.base import settings as settings
from fechner.stimuli.colour import HuePatch as HuePatch
from fechner.stimuli.colour import LChPatch as LChPatch
from fechner.stimuli.colour import SpectralPatch as SpectralPatch
from fechner.stimuli.design import Design as Design
from fechner.stimuli.design import Draws as Draws
from fechner.stimuli.gratings import CentreSurround as CentreSurround
from fechner.stimuli.gratings import Gabor as Gabor
from fechner.stimuli.gratings import Grating as Grating
from fechner.stimuli.gratings import GratingInNoise as GratingInNoise
from fechner.stimuli.noise import OrientedNoise as OrientedNoise
from fechner.stimuli.parameter import Contrast as Contrast
from fechner.stimuli.parameter import Frequency as Frequency
from fechner.stimuli.parameter import Hue as Hue
from fechner.stimuli.parameter import Length as Length
from fechner.stimuli.parameter import Orientation as Orientation
from fechner.stimuli.parameter import Parameter as Parameter
from fechner.stimuli.parameter import Phase as Phase
from fechner.stimuli.parameter import Positive as Positive

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

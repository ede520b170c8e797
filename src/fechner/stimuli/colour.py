"""Uniform patches whose hue varies, in HSV and in CIELCh (degrees, [0, 360)), and along the spectrum (nm).

Their images hold the values that a screen gets, encoded by the sRGB transfer function, as photographs do. At the kinks of HSV
hue the derivative must be one-sided and not zero. Tests: tests/stimuli/test_colour.py, against scikit-image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from fechner.errors import FechnerError
from fechner.stimuli.base import Stimulus
from fechner.stimuli.parameter import Chroma, Contrast, Hue, KinkedHue, Lightness, Wavelength

# sRGB primaries (IEC 61966-2-1) and its D65 white, as XYZ with Y = 1.
_RGB_FROM_XYZ = (
    (3.2404542, -1.5371385, -0.4985314),
    (-0.9692660, 1.8760108, 0.0415560),
    (0.0556434, -0.2040259, 1.0572252),
)
_WHITE = (0.95047, 1.0, 1.08883)
# The lobes of each CIE 1931 colour-matching function: height, centre in nm, slope below it and above it in 1/nm.
_LOBES = (
    ((0.362, 442.0, 0.0624, 0.0374), (1.056, 599.8, 0.0264, 0.0323), (-0.065, 501.1, 0.0490, 0.0382)),
    ((0.821, 568.8, 0.0213, 0.0247), (0.286, 530.9, 0.0613, 0.0322)),
    ((1.217, 437.0, 0.0845, 0.0278), (0.681, 459.0, 0.0385, 0.0725)),
)


@dataclass(frozen=True)
class HuePatch(Stimulus):
    """A uniform image of one HSV colour (Benjamin et al. 2022, Fig. 3).

    >>> HuePatch(saturation=0.7)(hue=torch.tensor([0.0, 120.0, 240.0])).shape
    torch.Size([3, 3, 224, 224])

    One RGB channel at a time moves with hue, by S·V/60 per degree, so that the Fisher information of raw pixels is the same
    at all hues, (S·V/60)² per pixel. At multiples of 60° another channel begins to move, and the derivative is that towards
    greater hues; a grid made of a number of values avoids these hues.
    """

    hue: KinkedHue = 0.0
    saturation: Contrast = 0.7
    value: Contrast = 0.7

    def image(self) -> Tensor:
        hue, saturation, value = (torch.as_tensor(v) for v in (self.hue, self.saturation, self.value))
        channels = []
        for n in (5.0, 3.0, 1.0):
            sector = torch.remainder(n + hue / 60, 6.0)
            # Half-open pieces, so that the derivative at a kink is that to the right. That of a clamp would be zero there.
            falling = torch.where(sector < 4, 4 - sector, 0 * sector)
            share = torch.where(sector < 1, sector, torch.where(sector < 3, torch.ones_like(sector), falling))
            channels.append(value - value * saturation * share)
        return _patch(channels, self.size)


@dataclass(frozen=True)
class LChPatch(Stimulus):
    """A uniform image of one CIELCh colour (D65, 2° observer): lightness, chroma and CIELAB hue angle.

    >>> LChPatch()(hue=torch.tensor([0.0, 120.0, 240.0])).shape
    torch.Size([3, 3, 224, 224])

    Every combination of the values must lie in the sRGB gamut; the default lightness and chroma do at every hue.
    """

    hue: Hue = 0.0
    lightness: Lightness = 70.0
    chroma: Chroma = 35.0

    def check(self, values: Mapping[str, np.ndarray]) -> None:
        super().check(values)
        names = ("lightness", "chroma", "hue")
        grid = [g.ravel() for g in np.meshgrid(*(np.unique(values[n]) for n in names))]
        linear = torch.stack(_linear_rgb(*(torch.as_tensor(g) for g in grid)))
        # Not .numpy(), for which tensors inside torch.func have no storage.
        outside = np.array(((linear < -1e-6) | (linear > 1 + 1e-6)).any(0).tolist())
        if outside.any():
            lightness, chroma, hue = (g[outside][0] for g in grid)
            raise FechnerError(
                f"chroma {chroma:g} at lightness {lightness:g} leaves the sRGB gamut at hue {hue:g}°; "
                "lower chroma or change lightness"
            )

    def image(self) -> Tensor:
        lightness, chroma, hue = (torch.as_tensor(v) for v in (self.lightness, self.chroma, self.hue))
        return _patch([_gamma(c) for c in _linear_rgb(lightness, chroma, hue)], self.size)


@dataclass(frozen=True)
class SpectralPatch(Stimulus):
    """A uniform image whose colour runs through the spectrum approximately, from 450 to 650 nm (Benjamin et al. 2022).

    >>> SpectralPatch()(wavelength=torch.tensor([450.0, 550.0, 650.0])).shape
    torch.Size([3, 3, 224, 224])

    Monochromatic light lies outside the gamut of a screen. The same amount of white is therefore mixed into every
    wavelength, as much as brings all of them into the gamut, and all are scaled alike; `value` multiplies linear light.
    The colour-matching functions are the fit of Wyman, Sloan & Shirley, "Simple analytic approximations to the CIE XYZ color
    matching functions", Journal of Computer Graphics Techniques 2(2), 2013, Eq. 4.
    """

    wavelength: Wavelength = 550.0
    value: Contrast = 1.0

    def image(self) -> Tensor:
        wavelength, value = torch.as_tensor(self.wavelength), torch.as_tensor(self.value)
        white, scale = _spectral_range()
        return _patch([_gamma(value * ((c + white) / scale)) for c in _spectral_rgb(wavelength)], self.size)


def colour_matching(wavelength: Tensor) -> list[Tensor]:
    """CIE 1931 x̄, ȳ and z̄ at wavelengths in nm, as fitted by Wyman, Sloan & Shirley (2013).

    >>> [round(float(f), 2) for f in colour_matching(torch.tensor(555.0))]
    [0.52, 1.0, 0.01]

    Each has the shape of `wavelength`.
    """
    functions = []
    for lobes in _LOBES:
        total = torch.zeros_like(wavelength)
        for height, centre, below, above in lobes:
            t = (wavelength - centre) * torch.where(wavelength < centre, below, above)
            total = total + height * torch.exp(-0.5 * t * t)
        functions.append(total)
    return functions


@cache
def _spectral_range() -> tuple[float, float]:
    """The white to add to linear sRGB from 450 to 650 nm, and the number to divide by then, so that it fills [0, 1]."""
    colours = torch.stack(_spectral_rgb(torch.linspace(450, 650, 20001, dtype=torch.float64)))
    return 1e-6 - float(colours.min()), float(colours.max() - colours.min()) + 2e-6


def _spectral_rgb(wavelength: Tensor) -> list[Tensor]:
    return _rgb(colour_matching(wavelength))


def _patch(channels: list[Tensor], size: int) -> Tensor:
    colour = torch.stack([c.view(-1, 1, 1) for c in torch.broadcast_tensors(*channels)], 1)
    return colour.expand(-1, -1, size, size)


def _linear_rgb(lightness: Tensor, chroma: Tensor, hue: Tensor) -> list[Tensor]:
    """Linear sRGB of a CIELCh colour, by the inverse of the CIE 1976 definition of L*a*b*."""
    angle = torch.deg2rad(hue)
    y = (lightness + 16) / 116
    roots = (y + chroma * torch.cos(angle) / 500, y, y - chroma * torch.sin(angle) / 200)
    delta = 6 / 29
    xyz = [
        white * torch.where(r > delta, r**3, 3 * delta**2 * (r - 4 / 29))
        for r, white in zip(roots, _WHITE, strict=True)
    ]
    return _rgb(xyz)


def _rgb(xyz: list[Tensor]) -> list[Tensor]:
    """Linear sRGB of a colour in XYZ."""
    return [sum((m * c for m, c in zip(row, xyz, strict=True)), torch.zeros(())) for row in _RGB_FROM_XYZ]


def _gamma(linear: Tensor) -> Tensor:
    """The sRGB transfer function."""
    bright = 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, bright, 12.92 * linear)

"""Sinusoidal gratings and the stimuli that are made of them.

Orientation is that of the bars: 0 is horizontal, and angles run counter-clockwise as seen on screen. Mean luminance is 0.5
at every phase and contrast, and contrast 1 is the most that fits into [0, 1]: whoever changes `modulation` must keep both.
Tests: tests/stimuli/test_gratings.py and test_units.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from fechner.arguments import Seed
from fechner.errors import FechnerError
from fechner.stimuli.apertures import Aperture, aperture, distance
from fechner.stimuli.base import Stimulus
from fechner.stimuli.noise import RmsContrast, balanced, gaussian_field
from fechner.stimuli.parameter import Contrast, Frequency, Length, Number, Orientation, Phase, Positive

# Degrees between the orientations at which the mean of a sinusoid is computed to find the largest.
_ORIENTATION_STEP = 3


def modulation(
    x: Tensor,
    y: Tensor,
    orientation: Number,
    spatial_frequency: Number,
    phase: Number,
    window: Tensor,
    turning: bool = False,
) -> Tensor:
    """A windowed sinusoid (…, y, x) with zero mean and values in [-1, 1], whatever its phase and orientation.

    >>> x, y = torch.linspace(-1, 1, 9)[None, :], torch.linspace(1, -1, 9)[:, None]
    >>> modulation(x, y, 90.0, 1.0, 0.0, torch.ones(9, 9)).shape
    torch.Size([9, 9])

    The sinusoid cos(2π f u + φ), u being the distance across the bars, has a mean under the window. The mean is subtracted,
    because mean luminance would otherwise move with phase and contrast. The result is divided by 1 + the largest mean of any
    phase and orientation, which depends on frequency and window only (1.001 for the default Gabor, 1.03 for the default
    grating). Under a window that is `turning` with the bars, the largest mean is the same at all orientations.
    """
    angle, phi = radians(orientation, x), radians(phase, x)
    # 2π f u = a(y) + b(x). Functions of one coordinate, joined by small matrix products, cost a third of full images.
    a = 2 * math.pi * spatial_frequency * torch.cos(angle) * y
    b = -2 * math.pi * spatial_frequency * torch.sin(angle) * x
    along_x = torch.cat(torch.broadcast_tensors(torch.cos(b), torch.sin(b), torch.ones_like(x)), -2)
    summed = window @ along_x[..., :2, :].mT
    summed_cosine, summed_sine = summed[..., :1], summed[..., 1:]
    area = window.sum((-2, -1), keepdim=True)
    cosine, sine = torch.cos(a), torch.sin(a)
    mean_cosine = (cosine * summed_cosine - sine * summed_sine).sum((-2, -1), keepdim=True) / area
    mean_sine = (sine * summed_cosine + cosine * summed_sine).sum((-2, -1), keepdim=True) / area
    if turning:
        largest = torch.sqrt(mean_cosine**2 + mean_sine**2 + 1e-12)
    else:
        largest = _largest_mean(x, y, spatial_frequency, window)
    scale = 1 / (1 + largest)
    mean = torch.cos(phi) * mean_cosine - torch.sin(phi) * mean_sine
    along_y = torch.cat(torch.broadcast_tensors(torch.cos(a + phi), -torch.sin(a + phi), -mean), -1)
    return window * ((along_y * scale) @ along_x)


def _largest_mean(x: Tensor, y: Tensor, spatial_frequency: Number, window: Tensor) -> Tensor:
    """The largest mean under a window (…, y, x) of a sinusoid of any phase and orientation: (…, 1, 1)."""
    angle = radians(torch.arange(0, 180, _ORIENTATION_STEP), x)[:, None]
    a = 2 * math.pi * spatial_frequency * torch.cos(angle) * y.mT
    b = -2 * math.pi * spatial_frequency * torch.sin(angle) * x
    cosine, sine = torch.cos(a) @ window, torch.sin(a) @ window
    even = (cosine * torch.cos(b) - sine * torch.sin(b)).sum(-1)
    odd = (sine * torch.cos(b) + cosine * torch.sin(b)).sum(-1)
    largest = torch.sqrt(even**2 + odd**2 + 1e-12).amax(-1)[..., None, None]
    return largest / window.sum((-2, -1), keepdim=True)


def radians(degrees: Number, like: Tensor) -> Tensor:
    """An angle in radians, with the dtype and on the device of `like`.

    >>> radians(180.0, torch.empty(0))
    tensor(3.1416)
    """
    return torch.deg2rad(torch.as_tensor(degrees, dtype=like.dtype, device=like.device))


@dataclass(frozen=True)
class Grating(Stimulus):
    """A sinusoidal grating in a circular aperture.

    >>> Grating(orientation=45, spatial_frequency=4, aperture="hard")().shape
    torch.Size([1, 3, 224, 224])
    """

    orientation: Orientation = 0.0
    spatial_frequency: Frequency = 2.0
    phase: Phase = 0.0
    contrast: Contrast = 1.0
    radius: Length = 0.9
    edge: Length = 0.2
    aperture: Aperture = "soft"

    def luminance(self) -> Tensor:
        window = self.window()
        carrier = modulation(*self.grid(), self.orientation, self.spatial_frequency, self.phase, window)
        return 0.5 + 0.5 * self.contrast * carrier

    def window(self) -> Tensor:
        """The aperture (y, x)."""
        x, y = self.grid()
        return aperture(self.aperture, distance(x, y), self.radius, self.edge)


@dataclass(frozen=True)
class Gabor(Stimulus):
    """A grating under a Gaussian envelope; `sigma` is its SD across the bars, `aspect` × `sigma` that along them.

    >>> Gabor()(orientation=torch.tensor([0.0, 45.0]), phase=torch.tensor([0.0, 90.0])).shape
    torch.Size([2, 3, 224, 224])

    The default envelope falls to 0.3 % at the nearest border. That of `Gabor(sigma=0.5)`, the preset "gabor-published", is
    cut at 8 %, as in the paper (Benjamin et al. 2022, Fig. 2).
    """

    orientation: Orientation = 0.0
    spatial_frequency: Frequency = 2.0
    phase: Phase = 0.0
    contrast: Contrast = 1.0
    sigma: Length = 0.33
    aspect: Positive = 1.0

    def luminance(self) -> Tensor:
        x, y = self.grid()
        carrier = modulation(x, y, self.orientation, self.spatial_frequency, self.phase, self.envelope(), turning=True)
        return 0.5 + 0.5 * self.contrast * carrier

    def envelope(self) -> Tensor:
        """The Gaussian (…, y, x)."""
        x, y = self.grid()
        angle = radians(self.orientation, x)
        narrow, wide = 0.5 / self.sigma**2, 0.5 / (self.sigma * self.aspect) ** 2
        # exp(−narrow u² − wide v²), with u across the bars and v along them; both squares are written out in x and y.
        cosine, sine, excess = torch.cos(angle), torch.sin(angle), wide - narrow
        ones = torch.ones_like(angle)
        in_y = [y**2 * (excess * cosine**2 - wide), y * (-2 * excess * cosine * sine), ones]
        in_x = [ones, x * ones, x**2 * (excess * sine**2 - wide)]
        return torch.exp(torch.cat(torch.broadcast_tensors(*in_y), -1) @ torch.cat(torch.broadcast_tensors(*in_x), -2))


@dataclass(frozen=True)
class CentreSurround(Stimulus):
    """A central disc and the annulus around it, each with a grating of its own; their borders are soft.

    >>> CentreSurround(orientation=0, surround_orientation=90)().shape
    torch.Size([1, 3, 224, 224])
    """

    orientation: Orientation = 0.0
    surround_orientation: Orientation = 90.0
    spatial_frequency: Frequency = 4.0
    phase: Phase = 0.0
    surround_phase: Phase = 0.0
    contrast: Contrast = 1.0
    surround_contrast: Contrast = 1.0
    radius: Length = 0.4
    surround_radius: Length = 0.9
    edge: Length = 0.1

    def check(self, values: Mapping[str, np.ndarray]) -> None:
        super().check(values)
        if (values["surround_radius"] <= values["radius"]).any():
            raise FechnerError(
                f"surround_radius must be greater than radius, got {values['surround_radius'].min():g} "
                f"and {values['radius'].max():g} degrees"
            )

    def luminance(self) -> Tensor:
        x, y = self.grid()
        r = distance(x, y)
        disc = aperture("soft", r, self.radius, self.edge)
        annulus = aperture("soft", r, self.surround_radius, self.edge) * (1 - disc)
        centre = modulation(x, y, self.orientation, self.spatial_frequency, self.phase, disc)
        surround = modulation(x, y, self.surround_orientation, self.spatial_frequency, self.surround_phase, annulus)
        return 0.5 + 0.5 * (self.contrast * centre + self.surround_contrast * surround)


@dataclass(frozen=True)
class GratingInNoise(Grating):
    """A grating in white Gaussian noise under the same aperture; the noise is fixed by its seed.

    >>> GratingInNoise(contrast=0.3, noise_contrast=0.1, seed=7)().shape
    torch.Size([1, 3, 224, 224])

    `noise_contrast` is the SD of the noise in units of mean luminance. Contrast + 5 × noise_contrast may not exceed 1,
    which keeps luminance in [0, 1] up to five standard deviations of the noise.
    """

    overshoot: ClassVar[float] = 0.1

    contrast: Contrast = 0.5
    noise_contrast: RmsContrast = 0.1
    seed: Seed = 0

    def check(self, values: Mapping[str, np.ndarray]) -> None:
        super().check(values)
        total = values["contrast"].max() + 5 * values["noise_contrast"].max()
        if total > 1 + 1e-6:
            raise FechnerError(f"contrast + 5 × noise_contrast must not exceed 1, got {total:g}: lower one of them")

    def luminance(self) -> Tensor:
        like = torch.as_tensor(self.noise_contrast)
        noise = gaussian_field(self.size, self.seed).to(like)
        return super().luminance() + 0.5 * self.noise_contrast * balanced(noise, self.window())

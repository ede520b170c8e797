"""Oriented noise with fixed random phases: a random texture that stays differentiable in its parameters.

Random numbers depend on the size and the seed only, never on a parameter, so that an image changes smoothly with each of
them. `gaussian_field` and `balanced` also serve `GratingInNoise`. Tests: tests/stimuli/test_noise.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from fechner.arguments import Seed
from fechner.errors import FechnerError
from fechner.stimuli.apertures import Aperture, aperture, distance
from fechner.stimuli.base import Stimulus
from fechner.stimuli.parameter import Frequency, Length, Number, Orientation, Parameter, Phase, Positive

RmsContrast = Annotated[Number, Parameter("1", low=0.0, high=0.2)]
Bandwidth = Annotated[Number, Parameter("degree", low=1.0, high=180.0)]


@lru_cache(maxsize=32)
def gaussian_field(size: int, seed: int) -> Tensor:
    """White Gaussian noise (size, size) whose mean is 0 and whose variance is 1 exactly.

    >>> gaussian_field(8, seed=0).std(correction=0)
    tensor(1.0000, dtype=torch.float64)

    It is drawn on the CPU, and therefore the same on every device.
    """
    # A thread has modes of its own: a tensor made inside torch.func or inference mode could not be used outside of it.
    with ThreadPoolExecutor(1) as outside:
        return outside.submit(_drawn, size, seed).result()


def _drawn(size: int, seed: int) -> Tensor:
    field = torch.randn(size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return (field - field.mean()) / field.std(correction=0)


def balanced(noise: Tensor, window: Tensor) -> Tensor:
    """The noise (…, y, x) under a window, minus its mean there, so that the window does not change mean luminance."""
    mean = (noise * window).sum((-2, -1), keepdim=True) / window.sum((-2, -1), keepdim=True)
    return window * (noise - mean)


@dataclass(frozen=True)
class OrientedNoise(Stimulus):
    """Noise that is Gaussian in orientation, and band-pass or low-pass in spatial frequency.

    >>> OrientedNoise(orientation=30, bandwidth=10, seed=3)().shape
    torch.Size([1, 3, 224, 224])

    The amplitude spectrum is a Gaussian of SD `bandwidth` degrees around `orientation`, times a Gaussian of SD
    `octaves` around log2 `spatial_frequency` ("band-pass") or a Gaussian of SD `spatial_frequency` around 0
    ("low-pass", which has no `octaves`: another value than the default is refused). The spectrum's phases are random and
    fixed by the seed; `phase` is added to all of them. `contrast` is the RMS contrast, at most 0.2 so that five standard
    deviations stay in [0, 1].
    """

    overshoot: ClassVar[float] = 0.1

    orientation: Orientation = 0.0
    bandwidth: Bandwidth = 15.0
    spatial_frequency: Frequency = 4.0
    octaves: Positive = 0.5
    phase: Phase = 0.0
    contrast: RmsContrast = 0.2
    radius: Length = 0.9
    edge: Length = 0.2
    aperture: Aperture = "soft"
    band: Literal["band-pass", "low-pass"] = "band-pass"
    seed: Seed = 0

    def check(self, values: Mapping[str, np.ndarray]) -> None:
        super().check(values)
        octaves = values["octaves"][~np.isclose(values["octaves"], type(self).octaves)]
        if self.band == "low-pass" and len(octaves):
            raise FechnerError(
                f"octaves is the bandwidth of band-pass noise and does nothing in low-pass noise, got {octaves[0]:g}: leave it "
                "out, or choose band-pass"
            )

    def luminance(self) -> Tensor:
        scale = torch.as_tensor(self.pixels_per_degree)
        cycles = torch.fft.fftfreq(self.size, dtype=scale.dtype, device=scale.device)
        fx, fy = cycles[None, :] * scale, -cycles[:, None] * scale
        # The mean has no orientation. It gets an arbitrary one here, and no amplitude below.
        mean = (cycles == 0)[None, :] & (cycles == 0)[:, None]
        fx, fy = torch.where(mean, 1.0, fx), torch.where(mean, 1.0, fy)
        f = torch.hypot(fx, fy)
        # Bars lie at right angles to the direction in which luminance changes.
        bars = torch.rad2deg(torch.atan2(fy, fx)) + 90.0
        deviation = torch.remainder(bars - self.orientation + 90.0, 180.0) - 90.0
        amplitude = torch.exp(-0.5 * (deviation / self.bandwidth) ** 2)
        if self.band == "band-pass":
            amplitude = amplitude * torch.exp(-0.5 * ((torch.log2(f / self.spatial_frequency)) / self.octaves) ** 2)
        else:
            amplitude = amplitude * torch.exp(-0.5 * (f / self.spatial_frequency) ** 2)
        # The Nyquist frequency has no partner of opposite sign, without which the image is not real once the phase shifts.
        amplitude = amplitude * (~mean & (cycles != -0.5)[None, :] & (cycles != -0.5)[:, None])
        white = torch.fft.fft2(gaussian_field(self.size, self.seed)).to(scale.device)
        phases = torch.angle(white).to(scale.dtype)
        half = (fy > 0) | ((fy == 0) & (fx > 0))
        shift = torch.deg2rad(torch.as_tensor(self.phase)) * torch.where(half, 1.0, -1.0).to(scale.dtype)
        spectrum = amplitude * torch.exp(1j * (phases + shift))
        power = (amplitude**2).sum((-2, -1), keepdim=True)
        noise = torch.fft.ifft2(spectrum).real * self.size**2 / power.sqrt()
        x, y = self.grid()
        window = aperture(self.aperture, distance(x, y), self.radius, self.edge)
        return 0.5 + 0.5 * self.contrast * balanced(noise, window)

"""How the contrast energy of photographs is distributed over spatial frequency.

An image has only frequencies of which enough cycles fit in it, so each bin is averaged over those images that have it:
`measure` returns power and a count, and both are summed. tests/statistics/test_spatial_frequency.py recovers known
exponents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from PIL import Image
from scipy import fft

from fechner.arguments import AboveZero
from fechner.errors import FechnerError
from fechner.interval import jackknife_t
from fechner.statistics.borders import central_square, content
from fechner.statistics.feature import Array, Feature, Pixels, Values

_LOWEST, _HIGHEST = 1 / 64, 1 / 2  # cycles/pixel, the edges of the outer bins
_FITTED = 1 / 4  # cycles/pixel up to which the exponent is fitted
_SMALL = 96  # pixels of the shorter side, below which the exponent is unreliable


@dataclass(frozen=True)
class SpatialFrequencyFeature(Feature):
    """Power spectrum of luminance, averaged over orientations, from 1/64 to 1/2 cycles/pixel.

    >>> x = np.arange(256)
    >>> wave = (127 + 60 * np.cos(2 * np.pi * x / 9)).astype(np.uint8)    # 11.1 cycles/degree
    >>> power = SpatialFrequencyFeature().measure(np.broadcast_to(wave[:, None], (256, 256, 3)).copy())[0]
    >>> float(SpatialFrequencyFeature().coordinate[0][power.argmax()].round(1))
    11.5

    The spectrum is that of the largest square in the middle of each photograph, under a round Hann window. An image
    counts at frequencies of which at least four cycles fit in it. `pixels_per_degree` turns pixels into degrees as it
    does for stimuli. Bars along the border are cut off first.
    """

    values: Values = 20
    pixels_per_degree: AboveZero = 100.0

    name: ClassVar[str] = "spatial_frequency"

    @property
    def coordinate(self) -> tuple[Array, dict[str, Any]]:
        """The geometric centres of the bins in cycles/degree; all bins span the same number of octaves."""
        edges = self._edges() * self.pixels_per_degree
        return np.sqrt(edges[1:] * edges[:-1]), {
            "units": "cycle/degree",
            "pixels_per_degree": str(self.pixels_per_degree),
        }

    def _edges(self) -> Array:
        """The edges of the bins, in cycles/pixel."""
        return np.geomspace(_LOWEST, _HIGHEST, self.values + 1)

    def measure(self, pixels: Pixels) -> Array:
        """Power of one RGB photograph, whether it has the frequency, and whether it is small: (3, frequency).

        Power is the variance of luminance in [0, 1] per (cycle/degree)². Only the first bin of the third row is used.
        """
        picture = content(np.asarray(Image.fromarray(pixels).convert("L")))
        square = central_square(picture) / np.float32(255)
        side = len(square)
        edges = self._edges()
        fits = edges[:-1] >= 4 / side
        if not fits.any():
            raise FechnerError(f"{picture.shape[1]} × {picture.shape[0]} pixels are too few for a power spectrum")
        position = (np.arange(side, dtype=np.float32) - (side - 1) / 2) / (side / 2)
        radius = np.sqrt(np.square(position)[:, None] + np.square(position)[None, :])
        window = np.where(radius < 1, 0.5 + 0.5 * np.cos(np.pi * radius), 0).astype(np.float32)
        windowed = window * (square - (window * square).sum() / window.sum())
        power = np.square(np.abs(fft.rfft2(windowed))) / np.square(window).sum()
        frequency = np.sqrt(
            np.square(fft.fftfreq(side))[:, None] + np.square(fft.rfftfreq(side))[None, :], dtype=np.float64
        )
        # Each column of a half spectrum stands for two of the whole one, except the first.
        weight = np.full(power.shape, 2.0)
        weight[:, 0] = 1
        index = np.searchsorted(edges, frequency.ravel(), "right")
        count = np.bincount(index, weight.ravel(), len(edges) + 1)[1 : len(edges)]
        energy = np.bincount(index, (weight * power).ravel(), len(edges) + 1)[1 : len(edges)]
        present = fits & (count > 0)
        mean = np.divide(energy, count, out=np.zeros_like(energy), where=present)
        small = np.zeros(self.values)
        small[0] = side < _SMALL
        return np.stack([mean / self.pixels_per_degree**2, present.astype(float), small])

    def density(self, totals: Array) -> Array:
        """Densities (1 + groups, frequency) of contrast energy of all orientations: 2πf × power, normalised."""
        edges = self._edges() * self.pixels_per_degree
        ring = self.coordinate[0] * np.nan_to_num(_power(totals))
        with np.errstate(divide="ignore", invalid="ignore"):
            return ring / (ring * np.diff(edges)).sum(-1, keepdims=True)

    def describe(self, totals: Array) -> dict[str, Any]:
        """Power, the width of the bins, and the exponent of power ∝ 1/frequency^exponent up to 1/4 cycle/pixel."""
        frequency, power = self.coordinate[0], _power(totals)
        fitted = (self._edges()[1:] <= _FITTED + 1e-9) & (power[0] > 0)
        x = np.log(frequency[fitted])
        with np.errstate(divide="ignore", invalid="ignore"):
            y = np.log(power[:, fitted])
        slope = (
            -((x - x.mean()) * y).sum(-1) / np.square(x - x.mean()).sum()
            if fitted.sum() > 1
            else np.full(len(y), np.nan)
        )
        low, high = jackknife_t(slope[0], slope[1:])
        return {
            "bin_width": (
                "spatial_frequency",
                np.diff(self._edges()) * self.pixels_per_degree,
                {"units": "cycle/degree"},
            ),
            "power": ("spatial_frequency", power[0], {"units": "1/(cycle/degree)^2"}),
            "exponent": ((), slope[0], {"units": "1", "long_name": "power falls as 1/frequency^exponent"}),
            "exponent_low": ((), low),
            "exponent_high": ((), high),
        }

    def warning(self, totals: Array) -> str | None:
        """How many photographs are too small for a reliable exponent."""
        small = int(totals[0, 2, 0])
        return (
            f"{small} photograph{'s are' if small > 1 else ' is'} under {_SMALL} pixels: too few frequencies fit, and "
            "exponents of such images are off by up to 0.6; use larger ones"
            if small
            else None
        )


def _power(totals: Array) -> Array:
    """Mean power (1 + groups, frequency) of the images that have the frequency."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return totals[:, 0] / totals[:, 1]

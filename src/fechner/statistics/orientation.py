"""How often each orientation occurs in photographs, weighted by gradient energy.

No orientation may be preferred by the method itself: the derivatives are exact, and the aperture is round and keeps
away from the border. tests/statistics/test_orientation.py checks this with noise and with images of a known density.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import fft

from fechner import circular
from fechner.errors import FechnerError
from fechner.statistics.borders import central_square, content
from fechner.statistics.feature import Array, Feature, Pixels, Values


@dataclass(frozen=True)
class OrientationFeature(Feature):
    """Gradient energy by the orientation of the bars and edges that cause it, at several scales.

    >>> step = np.zeros((256, 256, 3), np.uint8)
    >>> step[:128] = 255                                    # a horizontal edge
    >>> int(OrientationFeature(values=18).measure(step).sum(0).argmax())
    0

    The gradient comes from Gaussian derivatives whose standard deviations are `scales`, in pixels of the photograph as
    it is stored. They are exact because they are computed in the Fourier domain. They are evaluated inside the largest
    circular aperture that keeps four standard deviations from the border of the picture. Each pixel counts with its
    squared gradient times the squared scale, so that all scales of an image whose amplitude falls as 1/frequency have
    the same weight. A scale above a sixteenth of an image's shorter side is left out for this image. Bars along the
    border are cut off first.
    """

    values: Values = 180
    scales: tuple[float, ...] = (2.0, 4.0, 8.0)

    name: ClassVar[str] = "orientation"

    def __post_init__(self) -> None:
        if isinstance(self.scales, int | float):
            object.__setattr__(self, "scales", (float(self.scales),))
        super().__post_init__()
        if not self.scales or min(self.scales) < 1 or len(set(self.scales)) < len(self.scales):
            raise FechnerError(f"scales must be different numbers of pixels of at least 1, got {self.scales}")

    @property
    def coordinate(self) -> tuple[Array, dict[str, Any]]:
        """The orientations on which bins are centred, in degrees, and their attributes."""
        meaning = {"units": "degree", "period": 180.0, "convention": circular.BARS}
        return circular.grid(self.values, 180.0), meaning

    def measure(self, pixels: Pixels) -> Array:
        """Gradient energy per pixel (scale, orientation) of one RGB photograph (height, width, 3)."""
        picture = content(np.asarray(Image.fromarray(pixels).convert("L")), int(16 * min(self.scales)))
        square = central_square(picture)
        side = len(square)
        if side < 16 * min(self.scales):
            raise FechnerError(
                f"{picture.shape[1]} × {picture.shape[0]} pixels are too few for a scale of {min(self.scales):g} pixels: "
                f"at least {16 * min(self.scales):g} each way are needed"
            )
        spectrum = fft.rfft2(square, norm="forward")
        return np.stack([self._histogram(spectrum, side, s) for s in self.scales])

    def _histogram(self, spectrum: npt.NDArray[np.complex64], side: int, scale: float) -> Array:
        """Gradient energy per pixel at one scale (orientation), from the spectrum of a square of this side."""
        if side < 16 * scale:
            return np.zeros(self.values)
        # A Gaussian derivative is smooth: this many samples hold practically all of its energy.
        n = fft.next_fast_len(int(np.ceil(side / scale)), real=True)
        half = (n - 1) // 2
        k = np.concatenate([np.arange(half + 1), np.arange(-half, 0)])
        omega = 2 * np.pi * k / side
        low_pass = np.exp(-0.5 * (scale * omega) ** 2).astype(np.float32)
        smooth = np.zeros((n, n // 2 + 1), np.complex64)
        rows = np.concatenate([np.arange(half + 1), np.arange(n - half, n)])
        smooth[rows, : half + 1] = spectrum[k, : half + 1] * low_pass[:, None] * low_pass[None, : half + 1]
        slopes = (1j * scale * omega).astype(np.complex64)
        across, down = smooth.copy(), smooth
        across[:, : half + 1] *= slopes[: half + 1]
        down[rows] *= slopes[:, None]
        x, y = (fft.irfft2(s, (n, n), norm="forward") for s in (across, down))
        pixel = np.arange(n, dtype=np.float32) * (side / n) - (side - 1) / 2
        inside = np.square(pixel)[:, None] + np.square(pixel)[None, :] <= (side / 2 - 4 * scale) ** 2
        x, y = x[inside], y[inside]
        # Rows run down, and a bar is perpendicular to its gradient. Positions lie within three periods, which are
        # added up at the end.
        position = np.arctan2(-y, x) * np.float32(self.values / np.pi) + np.float32(1.5 * self.values + 0.5)
        histogram = np.bincount(position.astype(np.intp), x * x + y * y, minlength=3 * self.values)
        return histogram.reshape(3, -1).sum(0) / len(x)

    def density(self, totals: Array) -> Array:
        """Densities (1 + groups, orientation) of all scales together, from totals (1 + groups, scale, orientation)."""
        return circular.normalize(totals.sum(1), 180.0)

    def describe(self, totals: Array) -> dict[str, Any]:
        """The density at each scale, which tells whether coarse and fine structure agree."""
        return {
            "scale": (
                "scale",
                np.array(self.scales),
                {"units": "pixel", "long_name": "s.d. of the Gaussian derivative"},
            ),
            "density_by_scale": (("scale", "orientation"), circular.normalize(totals[0], 180.0), {"units": "1/degree"}),
        }

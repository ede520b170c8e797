"""How often each hue occurs in photographs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
from skimage import color

from fechner import circular
from fechner.errors import FechnerError, choices
from fechner.statistics.feature import Array, Feature, Pixels


@dataclass(frozen=True)
class Hue(Feature):
    """Share of a photograph's pixels at every hue, counting those that are saturated and bright enough.

    `saturation` and `value` are the least HSV saturation and value that count (Benjamin et al. 2022, Fig. 3: .1 and
    .5), in either `space`: "hsv", or "cielch" for the CIELAB hue angle. `rotate` turns the HSV hue of every pixel by so
    many degrees first, as the training experiment with rotated hues does.

    >>> red = np.full((8, 8, 3), (200, 20, 20), np.uint8)
    >>> int(Hue(values=36, rotate=90).measure(red).argmax())
    9
    """

    values: int = 360
    saturation: float = 0.1
    value: float = 0.5
    space: Literal["hsv", "cielch"] = "hsv"
    rotate: float = 0.0

    name: ClassVar[str] = "hue"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.values > 3600:
            raise FechnerError(f"values must be at most 3600 hues, got {self.values}")
        for name in ("saturation", "value"):
            if not 0 <= getattr(self, name) <= 1:
                raise FechnerError(f"{name} must lie in [0, 1], got {getattr(self, name)}")
        if self.space not in ("hsv", "cielch"):
            raise choices("space", str(self.space), ["hsv", "cielch"])
        if not np.isfinite(self.rotate):
            raise FechnerError(f"rotate must be a number of degrees, got {self.rotate}")

    @property
    def coordinate(self) -> tuple[Array, dict[str, str]]:
        """The hues on which bins are centred, and what they mean."""
        convention = circular.HSV if self.space == "hsv" else circular.CIELCH
        return circular.grid(self.values, 360.0), {"units": "degree", "convention": convention}

    def measure(self, pixels: Pixels) -> Array:
        """Share of the pixels (1, hue) of one RGB photograph (height, width, 3)."""
        flat = pixels.reshape(-1)
        # Extremes of every three neighbouring bytes, of which every third is a pixel: quicker than splitting channels.
        most, least = np.maximum(flat[:-2], flat[1:-1]), np.minimum(flat[:-2], flat[1:-1])
        most = np.ascontiguousarray(np.maximum(most, flat[2:], out=most)[::3])
        spread = most - np.minimum(least, flat[2:], out=least)[::3]
        darkest = np.uint8(np.ceil(255 * self.value - 1e-9))
        counts = most >= darkest
        counts &= spread >= most * np.float32(self.saturation - 1e-6)
        if self.saturation * darkest < 1:
            counts &= spread > 0
        kept = np.flatnonzero(counts)
        red, green, blue = (flat[i::3][kept] for i in range(3))
        positions = self._hsv(red, green, blue) if self.space == "hsv" else self._cielch(red, green, blue)
        binned = np.bincount(positions.astype(np.int16), minlength=3 * self.values)
        return binned.reshape(3, -1).sum(0)[None] / len(most)

    def _hsv(self, *channels: Pixels) -> npt.NDArray[np.floating]:
        """Where on the bins each pixel falls, 0.5 being the middle of the first; within three turns."""
        most = np.maximum(np.maximum(channels[0], channels[1]), channels[2])
        spread = most - np.minimum(np.minimum(channels[0], channels[1]), channels[2])
        is_red = most == channels[0]
        is_green = (most == channels[1]) & ~is_red
        # Sums of products take half the time of nested choices.
        reds, greens, blues = (c.view(np.int8).astype(np.int16) for c in (is_red, is_green, ~(is_red | is_green)))
        red, green, blue = (c.astype(np.int16) for c in channels)
        difference = (green - blue) * reds + (blue - red) * greens + (red - green) * blues
        positions = spread * np.float32(6 / self.values)
        np.divide(difference, positions, out=positions)
        positions += (greens + 2 * blues) * np.float32(self.values / 3)
        positions += np.float32((1 + self.rotate % 360 / 360) * self.values + 0.5)
        return positions

    def _cielch(self, *channels: Pixels) -> npt.NDArray[np.floating]:
        """The same for the CIELAB hue angle."""
        rgb = np.stack(channels, -1).astype(np.float32) / 255
        if self.rotate:
            hsv = color.rgb2hsv(rgb)
            hsv[:, 0] = (hsv[:, 0] + self.rotate / 360) % 1
            rgb = color.hsv2rgb(hsv)
        lab = color.rgb2lab(rgb)
        return (np.arctan2(lab[:, 2], lab[:, 1]) / (2 * np.pi) + 1) * self.values + 0.5

    def density(self, totals: Array) -> Array:
        """Densities (bootstrap, hue) from totals (bootstrap, 1, hue)."""
        return circular.normalize(totals[:, 0], 360.0)

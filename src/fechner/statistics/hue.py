"""How often each hue occurs in photographs.

Converting millions of pixels to hue costs about as much as decoding them, so it works on bytes, with masks instead of
nested choices. tests/statistics/test_hue.py compares it with scikit-image's conversions of the same pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image
from skimage import color

from fechner import circular
from fechner.arguments import Share, Whole
from fechner.statistics.borders import box
from fechner.statistics.feature import Array, Feature, Pixels


@dataclass(frozen=True)
class HueFeature(Feature):
    """Share of a photograph's pixels at every hue, counting those that are saturated and bright enough.

    >>> red = np.full((8, 8, 3), (200, 20, 20), np.uint8)
    >>> int(HueFeature(values=36, rotate=90).measure(red).argmax())
    9

    A pixel counts if its HSV saturation is at least `saturation` and its HSV value at least `value` (Benjamin et al.
    2022, Fig. 3: 0.1 and 0.5). `space` is that of the hue: "hsv", or "cielch" for the CIELAB hue angle. `rotate` turns
    the HSV hue of every pixel by this many degrees before it is measured, as the training experiment with rotated hues
    does. Bars along the border are cut off first.
    """

    values: Annotated[int, Whole(4, 3600)] = 360
    saturation: Share = 0.1
    value: Share = 0.5
    space: Literal["hsv", "cielch"] = "hsv"
    rotate: float = 0.0

    name: ClassVar[str] = "hue"

    @property
    def coordinate(self) -> tuple[Array, dict[str, Any]]:
        """The hues on which bins are centred, in degrees, and their attributes."""
        convention = circular.HSV if self.space == "hsv" else circular.CIELCH
        return circular.grid(self.values, 360.0), {"units": "degree", "period": 360.0, "convention": convention}

    def measure(self, pixels: Pixels) -> Array:
        """Share of the pixels (1, hue) of one RGB photograph (height, width, 3)."""
        flat = pixels[box(np.asarray(Image.fromarray(pixels).convert("L")))].reshape(-1, 3)
        red, green, blue = (np.ascontiguousarray(flat[:, i]) for i in range(3))
        most, spread = _extremes(red, green, blue)
        darkest = np.uint8(np.ceil(255 * self.value - 1e-9))
        counts = most >= darkest
        # Saturation is spread / most: for each byte, the least spread that reaches it, which no rounding can miss.
        least = np.ceil(np.arange(256) * self.saturation - 1e-9).clip(1).astype(np.uint8)
        counts &= spread >= least[most]
        chosen = np.flatnonzero(counts)
        convert = self._hsv if self.space == "hsv" else self._cielch
        positions = convert(red[chosen], green[chosen], blue[chosen])
        # Positions lie within three turns, which are added up at the end: so no pixel needs a modulo.
        histogram = np.bincount(positions.astype(np.int16), minlength=3 * self.values)
        return histogram.reshape(3, -1).sum(0)[None] / len(most)

    def _hsv(self, *channels: Pixels) -> npt.NDArray[np.floating]:
        """The position of each pixel on the bins, within three turns; 0.5 is the middle of the first bin."""
        red, green, blue = channels
        most, spread = _extremes(*channels)
        # All bits of a byte are set if the channel is the greatest one: masks are quicker than nested choices.
        is_red = np.negative((most == red).view(np.uint8))
        is_green = np.negative((most == green).view(np.uint8)) & ~is_red
        is_blue = ~(is_red | is_green)
        after = (green & is_red) | (blue & is_green) | (red & is_blue)
        before = (blue & is_red) | (red & is_green) | (green & is_blue)
        positions = spread * np.float32(6 / self.values)
        np.divide(np.subtract(after, before, dtype=np.int16), positions, out=positions)
        positions += ((is_green & 1) + (is_blue & 2)) * np.float32(self.values / 3)
        positions += np.float32((1 + self.rotate % 360 / 360) * self.values + 0.5)
        return positions

    def _cielch(self, *channels: Pixels) -> npt.NDArray[np.floating]:
        """The position of each pixel on the bins of the CIELAB hue angle, within three turns."""
        rgb = np.stack(channels, -1).astype(np.float32) / 255
        if self.rotate:
            hsv = color.rgb2hsv(rgb)
            hsv[:, 0] = (hsv[:, 0] + self.rotate / 360) % 1
            rgb = color.hsv2rgb(hsv)
        lab = color.rgb2lab(rgb)
        return (np.arctan2(lab[:, 2], lab[:, 1]) / (2 * np.pi) + 1) * self.values + 0.5

    def density(self, totals: Array) -> Array:
        """Densities (1 + groups, hue) from totals (1 + groups, 1, hue)."""
        return circular.normalize(totals[:, 0], 360.0)


def _extremes(red: Pixels, green: Pixels, blue: Pixels) -> tuple[Pixels, Pixels]:
    """The greatest channel, which is HSV value × 255, and how far the least channel lies below it."""
    most, least = np.maximum(red, green), np.minimum(red, green)
    np.maximum(most, blue, out=most)
    np.minimum(least, blue, out=least)
    return most, np.subtract(most, least, out=least)

"""How the statistics of images are manipulated before a network learns from them, in training and validation alike.

Conditions may differ only in the statistics that they manipulate: all of them, the upright one too, are interpolated
once and seen through the same round aperture (`view`). A new field whose default changes nothing is a new manipulation.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.v2.functional import adjust_hue

from fechner import circular
from fechner.arguments import Real, Share, check_fields
from fechner.errors import FechnerError
from fechner.training.view import disc, look


@dataclass(frozen=True)
class Condition:
    """A manipulation of images; the default changes nothing but what all conditions share, the round aperture.

    >>> Condition(rotation=45)(torch.rand(2, 3, 64, 64)).shape
    torch.Size([2, 3, 32, 32])
    >>> str(Condition(rotation=22.5, hue=90))
    'rotation 22.5, hue 90'

    What is done to images is done in the order of the arguments; last, they are seen in the inscribed circle, on mid-grey.

    Args:
        rotation: rotate all images counter-clockwise by so many degrees.
        hue: shift the HSV hue of all images by so many degrees.
        remove: bar orientations in degrees, such as 0,90, at which contrast is removed.
        band: how many degrees to either side of these it is removed.
        keep: the share of that contrast that is kept, from 0 to 1.
        hamming: show images through a 2-D Hamming window.
    """

    rotation: float = 0.0
    hue: float = 0.0
    remove: tuple[float, ...] = ()
    band: Annotated[float, Real(0, 90, above=True)] = 20.0
    keep: Share = 0.0
    hamming: bool = False

    def __post_init__(self) -> None:
        check_fields(self)
        for f in fields(self):
            if f.name in ("band", "keep") and getattr(self, f.name) != f.default and not self.remove:
                raise FechnerError(
                    f"{f.name} has an effect only on orientations that are removed: "
                    f"give them in remove, or leave {f.name} out"
                )

    def __str__(self) -> str:
        changed = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}
        texts = [k if v is True else f"{k} {','.join(f'{x:g}' for x in np.atleast_1d(v))}" for k, v in changed.items()]
        return ", ".join(texts) or "upright"

    def __call__(self, fine: Tensor, shift: Tensor | None = None, flip: Tensor | None = None) -> Tensor:
        """Images (B, 3, S, S) from refined ones (B, 3, 2S, 2S) in [0, 1]; `shift` and `flip` are those of `look`."""
        images = look(fine, self.rotation, shift, flip)
        if self.hue % 360:
            images = adjust_hue(images, (self.hue / 360 + 0.5) % 1 - 0.5)
        if self.remove:
            images = attenuate(images, self.remove, self.band, self.keep)
        if self.hamming:
            window = torch.hamming_window(images.shape[-1], periodic=False, dtype=images.dtype, device=images.device)
            images = 0.5 + (images - 0.5) * window[:, None] * window[None, :]
        return disc(images)


def attenuate(images: Tensor, orientations: tuple[float, ...], width: float, keep: float) -> Tensor:
    """Images whose contrast is multiplied by `keep` at bar orientations within `width` degrees of `orientations`.

    >>> images = torch.rand(1, 3, 32, 32)
    >>> attenuate(images, (0.0, 90.0), 20.0, keep=0.5).shape
    torch.Size([1, 3, 32, 32])

    The edge of the band is a raised cosine that is half-way at `width` and extends by a quarter of `width` to either
    side. Mean luminance stays the same. Images are mirrored at their borders, so that these add no orientations.
    """
    size = images.shape[-1]
    padded = F.pad(images, (size // 2,) * 4, mode="reflect")
    n = padded.shape[-1]
    rows, columns = np.meshgrid(np.fft.fftfreq(n), np.fft.fftfreq(n), indexing="ij")
    # A bar is perpendicular to the direction in which luminance changes; rows run down.
    bars = np.rad2deg(np.arctan2(-rows, columns)) + 90
    distances = np.min([circular.distance(bars, o, 180.0) for o in orientations], axis=0)
    outside = np.clip((distances - 0.75 * width) / (0.5 * width), 0, 1)
    gain = keep + (1 - keep) * (0.5 - 0.5 * np.cos(np.pi * outside))
    gain[0, 0] = 1  # mean luminance
    mask = torch.as_tensor(gain, dtype=images.dtype, device=images.device)
    filtered = torch.fft.ifft2(torch.fft.fft2(padded) * mask).real
    inner = slice(size // 2, size // 2 + size)
    return filtered[..., inner, inner].clamp(0, 1)

"""Images as a network in training sees them: shifted, flipped and rotated by one interpolation, in a round aperture.

A rotation may leave no signature besides the turned content, or the comparison of trainings would measure the
signature. So images come at twice their final resolution, without the frequencies that the coarser grid cannot
represent at every angle. Rotations by 0° and by 45° then lose equally much, and no corner or border distinguishes them.

Bicubic interpolation still distinguishes them a little. For images of 32 pixels, compare the power of white noise near
horizontal and vertical with that near the diagonals. With the random shifts of training, this ratio is 3 % lower after
a rotation by 45° than by 0°. Without shifts, as in validation, it is up to 3 % higher below 0.35 cycles/pixel, and 8 %
higher from there to 0.45. tests/training/test_view.py bounds these numbers.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from fechner.stimuli.apertures import aperture, distance

FINER = 2  # how many refined pixels a final pixel spans in each direction
# Frequencies pass up to this share of the coarse grid's Nyquist frequency, and fade out from there up to it.
_PASSED = 0.8


def refine(images: Tensor) -> Tensor:
    """Images (B, C, S, S) refined to twice the resolution (B, C, 2S, 2S) and band-limited to a disc of frequencies.

    >>> refine(torch.full((1, 3, 32, 32), 0.3)).shape
    torch.Size([1, 3, 64, 64])
    """
    size = images.shape[-1]
    margin = size // 4
    n = size + 2 * margin
    padded = F.pad(images, (margin,) * 4, mode="reflect")
    frequency = torch.fft.fftshift(torch.fft.fftfreq(n, device=images.device))
    radius = torch.hypot(frequency[:, None], frequency[None, :])
    edge = torch.as_tensor((1 - _PASSED) / 2)
    passband = aperture("soft", radius, (1 + _PASSED) / 4 + torch.zeros_like(edge), edge)
    # Pixel centres of the finer grid lie a quarter of a coarse pixel before those that zero-padding gives.
    phase = torch.exp(-2j * math.pi * frequency / 4)
    spectrum = torch.fft.fftshift(torch.fft.fft2(padded), dim=(-2, -1)) * passband * phase[:, None] * phase[None, :]
    padded_spectrum = F.pad(spectrum, (n - n // 2, n // 2) * 2)
    fine = torch.fft.ifft2(torch.fft.ifftshift(padded_spectrum, dim=(-2, -1))).real * FINER**2
    inner = slice(FINER * margin, FINER * (margin + size))
    return fine[..., inner, inner].clamp(0, 1)


def look(fine: Tensor, angle: float, shift: Tensor | None = None, flip: Tensor | None = None) -> Tensor:
    """Refined images (B, C, 2S, 2S) as a network sees them at S pixels: (B, C, S, S).

    >>> look(torch.rand(2, 3, 64, 64), 45.0).shape
    torch.Size([2, 3, 32, 32])

    Images with a true `flip` (B,) are first flipped left to right. Then images are shifted by `shift` (B, 2) final
    pixels to the right and up, and rotated counter-clockwise by `angle` degrees. Beyond their border they are mirrored.
    """
    batch, _, high, wide = fine.shape
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    # `source` maps each pixel of the result to the place that it comes from: x to the right and y down, in half-widths
    # of the image.
    rotation = torch.tensor([[cosine, -sine], [sine, cosine]], dtype=fine.dtype, device=fine.device)
    source = rotation.expand(batch, 2, 2).clone()
    offset = torch.zeros(batch, 2, dtype=fine.dtype, device=fine.device)
    if shift is not None:
        offset = shift * torch.tensor([-2.0, 2.0], dtype=fine.dtype, device=fine.device) * FINER / wide
    if flip is not None:
        sign = 1 - 2 * flip.to(fine.dtype)
        source[:, 0] *= sign[:, None]
        offset = torch.stack([offset[:, 0] * sign, offset[:, 1]], 1)
    affine = torch.cat([source, offset[:, :, None]], 2)
    grid = F.affine_grid(affine, [batch, 1, high // FINER, wide // FINER], align_corners=False)
    return F.grid_sample(fine, grid, "bicubic", "reflection", align_corners=False).clamp(0, 1)


def disc(images: Tensor, edge: float = 2.0) -> Tensor:
    """Images that are mid-grey outside the inscribed circle, with a soft border of `edge` pixels.

    >>> bool((disc(torch.ones(1, 3, 32, 32))[..., 0, 0] == 0.5).all())
    True
    """
    size = images.shape[-1]
    pixel = torch.arange(size, dtype=images.dtype, device=images.device) - (size - 1) / 2
    r = distance(pixel[None, :], pixel[:, None])
    window = aperture("soft", r, r.new_tensor((size - edge) / 2), r.new_tensor(edge))
    return 0.5 + (images - 0.5) * window

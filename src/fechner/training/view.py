"""Images as a network in training sees them: shifted, flipped and rotated by one interpolation, in a round aperture.

Images come at twice the resolution at which they are seen, and without the frequencies that the coarser grid cannot hold
at every angle. So rotations by 0° and by 45° lose equally much, and no corner or border tells them apart.

Bicubic interpolation tells them apart a little: in images of 32 pixels, white noise has 3 % less power near the horizontal
and vertical than near the diagonals at 45° than at 0° with the random shifts of training. Without shifts, as in validation,
it has up to 3 % more up to 0.35 cycles/pixel, and 8 % more above, up to 0.45.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from fechner.stimuli.apertures import aperture, distance

FINER = 2
# Frequencies are kept up to this share of the coarse grid's Nyquist frequency, and fade out up to all of it.
KEPT = 0.8


def refine(images: Tensor) -> Tensor:
    """Images (B, C, S, S) at twice the resolution (B, C, 2S, 2S), band-limited to a disc of frequencies.

    >>> refine(torch.full((1, 3, 32, 32), 0.3)).shape
    torch.Size([1, 3, 64, 64])
    """
    size = images.shape[-1]
    margin = size // 4
    n = size + 2 * margin
    padded = F.pad(images, (margin,) * 4, mode="reflect")
    frequency = torch.fft.fftshift(torch.fft.fftfreq(n, device=images.device))
    radius = torch.hypot(frequency[:, None], frequency[None, :])
    edge = torch.as_tensor((1 - KEPT) / 2)
    kept = aperture("soft", radius, (1 + KEPT) / 4 + torch.zeros_like(edge), edge)
    # Pixel centres of the finer grid lie a quarter of a coarse pixel before those that zero-padding gives.
    phase = torch.exp(-2j * math.pi * frequency / 4)
    spectrum = torch.fft.fftshift(torch.fft.fft2(padded), dim=(-2, -1)) * kept * phase[:, None] * phase[None, :]
    wider = F.pad(spectrum, (n - n // 2, n // 2) * 2)
    fine = torch.fft.ifft2(torch.fft.ifftshift(wider, dim=(-2, -1))).real * FINER**2
    inner = slice(FINER * margin, FINER * (margin + size))
    return fine[..., inner, inner].clamp(0, 1)


def look(fine: Tensor, angle: float, shift: Tensor | None = None, flip: Tensor | None = None) -> Tensor:
    """Fine images (B, C, 2S, 2S) as seen at S pixels: (B, C, S, S).

    Flipped left to right where `flip` (B,) says so, moved by `shift` (B, 2) coarse pixels to the right and up, and then
    rotated counter-clockwise by `angle` degrees. Beyond the border images are mirrored.

    >>> look(torch.rand(2, 3, 64, 64), 45.0).shape
    torch.Size([2, 3, 32, 32])
    """
    batch, _, high, wide = fine.shape
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    # Where each pixel of the result comes from, x to the right and y down, in half-widths of the image.
    turn = torch.tensor([[cosine, -sine], [sine, cosine]], dtype=fine.dtype, device=fine.device)
    source = turn.expand(batch, 2, 2).clone()
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
    """Images on mid-grey outside the inscribed circle, with a border `edge` pixels wide.

    >>> bool((disc(torch.ones(1, 3, 32, 32))[..., 0, 0] == 0.5).all())
    True
    """
    size = images.shape[-1]
    pixel = torch.arange(size, dtype=images.dtype, device=images.device) - (size - 1) / 2
    r = distance(pixel[None, :], pixel[:, None])
    window = aperture("soft", r, r.new_tensor((size - edge) / 2), r.new_tensor(edge))
    return 0.5 + (images - 0.5) * window

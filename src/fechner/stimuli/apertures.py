"""Circular windows with values in [0, 1], as functions of the distance from their centre and their radius.

Stimuli multiply their contrast by such a window. `none` is 1 everywhere. `hard` is 1 inside and 0 outside. `soft` falls as a
raised cosine of width `edge` centred on the radius. `hamming` is the radial Hamming window, 0.54 + 0.46 cos(πr/radius), and 0
outside. `gaussian` reaches 1 % at the radius. A hard edge does not move smoothly, so derivatives with respect to its radius
are zero.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from fechner.stimuli.parameter import Number

Aperture = Literal["none", "hard", "soft", "hamming", "gaussian"]


def distance(x: Tensor, y: Tensor) -> Tensor:
    """Distance from the centre, differentiable there too; x and y broadcast.

    >>> distance(torch.tensor(3.0), torch.tensor(4.0))
    tensor(5.)
    """
    # The derivative of a square root is infinite at 0, which the small number avoids.
    return torch.sqrt(x**2 + y**2 + 1e-12)


def aperture(kind: Aperture, r: Tensor, radius: Number, edge: Number) -> Tensor:
    """The window of this kind at distances `r` from its centre; all lengths are in degrees and broadcast.

    >>> aperture("soft", torch.tensor([0.0, 1.0, 2.0]), 1.0, 0.2)
    tensor([1.0000, 0.5000, 0.0000])
    """
    if kind == "none":
        return torch.ones_like(r)
    if kind == "hard":
        return (r <= radius).to(r.dtype)
    if kind == "soft":
        return 0.5 + 0.5 * torch.cos(math.pi * ((r - radius) / edge + 0.5).clamp(0, 1))
    if kind == "hamming":
        return torch.where(r <= radius, 0.54 + 0.46 * torch.cos(math.pi * r / radius), torch.zeros_like(r))
    return torch.exp(-math.log(100) * (r / radius) ** 2)

"""Circular windows with values in [0, 1], as functions of the distance from their centre and their radius.

`hard` is 1 inside; `soft` falls as a raised cosine of width `edge` centred on the radius; `hamming` is the radial
Hamming window, 0.54 + 0.46 cos(πr/radius), 0 outside; `gaussian` reaches 1 % at the radius. A hard edge does not move
smoothly, so derivatives with respect to its radius are zero.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from fechner.stimuli.parameter import Number

Aperture = Literal["none", "hard", "soft", "hamming", "gaussian"]


def distance(x: Tensor, y: Tensor) -> Tensor:
    """Distance from the centre, differentiable there too."""
    return torch.sqrt(x**2 + y**2 + 1e-12)


def aperture(kind: Aperture, r: Tensor, radius: Number, edge: Number) -> Tensor:
    """The window of this kind at distances `r` (degrees) from its centre."""
    if kind == "none":
        return torch.ones_like(r)
    if kind == "hard":
        return (r <= radius).to(r.dtype)
    if kind == "soft":
        return 0.5 + 0.5 * torch.cos(math.pi * ((r - radius) / edge + 0.5).clamp(0, 1))
    if kind == "hamming":
        return torch.where(r <= radius, 0.54 + 0.46 * torch.cos(math.pi * r / radius), torch.zeros_like(r))
    return torch.exp(-math.log(100) * (r / radius) ** 2)

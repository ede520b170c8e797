"""Plain networks of six convolutions, for what kernel size does: --arch plain:kernels_of_3, from this folder."""

from __future__ import annotations

from torch import nn


def kernels_of_3(num_classes: int = 10) -> nn.Module:
    """Six convolutions of 3 × 3."""
    return _plain(3, num_classes)


def kernels_of_5(num_classes: int = 10) -> nn.Module:
    """Six convolutions of 5 × 5."""
    return _plain(5, num_classes)


def _plain(kernel: int, num_classes: int) -> nn.Module:
    layers: list[nn.Module] = []
    channels = 3
    for width, stride in ((24, 1), (24, 1), (48, 2), (48, 1), (96, 2), (96, 1)):
        layers.append(
            nn.Sequential(
                nn.Conv2d(channels, width, kernel, stride, kernel // 2, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            )
        )
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes))

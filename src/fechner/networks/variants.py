"""AlexNet with one thing changed: controls for what its pooling and its square kernels contribute.

Each must keep AlexNet's parameter names, so that weights trained for AlexNet load where shapes allow (Benjamin et al. 2022,
supplementary controls). `zoo` lists them by the names in `VARIANTS`. Tests: tests/networks/test_zoo.py.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchvision.models import AlexNet


class CircularConv2d(nn.Conv2d):
    """A convolution whose kernel is weighted by the share of each of its pixels that lies in the inscribed disc.

    >>> CircularConv2d(nn.Conv2d(3, 8, 5, padding=2))(torch.rand(1, 3, 9, 9)).shape
    torch.Size([1, 8, 9, 9])

    Weighting by area changes 3 × 3 kernels too: a mask of pixel centres would leave them square.
    """

    mask: Tensor

    def __init__(self, like: nn.Conv2d) -> None:
        super().__init__(like.in_channels, like.out_channels, like.kernel_size, like.stride, like.padding)  # type: ignore[arg-type]
        self.register_buffer("mask", disc(like.kernel_size[0]), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight * self.mask, self.bias)


def disc(size: int, samples: int = 64) -> Tensor:
    """The share of each pixel of a kernel (size, size) that lies inside the inscribed disc, by even sampling.

    >>> disc(3)[1]
    tensor([0.9727, 1.0000, 0.9727])
    """
    axis = (torch.arange(size * samples, dtype=torch.float64) + 0.5) / samples - size / 2
    inside = (torch.hypot(axis[:, None], axis[None, :]) <= size / 2).float()
    return inside.view(size, samples, size, samples).mean((1, 3))


def alexnet_no_overlap(num_classes: int = 1000) -> nn.Module:
    """AlexNet whose max-pools do not overlap: kernel 2, stride 2."""
    return _changed(num_classes, nn.MaxPool2d, lambda module, channels: nn.MaxPool2d(2, 2))


def alexnet_no_pooling(num_classes: int = 1000) -> nn.Module:
    """AlexNet whose pools are strided convolutions of the same kernel and stride, each with a padding of 1 and a ReLU."""
    network = _changed(num_classes, nn.MaxPool2d, lambda module, channels: nn.Conv2d(channels, channels, 3, 2, 1))
    features: OrderedDict[str, nn.Module] = OrderedDict()
    for name, module in network.features.named_children():
        features[name] = module
        if isinstance(module, nn.Conv2d) and module.stride == (2, 2):
            # The ReLU gets a name that is no number, so that later layers keep the numbers that they have in AlexNet.
            features[f"{name}_relu"] = nn.ReLU(inplace=True)
    network.features = nn.Sequential(features)
    return network


def alexnet_circular(num_classes: int = 1000) -> nn.Module:
    """AlexNet whose convolution kernels are circular."""

    def circular(module: nn.Module, channels: int) -> nn.Module:
        assert isinstance(module, nn.Conv2d)
        return CircularConv2d(module)

    return _changed(num_classes, nn.Conv2d, circular)


def _changed(num_classes: int, kind: type[nn.Module], new: Callable[[nn.Module, int], nn.Module]) -> AlexNet:
    network = AlexNet(num_classes)
    channels = 3
    for i, module in enumerate(network.features):
        channels = getattr(module, "out_channels", channels)
        if isinstance(module, kind):
            network.features[i] = new(module, channels)
    return network


VARIANTS: dict[str, Callable[..., nn.Module]] = {
    "alexnet_no_overlap": alexnet_no_overlap,
    "alexnet_no_pooling": alexnet_no_pooling,
    "alexnet_circular": alexnet_circular,
}

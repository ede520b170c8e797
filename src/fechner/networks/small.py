"""Networks for images of 32 × 32 pixels: the architectures of the large ones, at a quarter of their width.

Their first convolution has stride 1 and a kernel of 3 × 3, and nothing is pooled before the first block, so that small
images are not reduced to a few pixels at once. `zoo` lists them by the names in `SMALL`; they have no pretrained weights.
Tests: tests/networks/test_zoo.py.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock
from torchvision.models.vgg import cfgs, make_layers
from torchvision.models.vision_transformer import VisionTransformer

NARROWER = 4


class SmallResNet(nn.Module):
    """A ResNet of basic blocks; `blocks` is their number in each stage, and stages are 16, 32, 64 and 128 channels wide."""

    def __init__(self, blocks: tuple[int, ...], num_classes: int) -> None:
        super().__init__()
        width = 64 // NARROWER
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        channels = width
        for i, count in enumerate(blocks):
            stage = []
            for j in range(count):
                wider, stride = width * 2**i, 2 if i and not j else 1
                shortcut = None
                if stride > 1:
                    shortcut = nn.Sequential(nn.Conv2d(channels, wider, 1, stride, bias=False), nn.BatchNorm2d(wider))
                stage.append(BasicBlock(channels, wider, stride, shortcut))
                channels = wider
            setattr(self, f"layer{i + 1}", nn.Sequential(*stage))
        self.stages = len(blocks)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(images)))
        for i in range(self.stages):
            x = getattr(self, f"layer{i + 1}")(x)
        return self.fc(self.avgpool(x).flatten(1))


class SmallVGG(nn.Module):
    """VGG's convolutions with batch normalisation, and one linear layer after them."""

    def __init__(self, configuration: str, num_classes: int) -> None:
        super().__init__()
        widths: list[str | int] = [c if isinstance(c, str) else c // NARROWER for c in cfgs[configuration]]
        self.features = make_layers(widths, batch_norm=True)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(512 // NARROWER, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(images)).flatten(1))


def resnet18_small(num_classes: int = 10) -> nn.Module:
    """ResNet18 at a quarter of its width, with a 3 × 3 stem and 0.7 million parameters.

    >>> resnet18_small(7).fc
    Linear(in_features=128, out_features=7, bias=True)
    """
    return SmallResNet((2, 2, 2, 2), num_classes)


def vgg16_bn_small(num_classes: int = 10) -> nn.Module:
    """VGG16 with batch normalisation at a quarter of its width, with one linear layer and 0.9 million parameters.

    >>> vgg16_bn_small(7).classifier
    Linear(in_features=128, out_features=7, bias=True)
    """
    return SmallVGG("D", num_classes)


def vit_small(num_classes: int = 10) -> nn.Module:
    """A vision transformer with patches of 4 × 4 pixels, 6 layers, 4 heads, width 128 and 0.8 million parameters.

    >>> vit_small(7).heads.head
    Linear(in_features=128, out_features=7, bias=True)
    """
    return VisionTransformer(32, 4, 6, 4, 128, 256, num_classes=num_classes)


SMALL: dict[str, Callable[..., nn.Module]] = {
    "resnet18_small": resnet18_small,
    "vgg16_bn_small": vgg16_bn_small,
    "vit_small": vit_small,
}

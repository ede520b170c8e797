"""Execution order, in-place operations, repeated modules, nested outputs, and a sensible dozen."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from fechner import FechnerError, load
from fechner.networks import Network, blocks, select, tap, trace


class Odd(nn.Module):
    """Tuples, dicts, a module called twice, a batch on the second axis, windows, and modules that never run."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(3, 4, 3)
        self.pair = Pair()
        self.attention = nn.MultiheadAttention(4, 2)
        self.windows = Windows()
        self.unused = nn.Linear(3, 3)
        self.table = nn.Embedding(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv(x))
        x = self.relu(self.pair(x)["a"][0] - 0.1)
        y = self.windows(x).flatten(2).mean(-1)
        seq = x.flatten(2).permute(2, 0, 1)[:5] + self.table(torch.arange(5))[:, None]
        return self.attention(seq, seq, seq)[0].mean(0) + y.view(len(x), -1, y.shape[-1]).mean(1)


class Pair(nn.Module):
    def forward(self, x: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        return {"a": (x * 2, x.mean((1, 2, 3)))}


class Windows(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        return x.view(b, c, 2, h // 2, w).transpose(1, 2).reshape(b * 2, c, h // 2, w)


def odd() -> Network:
    torch.manual_seed(0)
    return Network(Odd().eval())


def test_names_order_and_shapes_of_an_odd_network() -> None:
    layers = {layer.name: layer for layer in trace(odd(), torch.rand(1, 3, 10, 10))}
    names = list(layers)
    assert names[:4] == ["conv", "relu", "pair:a:0", "pair:a:1"]
    assert names.index("relu#2") > names.index("pair:a:1")
    assert names[-1] == "output"
    assert not any(n.startswith(("unused", "table")) for n in names)
    assert layers["windows"].shape[0] == 2
    attention = layers["attention:0"]
    assert attention.batch_axis == 1
    assert attention.per_stimulus(torch.rand(5, 7, 4), 7).shape == (7, 5, 4)


def test_selection() -> None:
    network = odd()
    layers = trace(network, torch.rand(1, 3, 10, 10))
    assert [x.name for x in select(layers, "relu*", network)] == ["relu", "relu#2"]
    assert [x.name for x in select(layers, ["windows", "conv"], network)] == ["conv", "windows"]
    assert len(select(layers, "all", network)) == len(layers)
    with pytest.raises(FechnerError, match="unknown layer 'lay3'.*conv"):
        select(layers, "lay3", network)
    with pytest.raises(FechnerError, match="'unused' exists but returns no tensor"):
        select(layers, "unused", network)


@pytest.mark.parametrize("name", ["alexnet", "vgg11_bn", "resnet18"])
def test_a_layer_is_what_its_module_returned_before_inplace_relu(name: str) -> None:
    network = load(name, "init")
    images = torch.rand(2, 3, 64, 64)
    negative: dict[str, bool] = {}
    inputs: dict[str, Tensor] = {}
    recomputed: dict[str, float] = {}

    def visit(layer: str, module_name: str, module: nn.Module, tensor: Tensor) -> None:
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
            negative[layer] = bool((tensor < 0).any())
            recomputed[layer] = float((tensor - module.forward(inputs[layer])).abs().max())

    def before(layer: str):
        return lambda module, args: inputs.__setitem__(layer, args[0].clone())

    for n, m in network.model.named_modules():
        if isinstance(m, nn.Conv2d | nn.BatchNorm2d):
            m.register_forward_pre_hook(before(n))
    hooks_before = sum(len(m._forward_hooks) for m in network.modules())
    with torch.no_grad(), tap(network, visit):
        network(images)
    assert len(negative) >= 5
    assert all(negative.values())
    assert max(recomputed.values()) < 1e-5
    assert sum(len(m._forward_hooks) for m in network.modules()) == hooks_before


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet18", ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool", "fc"]),
        ("alexnet", ["features.2", "features.5", "features.7", "features.9", "features.12", "avgpool", "classifier.2", "classifier.5", "classifier.6"]),
        ("efficientnet_lite0", ["stem", *[f"blocks.{i}" for i in range(16)], "head", "pool", "fc"]),
        ("vit_b_16", ["conv_proj", *[f"encoder.layers.encoder_layer_{i}" for i in range(12)], "encoder.ln", "heads"]),
    ],
)  # fmt: skip
def test_blocks(name: str, expected: list[str]) -> None:
    network = load(name, "init")
    assert [x.name for x in blocks(trace(network, torch.rand(1, 3, 224, 224)), network)] == expected


@pytest.mark.parametrize(
    "name",
    [
        "swin_t",
        "mobilenet_v3_large",
        "convnext_tiny",
        "densenet121",
        "googlenet",
        "inception_v3",
        "vgg16_bn",
        "efficientnet_b0",
    ],
)
def test_blocks_are_about_a_dozen_in_order(name: str) -> None:
    network = load(name, "init")
    layers = trace(network, torch.rand(1, 3, 224, 224))
    chosen = [x.name for x in blocks(layers, network)]
    assert 8 <= len(chosen) <= 24
    order = [x.name for x in layers]
    assert sorted(chosen, key=order.index) == chosen


def test_a_bare_module_is_its_output() -> None:
    network = Network(nn.Conv2d(3, 2, 3).eval())
    layers = trace(network, torch.rand(1, 3, 8, 8))
    assert [x.name for x in layers] == ["output"]
    assert blocks(layers, network) == layers


def test_normalisation_follows_the_model() -> None:
    model = nn.Conv2d(3, 2, 3).double().eval()
    network = Network(model, mean=(0.1, 0.2, 0.3), std=0.5)
    images = torch.rand(2, 3, 8, 8, dtype=torch.float64)
    expected = model((images - torch.tensor([0.1, 0.2, 0.3]).double().view(3, 1, 1)) / 0.5)
    assert network(images).dtype == torch.float64
    assert torch.allclose(network(images), expected, atol=1e-7)

"""Execution order, in-place operations, repeated modules, nested outputs, and a sensible dozen."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fechner import FechnerError, Gabor, load, sensitivity
from fechner.errors import FechnerWarning
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


@dataclass(slots=True)
class Slotted:
    tokens: Tensor
    more: tuple[Any, ...]


class Attrs:
    """As the package attrs makes classes."""

    __slots__ = ("tokens",)
    __attrs_attrs__ = (SimpleNamespace(name="tokens"),)


def attrs(x: Tensor) -> Attrs:
    made = Attrs()
    made.tokens = x
    return made


def circular(x: Tensor) -> SimpleNamespace:
    made = SimpleNamespace(tokens=x, _private=x, module=nn.Linear(1, 1), function=print)
    made.itself = made
    return made


class Returns(nn.Module):
    """A block that returns whatever `wrap` makes of its convolution, and a layer after it."""

    def __init__(self, wrap: Any) -> None:
        super().__init__()
        self.block = nn.Module()
        self.block.conv = nn.Conv2d(3, 2, 3)
        self.block.forward = lambda x: wrap(self.block.conv(x))  # type: ignore[method-assign]
        self.wrap = wrap

    def forward(self, x: Tensor) -> Tensor:
        self.block(x)
        return x.mean((2, 3))


@pytest.mark.parametrize(
    ("wrap", "names"),
    [
        (lambda x: Slotted(x, (x + 1, None)), ["block:tokens", "block:more:0"]),
        (attrs, ["block"]),
        (lambda x: SimpleNamespace(logits=x, attentions=[x, x]), ["block:logits", "block:attentions:0", "block:attentions:1"]),
        (circular, ["block"]),
        (lambda x: OrderedDict(last_hidden_state=x), ["block"]),
        (torch.distributions.Bernoulli, ["block"]),
    ],
)  # fmt: skip
def test_tensors_in_objects_of_any_kind_are_layers(wrap: Any, names: list[str]) -> None:
    inside = lambda x: wrap(x.sigmoid())  # noqa: E731
    network = Network(Returns(inside).eval())
    layers = trace(network, torch.rand(1, 3, 8, 8))
    assert [x.name for x in layers] == ["block.conv", *names, "output"]
    assert {x.name for x in select(layers, "block", network)} == set(names)
    assert {x.module for x in blocks(layers, network)} == {"block"}


def test_what_only_the_whole_network_returns_is_a_block() -> None:
    model = nn.Module()
    model.forward = lambda x: SimpleNamespace(a=x * 2, b=x + 1)  # type: ignore[method-assign]
    network = Network(model.eval())
    layers = trace(network, torch.rand(1, 3, 8, 8))
    assert [x.name for x in blocks(layers, network)] == ["output:a", "output:b"]


def test_names_may_hold_the_signs_that_layers_are_named_with() -> None:
    odd = ["conv:a", "conv#b", "conv[c]", "conv*"]
    model = nn.Sequential(*(nn.Conv2d(3, 3, 3, padding=1) for _ in odd))
    model._modules = dict(zip(odd, model._modules.values(), strict=True))
    network = Network(model.eval())
    layers = trace(network, torch.rand(1, 3, 8, 8))
    assert [x.name for x in blocks(layers, network)] == odd
    for name in odd:
        assert [x.name for x in select(layers, [name], network)] == [name]


def test_two_layers_of_one_name_are_refused() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu = nn.ReLU()
            self.add_module("relu#2", nn.Tanh())

        def forward(self, x: Tensor) -> Tensor:
            return getattr(self, "relu#2")(self.relu(self.relu(x)))

    with pytest.raises(FechnerError, match=r"two layers would be called 'relu#2'; rename module 'relu#2' or 'relu'"):
        trace(Network(Twice().eval()), torch.rand(1, 3, 8, 8))


class Detector(nn.Module):
    """Finds bright pixels, as many as there are, and says something of each."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.head, self.first = nn.Conv2d(3, 2, 3), nn.Linear(2, 4), nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.backbone(x).movedim(1, -1)
        bright = y[..., 0] > y[..., 0].mean()
        self.head(y[bright])
        return self.first(y.flatten(1, 2))


def test_layers_of_another_size_for_every_image_are_left_out_with_a_word() -> None:
    torch.manual_seed(0)
    network = Network(Detector().eval())
    images = torch.rand(2, 3, 10, 10)
    with pytest.warns(FechnerWarning, match="1 layers are left out, .* such as 'head'"):
        layers = trace(network, images)
    assert [x.name for x in layers] == ["backbone", "first"]
    with pytest.raises(FechnerError, match="'head' exists but returns .* whose shape depends on the image"):
        select(layers, "head", network)
    # Images that agree by chance in the probe do not in the sweep.
    (alike,) = (x for x in trace(network, images[:1]) if x.name == "head")
    heard: list[Tensor] = []
    with torch.no_grad(), tap(network, lambda name, *rest: heard.append(rest[-1]) if name == "head" else None):
        network(images)
    with pytest.raises(FechnerError, match=r"layer 'head' returns .* their number depends on the image; leave it out"):
        alike.per_stimulus(heard[0], 2)


class Complex(nn.Module):
    """A layer with complex weights and responses, then their real part."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 4, dtype=torch.complex64))
        self.mixed = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.mixed(torch.einsum("bchw,cd->bdhw", x.to(self.weight.dtype), self.weight).conj()).real


def test_complex_layers_are_two_real_ones() -> None:
    torch.manual_seed(0)
    network = Network(Complex().eval())
    images = torch.rand(2, 3, 8, 8)
    layers = {x.name: x for x in trace(network, images)}
    assert layers["mixed"].shape == (4, 8, 8, 2)
    assert layers["output"].shape == (4, 8, 8)
    heard: dict[str, Tensor] = {}
    with torch.no_grad(), tap(network, lambda name, *rest: heard.update({name: rest[-1]})):
        network(images)
    real = layers["mixed"].per_stimulus(heard["mixed"], 2)
    assert torch.allclose(real.norm(), heard["mixed"].norm())
    assert real.dtype == torch.float32


def test_sensitivity_of_complex_layers_is_that_of_both_parts() -> None:
    torch.manual_seed(0)
    model = Complex().eval()
    curves = sensitivity(model, Gabor(size=16), values=2, average={}, layers="all", progress=False)
    # A linear layer: J is the pixels' own, through the weights.
    per_pixel = float(model.weight.detach().sum(0).abs().square().sum()) / 3
    expected = curves.fisher_information.sel(layer="input") * per_pixel
    assert curves.fisher_information.sel(layer="mixed").values == pytest.approx(expected.values, rel=1e-4)

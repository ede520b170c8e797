"""A network leaves modules in the mode they are in, and says what it cannot wrap."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fechner import FechnerError, Gabor, sensitivity
from fechner.networks import Network, in_dtype


def test_every_layer_stays_in_its_mode() -> None:
    backbone = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2)).eval()
    assert Network(nn.Sequential(backbone, nn.Flatten())).training
    assert not any(m.training for m in backbone.modules())
    network = Network(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Dropout()).eval())
    assert not any(m.training for m in network.modules())


def test_a_layer_in_training_mode_is_named() -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Dropout()).eval()
    model[1].train()
    with pytest.raises(FechnerError, match="its layer '1' is in training mode"):
        sensitivity(model, Gabor(size=16), values=3)
    assert model[1].training


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
@pytest.mark.parametrize("scripted", [torch.jit.script, lambda m: torch.jit.trace(m, torch.rand(1, 3, 8, 8))])
def test_scripted_modules_are_refused(scripted) -> None:
    module = scripted(nn.Conv2d(3, 2, 3).eval())
    for model in (module, nn.Sequential(module)):
        with pytest.raises(FechnerError, match=r"scripted or traced .*give the module that it was made from"):
            Network(model)


def test_exported_programs_are_refused() -> None:
    exported = torch.export.export(nn.Conv2d(3, 2, 3).eval(), (torch.rand(2, 3, 8, 8),)).module()
    for model in (exported, nn.Sequential(exported)):
        with pytest.raises(FechnerError, match=r"exported program .*give the module that it was exported from"):
            Network(model)
    # A traced graph of modules is none.
    Network(torch.fx.symbolic_trace(nn.Sequential(nn.Conv2d(3, 2, 3)).eval()))


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_a_copy_in_another_dtype_computes_the_same() -> None:
    torch.manual_seed(0)
    old = (nn.utils.weight_norm(nn.Conv2d(3, 4, 3)), nn.utils.spectral_norm(nn.Conv2d(4, 4, 3)))
    new = nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 3))
    network = Network(nn.Sequential(*old, new, nn.BatchNorm2d(4)).eval(), mean=0.4)
    images = torch.rand(2, 3, 12, 12)
    before = network(images)
    copied = in_dtype(network, torch.float64)
    assert copied(images.double()).dtype == torch.float64
    assert torch.allclose(copied(images.double()), before.double(), atol=1e-5)
    assert torch.equal(network(images), before)
    assert in_dtype(copied, torch.float64) is copied
    assert in_dtype(network.to(torch.bfloat16), torch.float32)(images).dtype == torch.float32


class Phases(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1 + 2j, 3 - 1j, 0.5j]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x * self.weight.view(3, 1, 1)).sum(1).abs()


def test_complex_weights_stay_complex() -> None:
    network, images = Network(Phases().eval()), torch.rand(2, 3, 8, 8)
    copied = in_dtype(network, torch.float64)
    assert copied.model.weight.dtype == torch.complex128
    assert torch.allclose(copied(images.double()), network(images).double())
    assert in_dtype(network, torch.float32) is network
    with pytest.raises(
        FechnerError, match="'weight' is complex, and .* do not come in torch.bfloat16; use torch.float32"
    ):
        in_dtype(network, torch.bfloat16)
    assert network.weights_sha256() != copied.weights_sha256()


@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: nn.Sequential(nn.LazyConv2d(4, 3)),
            r"layer '0' \(LazyConv2d\) has no weights .* run the network once",
        ),
        (lambda: nn.LazyConv2d(4, 3), r"it \(LazyConv2d\) has no weights .* run the network once"),
        (lambda: nn.Conv2d(3, 4, 3, device="meta"), "'weight' is on the meta device, so it has no values"),
        (lambda: nn.BatchNorm2d(3, affine=False, device="meta"), "'running_mean' is on the meta device"),
    ],
)
def test_weights_without_values_are_named(make, message: str) -> None:
    network = Network(make().eval())
    for use in (network.weights_sha256, lambda: in_dtype(network, torch.float64)):
        with pytest.raises(FechnerError, match=message):
            use()
    with pytest.raises(FechnerError, match=message):
        sensitivity(network, Gabor(size=16), values=3)


def test_a_network_that_cannot_be_copied_says_what_to_do() -> None:
    class Keeps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.kept = nn.Parameter(torch.ones(1)), [torch.ones(0)]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.kept = [x * self.weight]
            return self.kept[0]

    network = Network(Keeps().eval())
    network(torch.rand(1, 3, 8, 8))
    with pytest.raises(FechnerError, match=r"cannot be copied to torch.float64 .* network.to\(torch.float64\)"):
        in_dtype(network, torch.float64)
    assert in_dtype(network.to(torch.float64), torch.float64) is network

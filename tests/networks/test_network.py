"""A network leaves modules in the mode they are in, and says what it cannot wrap."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fechner import FechnerError, Gabor, sensitivity
from fechner.networks import Network


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

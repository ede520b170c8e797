"""Any network is either measured right at every layer, or refused by the name of a layer."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fechner import FechnerError, Gabor, sensitivity
from fechner.networks import Network, tap

GABOR = Gabor(size=16, pixels_per_degree=7.0, spatial_frequency=1.0)
CHANNELS = 4
FAULTY = {"detached", "random", "joint"}


class Residual(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x.clone())


class Detached(nn.Module):
    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gain * x.detach()


class Noisy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * (1 + 0.2 * torch.rand_like(x))


class Joint(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0, keepdim=True)


class Twice(nn.Module):
    """One module, used two times."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(self.inner(x))


def network(seed: int) -> tuple[nn.Module, set[str]]:
    """Up to eight modules that keep (4, 8, 8), and which faults are among them."""
    rng = random.Random(seed)
    torch.manual_seed(seed)
    inplace = rng.random() < 0.5
    fine = [
        lambda: nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, groups=rng.choice([1, 2, 4])),
        lambda: nn.BatchNorm2d(CHANNELS),
        lambda: nn.GroupNorm(2, CHANNELS),
        lambda: nn.InstanceNorm2d(CHANNELS),
        lambda: nn.LayerNorm([CHANNELS, 8, 8]),
        lambda: nn.LocalResponseNorm(2),
        lambda: nn.ReLU(inplace),
        lambda: nn.ReLU6(inplace),
        lambda: nn.LeakyReLU(0.1, inplace),
        lambda: nn.ELU(inplace=inplace),
        lambda: nn.SELU(inplace),
        lambda: nn.SiLU(inplace),
        lambda: nn.Mish(inplace),
        lambda: nn.Hardswish(inplace),
        lambda: nn.Hardtanh(-0.5, 0.5, inplace),
        lambda: nn.Hardsigmoid(inplace),
        lambda: nn.GELU(),
        lambda: nn.Tanh(),
        lambda: nn.Sigmoid(),
        lambda: nn.Softplus(),
        lambda: nn.Softsign(),
        lambda: nn.Softshrink(0.05),
        lambda: nn.Tanhshrink(),
        lambda: nn.PReLU(CHANNELS),
        lambda: nn.CELU(inplace=inplace),
        lambda: nn.Softmax2d(),
        lambda: nn.LogSigmoid(),
        lambda: nn.MaxPool2d(3, 1, 1),
        lambda: nn.AvgPool2d(3, 1, 1),
        lambda: nn.Dropout2d(0.5),
        lambda: nn.AlphaDropout(0.3),
        lambda: nn.Sequential(nn.PixelUnshuffle(2), nn.PixelShuffle(2)),
        lambda: nn.Sequential(nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="bilinear")),
        lambda: nn.ChannelShuffle(2),
        lambda: nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(CHANNELS, CHANNELS, 3)),
        lambda: nn.ConvTranspose2d(CHANNELS, CHANNELS, 3, padding=1),
        lambda: nn.Linear(8, 8),
        lambda: nn.Identity(),
        lambda: Twice(nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 1), nn.ReLU(inplace))),
        lambda: Residual(nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1), nn.ReLU(inplace))),
        lambda: Residual(nn.Tanh()),
    ]
    faulty = {"detached": lambda: Detached(rng.uniform(0.1, 3)), "random": Noisy, "joint": Joint}
    made, faults = [nn.Conv2d(3, CHANNELS, 3, 2, 1)], set()
    for _ in range(rng.randint(2, 7)):
        if rng.random() < 0.1:
            fault = rng.choice(sorted(faulty))
            faults.add(fault)
            made.append(faulty[fault]())
        else:
            made.append(rng.choice(fine)())
    for module in nn.Sequential(*made).modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return nn.Sequential(*made).eval(), faults


def central(model: nn.Module, layers: list[str], values: np.ndarray, step: float) -> np.ndarray:
    """‖∂r/∂θ‖ (layer, value) by differences in float64, one image at a time."""
    wrapped = Network(model).double()
    found = np.zeros((len(layers), len(values)))
    for j, value in enumerate(values):
        ends = []
        for moved in (value - step, value + step):
            heard: dict[str, Tensor] = {}
            images = GABOR(orientation=torch.tensor([moved], dtype=torch.float64))
            with torch.no_grad(), tap(wrapped, lambda name, m, n, t, heard=heard: heard.update({name: t.clone()})):
                wrapped(images)
            ends.append(heard | {"input": images})
        for i, name in enumerate(layers):
            found[i, j] = float((ends[1][name] - ends[0][name]).norm()) / (2 * step)
    return found


def agrees_or_names_a_layer(seed: int) -> bool:
    """Whether it was measured; an assertion fails if it was measured wrong, or refused without naming a layer."""
    model, faults = network(seed)
    rng = np.random.default_rng(seed)
    values = np.sort(rng.uniform(0, 180, 3))
    try:
        found = sensitivity(model, GABOR, values=values, average={}, layers="all", dtype=torch.float64, progress=False)
    except FechnerError as e:
        assert "layer '" in str(e), str(e)  # noqa: PT017
        assert faults, f"{model} is fine, and was refused: {e}"  # noqa: PT017
        return False
    assert not faults & {"random", "joint"}
    got, layers = np.sqrt(found.fisher_information.values), found.layer.values.tolist()
    # Differences across a kink are wrong themselves: over one of two steps there is none.
    apart = np.min([np.abs(got - central(model, layers, values, step)) for step in (1e-4, 1e-6)], 0)
    largest = got.max(1, keepdims=True)
    assert (apart <= 1e-4 * got + 1e-7 * largest).all(), (model, apart / got)
    return True


def test_forty_random_networks() -> None:
    measured = [agrees_or_names_a_layer(seed) for seed in range(40)]
    assert sum(measured) >= 20
    assert not all(measured)


@pytest.mark.slow
def test_a_thousand_random_networks() -> None:
    measured = [agrees_or_names_a_layer(seed) for seed in range(40, 1040)]
    assert sum(measured) >= 500

"""What is wrong with a user's model is said before the sweep, with the layer and the remedy."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from step import Step
from torch import Tensor, nn

from fechner import FechnerError, Gabor, load, sensitivity

GABOR = Gabor(size=32, pixels_per_degree=14.0)


class Then(nn.Module):
    """A convolution, then a module of the given function."""

    def __init__(self, function) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.step = Step(function)

    def forward(self, x: Tensor) -> Tensor:
        return self.step(self.conv(x))


class NoForward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2


def measure(network: nn.Module, **kw):
    return sensitivity(network, GABOR, values=3, average={}, layers="all", progress=False, **kw)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x.detach(), "layer 'step' is detached from its input"),
        (lambda x: x.data * 1.0, "layer 'step' is detached"),
        (lambda x: torch.from_numpy(x.detach().numpy()), "layer 'step' is detached"),
        (NoForward.apply, r"layer 'step' \(Step\) cannot be differentiated in forward mode .*method='central'"),
        (lambda x: (10 * x).round(), r"layer 'step' changes with orientation in steps"),
        (lambda x: x.sign(), r"layer 'step' changes with orientation in steps"),
        (lambda x: x / 0, "layer 'step' returns (Inf|NaN)"),
        (lambda x: x.double(), r"layer 'step' returns torch.float64 although the stimuli are torch.float32"),
        (lambda x: x.view(7, -1), r"cannot run on 3×32×32 images \(in layer 'step'"),
    ],
)
def test_diagnosis(function, message: str) -> None:
    torch.manual_seed(0)
    with pytest.raises(FechnerError, match=message):
        measure(Then(function).eval())


def test_a_single_stimulus_is_enough_to_see_that_a_layer_is_detached() -> None:
    with pytest.raises(FechnerError, match="layer 'step' is detached"):
        sensitivity(Then(lambda x: x.detach()).eval(), GABOR, values=[30.0], average={}, layers="all", progress=False)


def test_central_differences_that_leave_the_range_are_refused_before_they_start() -> None:
    network = nn.Conv2d(3, 2, 3).eval()
    with pytest.raises(FechnerError, match=r"contrast must lie in \[0, 1\] 1, got -0.0025"):
        sensitivity(network, GABOR, "contrast", values=5, average={}, method="central", progress=False)


@pytest.mark.parametrize("order", ["image by image", "part by part"])
def test_parts_of_images_must_lie_together(order: str) -> None:
    def halves(x: Tensor) -> Tensor:
        left, right = x.chunk(2, -1)
        together = torch.stack([left, right], 1 if order == "image by image" else 0)
        return together.flatten(0, 1)

    network = Then(halves).eval()
    alone = measure(network, batch_size=1)
    if order == "image by image":
        assert measure(network).fisher_information.values == pytest.approx(alone.fisher_information.values, rel=1e-4)
    else:
        with pytest.raises(FechnerError, match="layer 'step' returns parts of images in an order"):
            measure(network)


def test_central_differences_serve_where_forward_mode_cannot() -> None:
    found = measure(Then(NoForward.apply).eval(), method="central")
    assert (found.fisher_information.sel(layer="step") > 0).all()
    assert found.attrs["method"].startswith("central, step")


def test_training_mode_wrong_size_and_wrong_channels() -> None:
    with pytest.raises(FechnerError, match=r"training mode.*call network.eval\(\)"):
        measure(nn.Sequential(nn.Conv2d(3, 2, 3)))
    with pytest.raises(FechnerError, match="Wrong image height.*check the stimulus' size"):
        measure(load("vit_b_16", "init"))
    with pytest.raises(FechnerError, match="number of channels"):
        measure(nn.Conv2d(1, 2, 3).eval())


def test_stimulus_without_the_parameter_in_it() -> None:
    def constant(orientation: Tensor) -> Tensor:
        return torch.full((len(orientation), 3, 8, 8), 0.5) + 0 * orientation.view(-1, 1, 1, 1)

    with pytest.raises(FechnerError, match="does not change with orientation"):
        sensitivity(nn.Conv2d(3, 2, 3).eval(), constant, values=4)


def test_a_branch_that_ignores_the_stimulus_has_zero_sensitivity() -> None:
    class Branch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.constant = nn.Linear(1, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x).mean((1, 2, 3))[:, None] + self.constant(torch.ones(len(x), 1))

    found = measure(Branch().eval())
    assert (found.fisher_information.sel(layer="constant") == 0).all()
    assert (found.fisher_information.sel(layer="output") > 0).all()


def not_for_batches(orientation: torch.Tensor) -> torch.Tensor:
    """A stimulus that was written for one value."""
    return torch.full((1, 3, 16, 16), float(orientation))


def unchanging(orientation: torch.Tensor) -> torch.Tensor:
    return (0 * orientation + 0.5).view(-1, 1, 1, 1).expand(-1, 3, 16, 16)


@pytest.mark.parametrize("method", ["exact", "central", "forward"])
def test_stimuli_that_raise_or_never_change_are_named(method: Literal["exact", "central", "forward"]) -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 3)).eval()
    for stimulus, message in (
        (not_for_batches, "the stimulus raised .*it is called with a tensor .B,. for each parameter"),
        (unchanging, "the stimulus does not change with orientation"),
    ):
        with pytest.raises(FechnerError, match=message):
            sensitivity(network, stimulus, values=4, average={}, method=method, progress=False)

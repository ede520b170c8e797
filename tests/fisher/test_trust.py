"""No derivative is believed unchecked: networks that compute something else than they differentiate are refused."""

from __future__ import annotations

import threading
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from step import Step
from torch import Tensor, nn
from torchvision.ops import deform_conv2d, roi_align

from fechner import FechnerError, Gabor, load, sensitivity
from fechner.errors import FechnerWarning
from fechner.networks import Network
from fechner.stimuli import Grating, HuePatch

GABOR = Gabor(size=32, pixels_per_degree=14.0)
QUIET = {"progress": False}


def then(function) -> nn.Module:
    """A convolution, the function, and another convolution."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), Step(function), nn.Conv2d(4, 2, 3)).eval()


def measure(network: nn.Module, **kw):
    settings = {"values": 6, "average": {}, "layers": "all", **QUIET} | kw
    return sensitivity(network, GABOR, **settings)


@torch.library.custom_op("fechner_tests::gain3", mutates_args=())
def gain3(x: Tensor) -> Tensor:
    return 3 * x


class Triple(torch.autograd.Function):
    """Three times its input, with a rule that says once."""

    @staticmethod
    def forward(ctx, x):
        return 3 * x

    @staticmethod
    def jvp(ctx, t):
        return t.clone()


class StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.sign()

    @staticmethod
    def jvp(ctx, t):
        return t.clone()


def pooled(x: Tensor) -> Tensor:
    boxes = torch.tensor([[i, 2.0, 2.0, 20.0, 20.0] for i in range(len(x))], dtype=x.dtype)
    return F.interpolate(x, (8, 8)) + roi_align(x.detach(), boxes, (8, 8))


def deformed(x: Tensor) -> Tensor:
    weight = torch.ones(4, 4, 1, 1, dtype=x.dtype)
    return x + deform_conv2d(x.detach(), torch.zeros(len(x), 2, *x.shape[2:], dtype=x.dtype), weight)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x + Triple.apply(x), "layer '1' has an incomplete derivative: forward mode gives 0.46"),
        (pooled, "layer '1' has an incomplete derivative"),
        (deformed, "layer '1' has an incomplete derivative"),
        (lambda x: x + torch.from_numpy(2 * x.detach().numpy()), "forward mode gives 0.232 .* differences give 0.697"),
        (lambda x: x + 2 * x.data, "layer '1' has an incomplete derivative"),
        (lambda x: x + 2 * x.detach(), r"forward mode gives 0.232 .* differences give 0.697.*method='central'"),
        (
            StraightThrough.apply,
            "layer '1' changes with orientation in steps, and its derivative is another function's",
        ),
        (lambda x: x + (x.sign() - x).detach(), "layer '1' changes with orientation in steps"),
        (F.dropout, "layer '1' responds differently when the same images are presented again: it draws random numbers"),
        (lambda x: x * torch.rand(1), "layer '1' responds differently .* no method can measure it"),
        (lambda x: x * float(np.random.rand()), "layer '1' responds .* keeps state between calls, or draws"),  # noqa: NPY002
        (lambda x: F.batch_norm(x, None, None, training=True), "layer '1' responds differently to an image alone"),
        (
            lambda x: (x - x.mean(0)) / (x.std(0, correction=0) + 0.1),
            "layer '1' responds differently to an image alone",
        ),
        (lambda x: x.flip(0), "layer '1' responds differently to an image alone"),
        (
            lambda x: x * (1 + torch.arange(len(x)).view(-1, 1, 1, 1)),
            "layer '1' responds differently to an image alone",
        ),
    ],
)
def test_the_first_layer_at_fault_is_named(function, message: str) -> None:
    with pytest.raises(FechnerError, match=message):
        measure(then(function))
    # The layer itself is not among those measured, but what it spoils is.
    with pytest.raises(FechnerError, match=message):
        measure(then(function), layers="2")
    # What is upstream of it is right.
    assert (measure(then(function), layers="0").fisher_information > 0).all()


def test_an_operator_without_forward_rule() -> None:
    """J came out 16 times too small: the operator's share of the tangent was missing."""
    right = measure(then(lambda x: 4 * x)).fisher_information
    with pytest.raises(FechnerError, match="layer '1'"):
        measure(then(lambda x: x + gain3(x)))
    central = measure(then(lambda x: x + gain3(x)), method="central", step=0.1)
    assert central.fisher_information.values == pytest.approx(right.values, rel=1e-2)


@pytest.mark.parametrize("function", [F.dropout, lambda x: F.batch_norm(x, None, None, training=True)])
def test_differences_of_random_or_joint_responses_are_refused_too(function) -> None:
    with pytest.raises(FechnerError, match="layer '1' responds differently"):
        measure(then(function), method="central")


def test_batch_statistics_are_measured_one_by_one() -> None:
    """The remedy that the error gives is true: with batch_size=1 curves are those of single stimuli."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)).eval()
    with pytest.raises(FechnerError, match="layer '1' .* use batch_size=1"):
        measure(network)
    found = measure(network, batch_size=1, dtype=torch.float64)
    instance = nn.Sequential(network[0], nn.InstanceNorm2d(4)).eval()
    assert found.fisher_information.values == pytest.approx(
        measure(instance, dtype=torch.float64).fisher_information.values, rel=1e-6
    )


def test_a_network_that_keeps_state_is_refused() -> None:
    class Spiking(nn.Module):
        membrane: Tensor | None = None

        def forward(self, x: Tensor) -> Tensor:
            before = 0.0 if self.membrane is None or self.membrane.shape != x.shape else 0.5 * self.membrane.detach()
            self.membrane = before + x
            return F.relu(self.membrane)

    with pytest.raises(FechnerError, match=r"layer '1' responds differently when .* Reset the state"):
        measure(nn.Sequential(nn.Conv2d(3, 4, 3), Spiking()).eval())


def test_kinks_ties_and_ends_of_a_range_are_not_accused() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU6(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.ReLU()).eval()
    # HSV hue has its kinks at multiples of 60°; contrast cannot exceed 1; a grating at 0° makes all columns equal.
    hue = sensitivity(network, HuePatch(size=32), "hue", [0.0, 60.0, 120.0], {}, "all", **QUIET)
    contrast = sensitivity(network, GABOR, "contrast", [1.0, 0.5], {}, "all", **QUIET)
    grating = Grating(size=32, pixels_per_degree=14.0)
    symmetric = sensitivity(network, grating, values=[0.0, 90.0], average={}, layers="all", **QUIET)
    for found in (hue, contrast, symmetric):
        assert (found.fisher_information > 0).all()
        assert found.attrs["derivative_check"] == "central differences in float64"


def test_parts_in_float32_are_not_accused() -> None:
    """Differences over a millionth of a turn are rounding errors there."""
    network = then(lambda x: F.layer_norm(x.float(), x.shape[1:]).to(x.dtype))
    plain = then(lambda x: F.layer_norm(x, x.shape[1:]))
    assert measure(network).fisher_information.values == pytest.approx(
        measure(plain).fisher_information.values, rel=1e-5
    )


def test_an_operation_that_knows_no_float64_is_checked_in_float32() -> None:
    def single(x: Tensor) -> Tensor:
        if x.dtype == torch.float64:
            raise RuntimeError("not implemented for 'Double'")
        return torch.tanh(x)

    found = measure(then(single))
    assert found.attrs["derivative_check"] == "central differences in float32, a weaker check"
    assert found.fisher_information.values == pytest.approx(
        measure(then(torch.tanh)).fisher_information.values, rel=1e-5
    )
    with pytest.raises(FechnerError, match="layer '1' has an incomplete derivative"):
        measure(then(lambda x: single(x) + 2 * x.detach()))


def test_responses_that_jump_as_well_are_reported() -> None:
    with pytest.warns(FechnerWarning, match="the response of layer '1' also jumps along orientation"):
        found = measure(then(lambda x: torch.cat([x, (10 * x).round()], 1)[:, 2:6]))
    assert "jumps" in found.attrs["notes"]


def test_a_derivative_that_is_rounding_is_reported() -> None:
    """A uniform patch has no contrast, so that normalising its contrast leaves rounding errors."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.InstanceNorm2d(4, eps=1e-12)).eval()
    with pytest.warns(FechnerWarning, match="in float32 the derivative of 1 is mostly rounding"):
        sensitivity(network, HuePatch(size=32), "hue", 6, {}, "all", **QUIET)


def test_a_value_without_derivative_is_named_and_the_others_stay() -> None:
    class Norm(nn.Module):
        """Its derivative is NaN where a channel does not exceed its threshold at all."""

        def forward(self, x: Tensor) -> Tensor:
            return torch.sqrt(F.relu(x - 0.6).sum((1, 2, 3)))

    def lamp(level: Tensor) -> Tensor:
        return level.view(-1, 1, 1, 1).expand(-1, 3, 8, 8)

    levels = [0.7, 0.75, 0.5, 0.8, 0.9]
    with pytest.warns(FechnerWarning, match=r"the derivative of layer 'output' is NaN or Inf at level 0.5"):
        found = sensitivity(Norm().eval(), lamp, "level", levels, {}, "all", **QUIET)
    right = 192 / (4 * (np.array(levels) - 0.6))  # d/dl sqrt(192 (l − .6)), squared
    kept = [0, 1, 3, 4]
    assert found.fisher_information.sel(layer="output").values[kept] == pytest.approx(right[kept], rel=1e-4)
    relative = np.sqrt(right[kept]) / np.sqrt(right[kept]).mean()
    assert found.relative_sensitivity.sel(layer="output").values[kept] == pytest.approx(relative, rel=1e-4)


@pytest.mark.parametrize("gain", [1e-21, 1e-30, 1e21])
def test_squares_that_leave_the_range_of_float32(gain: float) -> None:
    scaled, plain = measure(then(lambda x: x * gain)), measure(then(lambda x: x))
    assert (scaled.fisher_information.sel(layer="1") / gain**2).values == pytest.approx(
        plain.fisher_information.sel(layer="1").values, rel=1e-4
    )
    assert scaled.relative_sensitivity.values == pytest.approx(plain.relative_sensitivity.values, rel=1e-4, nan_ok=True)


def test_modes_around_a_measurement_do_not_change_it(small: Network) -> None:
    plain = measure(small)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under_autocast = measure(small)
    with torch.inference_mode():
        under_inference = measure(small)
    assert np.array_equal(plain.fisher_information, under_autocast.fisher_information)
    assert np.array_equal(plain.fisher_information, under_inference.fisher_information)


@pytest.mark.parametrize("transform", ["vmap", "jvp"])
def test_transforms_around_a_measurement_are_refused(transform: str, small: Network) -> None:
    def inside(x: Tensor) -> Tensor:
        measure(small)
        return x

    calls = {
        "vmap": lambda: torch.vmap(inside)(torch.ones(2)),
        "jvp": lambda: torch.func.jvp(inside, (torch.ones(2),), (torch.ones(2),)),
    }
    with pytest.raises(FechnerError, match="cannot be measured inside vmap, jvp"):
        calls[transform]()
    with torch.autograd.forward_ad.dual_level(), pytest.raises(FechnerError, match="levels do not nest"):
        measure(small)


def test_threads_measure_what_one_alone_does(small: Network) -> None:
    found: list[np.ndarray] = []

    def work() -> None:
        found.append(measure(small).fisher_information.values)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(np.array_equal(one, measure(small).fisher_information) for one in found)


def test_only_the_first_call_pays_for_the_check() -> None:
    calls: list[int] = []
    network = then(torch.tanh)
    network[1].register_forward_hook(lambda *a: calls.append(1))
    measure(network)
    first = len(calls)
    measure(network)
    assert len(calls) - first == 1
    # Other weights, or another function inside, are looked at anew.
    network[0].weight.data.mul_(1.1)
    measure(network)
    assert len(calls) - first > 2
    network[1].function = lambda x: x + 2 * x.detach()
    with pytest.raises(FechnerError, match="layer '1' has an incomplete derivative"):
        measure(network)


def test_a_fault_that_symmetric_values_hide_is_found() -> None:
    """At 0° and 90° the energy of a response has no slope, so that a detached normalisation by it looks right there."""

    class Normalised(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.filters = nn.Conv2d(3, 1, (1, 9), bias=False)
            nn.init.ones_(self.filters.weight)

        def forward(self, x: Tensor) -> Tensor:
            y = self.filters(x)
            return x / (0.05 + (y - y.mean((1, 2, 3), keepdim=True)).pow(2).mean((1, 2, 3), keepdim=True).detach())

    with pytest.raises(FechnerError, match="layer 'output' has an incomplete derivative"):
        sensitivity(Normalised().eval(), Gabor(size=32), values=12, average={}, layers="all", **QUIET)


def test_a_verdict_holds_for_its_settings_and_values_alone() -> None:
    class Switched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.settings = {"detached": False}

        def forward(self, x: Tensor) -> Tensor:
            return x + (2 * x).detach() if self.settings["detached"] else 3 * x

    network = Switched().eval()
    measure(network)
    network.settings["detached"] = True
    with pytest.raises(FechnerError, match="has an incomplete derivative"):
        measure(network)


def test_a_length_of_the_batch_that_matters_is_found() -> None:
    with pytest.raises(FechnerError, match="layer '1' responds differently to an image alone and in a batch"):
        measure(then(lambda x: x * (1 if len(x) < 4 else 2)))


def test_random_numbers_without_effect_are_reported() -> None:
    with pytest.warns(FechnerWarning, match="draws random numbers in evaluation; they changed no response here"):
        measure(then(lambda x: x * 2 if torch.rand(1) < 0 else x))


def test_stimuli_that_are_random_or_depend_on_their_batch_are_refused() -> None:
    def bars(orientation: Tensor) -> Tensor:
        slant = torch.cos(torch.deg2rad(orientation)).view(-1, 1, 1, 1)
        return (0.5 + 0.4 * torch.cos(torch.linspace(0, 6, 32) * slant)).expand(-1, 3, 32, 32)

    network = nn.Conv2d(3, 2, 3).eval()
    with pytest.raises(FechnerError, match="depends on the other values of a batch"):
        sensitivity(network, lambda orientation: bars(orientation) / bars(orientation).sum() * 500, values=5, **QUIET)
    with pytest.raises(FechnerError, match="it is random"):
        sensitivity(network, lambda orientation: bars(orientation) * torch.rand(1), values=5, **QUIET)


def test_weights_that_are_whole_numbers_are_refused() -> None:
    whole = nn.Linear(3072, 2)
    whole.weight = nn.Parameter(torch.ones(2, 3072, dtype=torch.int8), requires_grad=False)
    with pytest.raises(FechnerError, match="its weights '1.weight' are int8"):
        measure(nn.Sequential(nn.Flatten(), whole).eval())


def test_real_pretrained_networks_pass_without_a_word() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", FechnerWarning)
        found = sensitivity(load("efficientnet_lite0"), Gabor(), values=3, average={}, **QUIET)
    assert found.attrs["derivative_check"] == "central differences in float64"
    assert found.attrs["notes"] == ""

"""`sensitivity` against float64 Jacobians, closed forms and symmetries."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models import VisionTransformer

from fechner import FechnerError, Gabor, load, sensitivity
from fechner.networks import Network, tap
from fechner.stimuli import Draws, Family

GABOR = Gabor(size=48, pixels_per_degree=21.4)
QUIET = {"progress": False}


def oracle(
    network: Network, stimulus: Family, along: str, values: np.ndarray, phases: np.ndarray
) -> dict[str, np.ndarray]:
    """‖∂r/∂θ‖² of every layer from reverse-mode Jacobians of stored copies, in float64, one image at a time."""
    network = network.double()
    found: dict[str, list[float]] = {}
    for value in values:
        for phase in phases:

            def layers(v: Tensor, phase: float = phase) -> tuple[Tensor, ...]:
                seen: dict[str, Tensor] = {}
                images = stimulus(**{along: v, "phase": torch.tensor([phase], dtype=torch.float64)})
                with tap(network, lambda name, *rest: seen.update({name: rest[-1].clone()})):
                    network(images)
                names[:] = ["input", *seen]
                return images, *seen.values()

            names: list[str] = []
            point = torch.tensor([value], dtype=torch.float64)
            # Double reverse mode: no forward-mode rule of PyTorch's or ours takes part.
            _, tangents = torch.autograd.functional.jvp(layers, point, torch.ones_like(point), strict=False)
            for name, tangent in zip(names, tangents, strict=True):
                found.setdefault(name, []).append(float(tangent.square().sum()))
    return {k: np.array(v).reshape(len(values), len(phases)) for k, v in found.items()}


@pytest.mark.parametrize("along", ["orientation", "spatial_frequency"])
def test_every_layer_against_the_float64_oracle(small: Network, along: str) -> None:
    values = np.array([2.0, 31.0, 47.0, 90.0]) if along == "orientation" else np.array([0.5, 1.0, 2.2, 4.0])
    phases = np.array([0.0, 50.0, 200.0])
    curves = sensitivity(small, GABOR, along, values, {"phase": phases}, "all", **QUIET)
    expected = oracle(small, GABOR, along, values, phases)
    assert curves.layer.values.tolist() == [n for n in expected if n != "output"]
    for name in curves.layer.values:
        got = np.sqrt(curves.fisher_information_samples.sel(layer=name).transpose(along, "phase").values)
        assert np.allclose(got, np.sqrt(expected[name]), rtol=5e-4), name
    assert np.allclose(curves.fisher_information, curves.fisher_information_samples.mean("phase"))


@pytest.mark.slow
def test_float32_against_float64_on_a_pretrained_network() -> None:
    network = load("efficientnet_lite0")
    runs = [
        sensitivity(network, Gabor(), values=6, average={"phase": [10.0]}, layers="all", dtype=d, **QUIET)
        for d in (torch.float32, torch.float64)
    ]
    single, double = (np.sqrt(r.fisher_information.values) for r in runs)
    error = np.abs(single / double - 1)
    assert np.median(error) <= 2e-4
    assert error.max() <= 5e-3
    assert next(network.parameters()).dtype == torch.float32


def test_linear_network_has_its_closed_form() -> None:
    torch.manual_seed(0)
    weight = torch.randn(7, 3 * 48 * 48)
    linear = nn.Linear(3 * 48 * 48, 7)
    linear.weight.data.copy_(weight)
    curves = sensitivity(nn.Sequential(nn.Flatten(), linear).eval(), GABOR, values=8, average={}, **QUIET)
    o = torch.tensor(curves.orientation.values)
    slope = torch.func.jvp(lambda v: GABOR(orientation=v), (o,), (torch.ones_like(o),))[1].flatten(1)
    assert np.allclose(curves.fisher_information.sel(layer="1"), (slope @ weight.double().T).square().sum(1), rtol=1e-4)
    assert np.allclose(curves.fisher_information.sel(layer="input"), slope.square().sum(1), rtol=1e-4)
    assert np.allclose(curves.threshold, curves.fisher_information**-0.5)
    assert np.allclose(curves.relative_sensitivity.mean("orientation"), 1)


def test_rotating_the_weights_shifts_the_curve_by_90_degrees() -> None:
    torch.manual_seed(2)
    conv = nn.Conv2d(3, 6, 7, padding=3)
    upright = nn.Sequential(conv, nn.ReLU()).eval()
    turned = nn.Sequential(nn.Conv2d(3, 6, 7, padding=3), nn.ReLU()).eval()
    turned[0].weight.data.copy_(conv.weight.data.rot90(1, (2, 3)))
    turned[0].bias.data.copy_(conv.bias.data)
    one, other = (
        sensitivity(n, GABOR, values=12, average={"phase": 4}, **QUIET).fisher_information.sel(layer="1")
        for n in (upright, turned)
    )
    assert one.max() / one.min() > 1.01
    assert np.allclose(other, np.roll(one, 6), rtol=1e-3)


def test_central_differences_converge_and_forward_differences_sit_half_way() -> None:
    smooth = nn.Sequential(nn.Conv2d(3, 4, 5), nn.Tanh()).double().eval()
    kw = {"values": 12, "average": {"phase": 2}, "dtype": torch.float64, **QUIET}
    exact = sensitivity(smooth, GABOR, **kw)
    error = []
    for step in (2.0, 1.0, 0.01):
        central = sensitivity(smooth, GABOR, method="central", step=step, **kw)
        error.append(float(np.abs(central.fisher_information / exact.fisher_information - 1).max()))
    assert error[0] > 3 * error[1] > error[2]
    assert error[2] < 1e-5
    forward = sensitivity(smooth, GABOR, method="forward", **(kw | {"values": 180}))
    assert np.allclose(forward.orientation, np.arange(180) + 0.5)
    part = sensitivity(smooth, GABOR, method="forward", **(kw | {"values": [20.0, 22.0, 24.0]}))
    assert part.orientation.values.tolist() == [21.0, 23.0]
    middle = sensitivity(smooth, GABOR, **(kw | {"values": np.arange(180) + 0.5}))
    assert np.allclose(forward.fisher_information, middle.fisher_information, rtol=2e-3)


def test_standard_errors() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU()).eval()
    curves = sensitivity(network, GABOR, values=5, average={"phase": Draws(6)}, **QUIET)
    samples = curves.fisher_information_samples.values
    assert np.allclose(curves.fisher_information_se, samples.std(-1, ddof=1) / np.sqrt(6))
    left_out = []
    for i in range(6):
        root = np.sqrt(np.delete(samples, i, -1).mean(-1))
        left_out.append(root / root.mean(-1, keepdims=True))
    assert np.allclose(curves.relative_sensitivity_se, np.std(left_out, 0) * np.sqrt(5))
    # A grid is no sample, and a single draw says nothing of its error.
    for nuisance in (6, Draws(1)):
        assert "fisher_information_se" not in sensitivity(
            network, GABOR, values=3, average={"phase": nuisance}, **QUIET
        )


def test_draws_are_averaged_over_and_decided_by_the_seed() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU()).eval()
    average = {"phase": Draws(3), "contrast": [0.5, 1.0], "spatial_frequency": Draws(3)}
    with pytest.raises(FechnerError, match="spatial_frequency has no natural range to draw 3 values from"):
        sensitivity(network, GABOR, values=3, average=average, **QUIET)
    average["spatial_frequency"] = [2.0]
    one, same, other = (sensitivity(network, GABOR, values=3, average=average, seed=s, **QUIET) for s in (1, 1, 2))
    assert one.identical(same.assign_attrs(date=one.date))
    assert one.draws_seed == 1
    assert not np.allclose(one.phase, other.phase)
    assert one.fisher_information_samples.dims == ("layer", "orientation", "draw", "contrast", "spatial_frequency")
    at = {"phase": [float(one.phase[1])], "contrast": [0.5, 1.0], "spatial_frequency": [2.0]}
    single = sensitivity(network, GABOR, values=3, average=at, **QUIET)
    drawn = one.fisher_information_samples.isel(draw=1)
    assert np.allclose(drawn, single.fisher_information_samples.isel(phase=0), rtol=1e-5)
    assert np.allclose(
        one.fisher_information, one.fisher_information_samples.mean(one.fisher_information_samples.dims[2:])
    )


def test_same_bits_twice_and_any_batch_size_close(small: Network) -> None:
    a, b = (sensitivity(small, GABOR, values=7, average={"phase": 3}, **QUIET) for _ in range(2))
    assert np.array_equal(a.fisher_information, b.fisher_information)
    c = sensitivity(small, GABOR, values=7, average={"phase": 3}, batch_size=2, **QUIET)
    assert np.allclose(a.fisher_information, c.fisher_information, rtol=1e-5)


def test_two_nuisance_parameters_are_averaged_separately(small: Network) -> None:
    curves = sensitivity(small, GABOR, values=3, average={"phase": 2, "contrast": [0.3, 0.6, 0.9]}, **QUIET)
    assert dict(curves.sizes) == {"layer": curves.sizes["layer"], "orientation": 3, "phase": 2, "contrast": 3}
    one = sensitivity(small, GABOR, values=[60.0], average={"phase": [180.0], "contrast": [0.6]}, **QUIET)
    many = curves.fisher_information_samples.sel(orientation=60, phase=180, contrast=0.6)
    assert np.allclose(one.fisher_information[:, 0], many, rtol=1e-5)


def test_phases_reach_the_stimulus(small: Network) -> None:
    curves = sensitivity(small, GABOR, values=3, **QUIET)
    assert curves.sizes["phase"] == 20
    assert float(curves.phase.max()) < 360
    assert (curves.fisher_information_samples.std("phase") > 0).all()


def test_record(small: Network) -> None:
    curves = sensitivity(small, GABOR, values=3, **QUIET)
    assert curves.attrs["network"] == "small"
    assert curves.attrs["noise_model"] == "independent Gaussian, unit variance"
    assert json.loads(curves.attrs["stimulus"])["sigma"] == GABOR.sigma
    assert len(curves.attrs["weights_sha256"]) == 64
    assert curves.orientation.attrs["units"] == "degree"
    assert curves.fisher_information.attrs["units"] == "1/degree^2"


class Greedy(nn.Module):
    """Runs out of memory on more than three images."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > 3:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")
        return self.conv(x)


def test_batch_is_halved_when_memory_runs_out() -> None:
    torch.manual_seed(0)
    network = Greedy().eval()
    small_batches = sensitivity(network, GABOR, values=8, average={}, batch_size=2, **QUIET)
    halved = sensitivity(network, GABOR, values=8, average={}, batch_size=16, **QUIET)
    assert np.allclose(halved.fisher_information, small_batches.fisher_information, rtol=1e-5)


@pytest.mark.parametrize(
    "name",
    [
        "vit",
        "swin_t",
        pytest.param("vit_b_16", marks=pytest.mark.slow),
        pytest.param("convnext_tiny", marks=pytest.mark.slow),
    ],
)
def test_attention_networks_against_central_differences(name: str) -> None:
    torch.manual_seed(0)
    network = VisionTransformer(64, 16, 3, 4, 64, 128).eval() if name == "vit" else load(name, "init")
    shown = Gabor() if name == "vit_b_16" else Gabor(size=64, pixels_per_degree=28.6)
    kw = {"values": [20.0, 75.0], "average": {}, "dtype": torch.float64, "batch_size": 2, **QUIET}
    exact = sensitivity(network, shown, **kw)
    central = sensitivity(network, shown, method="central", step=1e-3, **kw)
    assert np.allclose(exact.fisher_information, central.fisher_information, rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"along": "orientatoin"}, "unknown parameter of the stimulus 'orientatoin'; did you mean: orientation"),
        ({"average": {"fase": 3}}, "did you mean: phase"),
        ({"average": {"orientation": 3}}, "cannot be both"),
        ({"values": 0}, "at least 1, got 0"),
        ({"along": "sigma", "values": 5}, "list the values themselves"),
        ({"along": "spatial_frequency", "values": [1.0, 40.0]}, "above the Nyquist limit of 10.7"),
        ({"along": "contrast", "values": [0.5, 1.5]}, "contrast must lie in"),
        ({"layers": "layer9*"}, "unknown layer"),
        ({"method": "exakt"}, "did you mean: exact"),
        ({"method": "central", "step": -1.0}, "step must be a number greater than 0"),
        ({"dtype": "float64"}, "dtype must be a floating-point one"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1"),
        ({"method": "forward", "values": [3.0, 2.0]}, "increasing"),
    ],
)
def test_bad_arguments(small: Network, change: dict, message: str) -> None:
    with pytest.raises(FechnerError, match=message):
        sensitivity(small, GABOR, **({"values": 4, **QUIET} | change))


def test_a_module_called_input_does_not_hide_the_pixels() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.input = nn.Conv2d(3, 2, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.input(x).mean((1, 2, 3))

    network = Named().eval()
    found = sensitivity(network, Gabor(size=32), values=4, average={}, layers="all", progress=False)
    other = sensitivity(nn.Identity().eval(), Gabor(size=32), values=4, average={}, layers="all", progress=False)
    assert found.layer.values.tolist() == ["input", "input#1", "output"]
    assert found.fisher_information[0].values == pytest.approx(other.fisher_information[0].values)
    assert not np.allclose(found.fisher_information[0], found.fisher_information[1])
    only = sensitivity(network, Gabor(size=32), values=4, average={}, layers="input", progress=False)
    assert only.layer.values.tolist() == ["input", "input#1"]


def test_a_network_of_buffers_is_measured_in_the_dtype_asked_for_and_known_by_its_weights() -> None:
    class Bank(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("filters", torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0)))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.conv2d(x, self.filters)

    single, double = (
        sensitivity(Bank().eval(), Gabor(size=32), values=4, average={}, dtype=d, progress=False)
        for d in (torch.float32, torch.float64)
    )
    assert double.fisher_information.values == pytest.approx(single.fisher_information.values, rel=1e-4)
    assert single.attrs["weights_sha256"] == double.attrs["weights_sha256"]


class Faint(Gabor):
    """A stimulus that renders in a way of its own."""

    def __call__(self, **overrides: object) -> torch.Tensor:
        return 0.5 + 0.5 * (super().__call__(**overrides) - 0.5)


def test_a_stimulus_that_is_called_in_its_own_way_is_measured_so() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 5)).eval()
    whole, faint = (sensitivity(network, s, values=3, average={}, **QUIET) for s in (Gabor(size=32), Faint(size=32)))
    assert np.allclose(faint.fisher_information, whole.fisher_information / 4, rtol=1e-5)

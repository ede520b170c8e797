"""Learning to label: recordings against float64 derivatives, updates against a twin, and what happens when it fails."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fechner import FechnerError
from fechner.learning import Erasure, Exposure, Flips, Perceptron, Task, learn_labels, sinusoidal
from fechner.learning.supervised import _draws
from fechner.stimuli import Grating, HuePatch

STIMULUS = Grating(size=12, channels=1, pixels_per_degree=12.0, spatial_frequency=3.0, radius=0.45, edge=0.2)
SMALL = Task(STIMULUS, classes=6, average={"phase": 3})
NETWORK = Perceptron((10, 8), scale=1.0)
run = partial(learn_labels, values=12, batch=32, learning_rate=0.2, seeds=2, progress=False)


def rebuilt(found, seed: int, step: int, network: Perceptron = NETWORK, task: Task = SMALL) -> nn.Module:
    """The network at a snapshot, in float64, from its recorded weights."""
    module = network(0, task.pixels, task.outputs).model
    names = list(module.state_dict())
    module.load_state_dict({n: torch.as_tensor(found[f"weights.{n}"].sel(seed=seed, step=step).values) for n in names})
    return module.double()


@pytest.mark.parametrize("loss", ["cross-entropy", "circular"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "linear"])
def test_recordings_are_jacobians_in_float64(activation: str, loss: str) -> None:
    task = Task(STIMULUS, classes=6, average={"phase": 3}, loss=loss)  # type: ignore[arg-type]
    network = Perceptron((10, 8), activation=activation, scale=1.0)  # type: ignore[arg-type]
    found = run(network, Exposure(20), task, [0, 7, 20], keep_weights=True)
    phases = torch.tensor([0.0, 120.0, 240.0], dtype=torch.float64)
    for seed, step, i in ((0, 7, 3), (1, 20, 8)):
        module = rebuilt(found, seed, step, network, task)
        orientation = torch.tensor(float(found.orientation[i]), dtype=torch.float64)

        def responses(at: torch.Tensor, module: nn.Module = module) -> dict[str, torch.Tensor]:
            x, every = (STIMULUS(orientation=at.expand(3), phase=phases) - 0.5) / 0.5, {}
            for name, layer in module.named_children():
                x = every[name] = layer(x)
            if loss == "cross-entropy":
                every["softmax"] = x.softmax(-1)
            return every

        jacobians = torch.func.jacfwd(responses)(orientation)
        for name, jacobian in jacobians.items():
            expected = float(jacobian.detach().square().sum()) / 3
            measured = float(found.fisher_information.sel(seed=seed, step=step, layer=name)[i])
            assert measured == pytest.approx(expected, rel=2e-4, abs=1e-9), name
        right = responses(orientation)[name].argmax(-1) if loss == "cross-entropy" else None
        if right is not None:
            assert float(found.accuracy.sel(seed=seed, step=step)[i]) == pytest.approx(
                float((right == round(i / 2) % 6).double().mean())
            )


def test_snapshots_are_copies_and_learning_happens() -> None:
    found = run(NETWORK, Exposure(150, sinusoidal()), SMALL, 4, keep_weights=True, batch=64)
    assert found.step.values.tolist() == [0, 50, 100, 150]
    weights = found["weights.linear1.weight"]
    assert all(float(abs(weights.isel(step=i + 1) - weights.isel(step=i)).max()) > 1e-4 for i in range(3))
    assert float(found.loss[:, -10:].mean()) < 0.6 * float(found.loss[:, 0].mean())
    assert float(found.accuracy.isel(step=-1).mean()) > float(found.accuracy.isel(step=0).mean()) + 0.2
    assert (found.stopped == -1).all()
    assert not found.isel(seed=0).fisher_information.equals(found.isel(seed=1).fisher_information)


@pytest.mark.parametrize("channel", [None, Erasure(6), Flips(6)])
def test_one_update_is_the_gradient_step(channel: Erasure | Flips | None) -> None:
    found = run(
        NETWORK,
        Exposure(2, "uniform", channel, 0.5 if channel else 0.0),
        SMALL,
        [0, 1, 2],
        keep_weights=True,
        seeds=[3],
    )
    for step in (0, 1):
        module = rebuilt(found, 3, step)
        draws = _draws(SMALL, 32, 3, step, torch.device("cpu"))
        orientation = draws[0].double() * 180
        images = STIMULUS(orientation=orientation, phase=draws[3].double() * 360)
        labels = torch.floor(orientation / 30 + 0.5).long() % 6
        weights = torch.ones(32, dtype=torch.float64)
        if isinstance(channel, Erasure):
            weights = (draws[1] >= 0.5).double()
        elif channel is not None:
            other = (labels + 1 + (draws[2] * 5).long()) % 6
            labels = torch.where(draws[1] < 0.5, other, labels)
        log = F.log_softmax(module((images - 0.5) / 0.5), -1)
        loss = -(weights * log[torch.arange(32), labels]).mean()
        loss.backward()
        assert float(found.loss.sel(seed=3)[step]) == pytest.approx(loss.item(), rel=1e-5)
        for name, parameter in module.named_parameters():
            assert parameter.grad is not None
            after = torch.as_tensor(found[f"weights.{name}"].sel(seed=3, step=step + 1).values)
            assert torch.allclose(after.double(), parameter.detach() - 0.2 * parameter.grad, atol=1e-6), name


def test_seeds_see_the_same_draws_in_every_order_of_exposures() -> None:
    whole = run(NETWORK, Exposure(10), SMALL, [10])
    parts = run(NETWORK, [Exposure(4), Exposure(6)], SMALL, [10])
    assert np.array_equal(whole.loss.values, parts.loss.values)
    assert whole.fisher_information.equals(parts.fisher_information)
    again = run(NETWORK, Exposure(10), SMALL, [10], seeds=[1])
    assert np.array_equal(again.fisher_information.values[0], whole.fisher_information.values[1])


def test_a_module_of_ones_own_a_factory_and_another_optimizer() -> None:
    def convolutional() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 4, 5), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2), nn.Flatten(), nn.Linear(256, 6)
        )

    torch.manual_seed(0)
    own = convolutional()
    before = [p.clone() for p in own.parameters()]
    adam = partial(torch.optim.Adam, betas=(0.8, 0.99))
    found = run(own, Exposure(30), SMALL, 2, layers="0,2", optimizer=adam, learning_rate=0.01)
    assert found.layer.values.tolist() == ["input", "0", "2", "softmax"]
    assert all(torch.equal(a, b) for a, b in zip(before, own.parameters(), strict=True))
    assert float(found.loss[:, -5:].mean()) < float(found.loss[:, :5].mean())

    def factory(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return convolutional()

    made = run(factory, Exposure(2), SMALL, [0])
    assert not np.allclose(made.fisher_information[0], made.fisher_information[1])

    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(144, 6)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.inner(images.flatten(1)) * 2

    assert run(Functional(), Exposure(1), SMALL, [0]).layer.values.tolist() == ["input", "inner", "output", "softmax"]


def test_hue_can_be_learned_too() -> None:
    task = Task(HuePatch(size=4), "hue", 6, average={})
    found = run(Perceptron((24,), scale=1.0), Exposure(120), task, [0, 120], batch=128)
    assert found.fisher_information.dims == ("seed", "step", "layer", "hue")
    assert float(found.accuracy.isel(step=1).mean()) > 0.7


def test_divergence_stops_and_keeps_what_was_recorded() -> None:
    with pytest.warns(UserWarning, match=r"seed 0: the loss is (nan|inf) at step \d+, so learning stopped.*Lower"):
        found = run(
            Perceptron((10,), scale=1.0), Exposure(60), SMALL, list(range(0, 61, 2)), learning_rate=1e6, seeds=1
        )
    stopped = int(found.stopped[0])
    assert 0 < stopped < 60
    assert np.isfinite(found.loss.values[0, :stopped]).all()
    assert not np.isfinite(found.loss.values[0, stopped])
    assert np.isnan(found.loss.values[0, stopped + 1 :]).all()
    assert np.isfinite(found.fisher_information.sel(step=0).values).all()
    assert np.isnan(found.fisher_information.isel(step=-1).values).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": 0}, "batch must be a whole number of at least 1, got 0"),
        ({"seeds": 0}, "seeds must be a whole number of at least 1"),
        ({"learning_rate": 0.0}, "learning_rate must be a number greater than 0"),
        ({"snapshots": [0, 99]}, r"snapshots must lie in \[0, 3\]"),
        ({"exposures": []}, "at least one exposure"),
        ({"exposures": Exposure(3, lambda x: x - 90)}, "not negative"),
        ({"exposures": Exposure(3, channel=Erasure(60))}, "60 classes and the task 6"),
        ({"network": nn.Sequential(nn.Flatten(), nn.Linear(144, 5))}, r"must return \(B, 6\) for B images, and for 2 returned \(2, 5\)"),
        ({"network": nn.Linear(3, 6)}, "cannot run on 1×12×12 images"),
        ({"network": lambda seed: "spam"}, "must return a torch.nn.Module, got str"),
        ({"layers": "spam"}, "unknown layer 'spam'"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_before_learning(change: dict[str, object], message: str) -> None:
    given = {"network": NETWORK, "exposures": Exposure(3), "task": SMALL, "snapshots": [0, 3]} | change
    with pytest.raises(FechnerError, match=message):
        run(**given)


def test_bad_tasks_and_networks() -> None:
    for fields, message in (
        ({"classes": 1}, "at least 2, got 1"),
        ({"along": "contrast"}, "'contrast' is not circular: here it must be one of .*orientation.*phase"),
        ({"along": "spam"}, "unknown parameter of the stimulus 'spam'"),
        ({"along": "phase"}, "cannot be both"),
        ({"loss": "spam"}, "unknown loss 'spam'"),
    ):
        with pytest.raises(FechnerError, match=message):
            Task(**fields)  # type: ignore[arg-type]
    for fields, message in (
        ({"widths": (0,)}, "widths must be"),
        ({"activation": "spam"}, "unknown activation 'spam'"),
        ({"scale": 0.0}, "scale must be a number greater than 0"),
    ):
        with pytest.raises(FechnerError, match=message):
            Perceptron(**fields)  # type: ignore[arg-type]

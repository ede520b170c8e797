"""Linear networks: three engines agree with each other, with autograd and with theory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from fechner import FechnerError
from fechner.learning import LinearNetwork, Stage, learn, readouts, theory
from fechner.learning.flow import flow

VARIANCE = 8.0 / np.arange(1, 13) ** 1.2
DEPTHS: list = ["tied", 1, 2, 3, 4]


def data(variance: np.ndarray, n: int = 20000) -> np.ndarray:
    """Samples whose covariance is exactly diagonal."""
    x = np.random.default_rng(0).standard_normal((n, len(variance)))
    return np.linalg.qr(x - x.mean(0))[0] * np.sqrt(n * variance)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("full", [False, True])
def test_descent_is_the_gradient_of_the_loss(depth: int | str, full: bool) -> None:
    rng = np.random.default_rng(1)
    network = LinearNetwork(depth, scale=0.5)  # type: ignore[arg-type]
    weights = [w.requires_grad_() for w in network.weights(5, 5, torch.float64, torch.device("cpu"))]
    x = torch.as_tensor(
        rng.standard_normal((400, 5)) @ rng.standard_normal((5, 5)) if full else data(VARIANCE[:5], 400)
    )
    teacher = torch.as_tensor(rng.standard_normal((5, 5)))
    y = x @ teacher.T
    loss = 0.5 * (network.respond(weights, x) - y).square().sum(1).mean()
    expected = torch.autograd.grad(loss, weights)
    variance = x.T @ x / 400 if full else torch.as_tensor(VARIANCE[:5])
    found = network.descent([w.detach() for w in weights], variance, y.T @ x / 400)
    for f, e in zip(found, expected, strict=True):
        assert torch.allclose(f, -e, atol=1e-9)
    assert torch.allclose(network.respond(weights, x), x @ network.map(weights).T)


@pytest.mark.parametrize("depth", DEPTHS)
def test_flow_and_descent_agree_within_a_hundredth(depth: int | str) -> None:
    steps = 6000
    snapshots = np.linspace(0, steps, 13).astype(int)
    network = LinearNetwork(depth, scale=0.05 if depth in ("tied", 1) else 0.3)  # type: ignore[arg-type]
    stage = Stage(VARIANCE, steps)
    slow, fast = (
        learn(network, stage, snapshots, learning_rate=0.02, engine=e, dtype=torch.float64, tolerance=5e-4)  # type: ignore[arg-type]
        for e in ("descent", "flow")
    )
    assert np.abs(readouts.proportion_learned(slow) - readouts.proportion_learned(fast)).max() < 0.01
    assert np.abs(slow.loss - fast.loss).max() < 0.01 * float(slow.loss[0])
    assert float(fast.loss[-1]) < 0.5 * float(fast.loss[0])


@pytest.mark.parametrize("depth", ["tied", 2])
def test_adam_is_that_of_pytorch_on_all_of_the_data(depth: int | str) -> None:
    network = LinearNetwork(depth, scale=0.3)  # type: ignore[arg-type]
    x = torch.as_tensor(data(VARIANCE, 500))
    weights = [w.requires_grad_() for w in network.weights(12, 12, torch.float64, torch.device("cpu"))]
    rule = torch.optim.Adam(weights, lr=0.01)
    for _ in range(40):
        rule.zero_grad()
        (network.respond(weights, x) - x).square().mean().backward()
        rule.step()
    learned = learn(
        network,
        Stage(VARIANCE, 40),
        [0, 25, 40],
        learning_rate=0.01,
        engine="adam",
        dtype=torch.float64,
        progress=False,
    )
    assert learned.end_to_end.values[-1] == pytest.approx(network.map(weights).detach().numpy(), abs=1e-8)
    # A learning rate at which gradient descent would diverge is none for Adam.
    learn(network, Stage(1000 * VARIANCE, 5), [5], engine="adam", progress=False)


@pytest.mark.parametrize("depth", ["tied", 2])
def test_minibatches_agree_within_their_noise(depth: int | str) -> None:
    network = LinearNetwork(depth, scale=0.3)  # type: ignore[arg-type]
    stage = Stage(VARIANCE, 300, data=data(VARIANCE))
    snapshots = [0, 50, 100, 200, 300]
    exact = learn(network, stage, snapshots, learning_rate=0.05, engine="descent", dtype=torch.float64)
    errors = []
    for batch in (500, 8000):
        drawn = learn(
            network, stage, snapshots, learning_rate=0.05, engine="minibatch", batch=batch, dtype=torch.float64
        )
        errors.append(float(np.abs(exact["end_to_end"] - drawn["end_to_end"]).max()))
    assert errors[1] < 0.03
    assert errors[1] < 0.5 * errors[0]


@pytest.mark.parametrize("depth", ["tied", 1, 2, 3, 4])
def test_balanced_networks_follow_the_closed_forms(depth: int | str) -> None:
    start, steps = 0.02, 4000
    snapshots = np.linspace(0, steps, 9).astype(int)
    found = learn(
        LinearNetwork(depth, "balanced", start), Stage(VARIANCE, steps), snapshots, learning_rate=0.01,  # type: ignore[arg-type]
        dtype=torch.float64, tolerance=1e-5,
    )  # fmt: skip
    t = snapshots[:, None] * found.attrs["time_per_step"]
    s = readouts.proportion_learned(found).values
    if depth == "tied":
        expected = theory.tied(t, start, VARIANCE)
    elif depth == 1:
        expected = theory.one_layer(t, start, VARIANCE, VARIANCE)
    elif depth == 2:
        expected = theory.two_layers(t, start, VARIANCE, VARIANCE)
    else:
        expected = np.stack([
            solve_ivp(lambda _, y, v=v: theory.rate(y, depth, v, v), (0, t[-1, 0]), [start], "LSODA", t[:, 0], rtol=1e-9).y[0]  # type: ignore[arg-type]
            for v in VARIANCE
        ], 1)  # fmt: skip
    assert s == pytest.approx(expected, abs=2e-3)
    assert float(readouts.misalignment(found).max()) < 1e-12


def test_snapshots_are_copies_and_the_network_keeps_learning() -> None:
    found = learn(LinearNetwork(1, "balanced", 0.1), Stage(VARIANCE, 100), [0, 10, 100], learning_rate=0.01)
    maps = found["end_to_end"].values
    assert np.abs(maps[0] - 0.1 * np.eye(12)).max() < 1e-6
    assert np.abs(maps[1] - maps[0]).max() > 1e-3
    assert np.abs(maps[2] - maps[1]).max() > 1e-3
    again = learn(
        LinearNetwork(1, "balanced", 0.1), Stage(VARIANCE, 100), [10, 100], learning_rate=0.01, engine="descent"
    )
    assert np.abs(again["end_to_end"].values[0] - maps[1]).max() < 0.01


def test_a_switch_of_statistics_and_a_teacher() -> None:
    """A network that learned one spectrum goes on to another basis; a rotated target is learned as a rotation."""
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.standard_normal((12, 12)))[0]
    other = turn @ np.diag(VARIANCE) @ turn.T
    found = learn(
        LinearNetwork(2, scale=0.3), [Stage(VARIANCE, 200), Stage(other, 2000)], [200, 2200], learning_rate=0.05
    )
    first = found["end_to_end"].values[0]
    assert abs(first[0, 0]) > 0.9
    assert np.linalg.norm(turn[:, 0] @ (found["end_to_end"].values[1] - np.eye(12)) @ turn[:, 0]) < 0.05
    teacher = learn(
        LinearNetwork(2, scale=0.3), Stage(VARIANCE, 3000, covariance=turn * VARIANCE), [3000], learning_rate=0.05
    )
    assert np.abs(teacher["end_to_end"].values[0][:, :3] - turn[:, :3]).max() < 0.05
    labels = rng.standard_normal((3, 12))
    classes = learn(
        LinearNetwork(3, scale=0.4), Stage(VARIANCE, 4000, covariance=labels * VARIANCE), [0, 4000], learning_rate=0.02
    )
    assert classes["end_to_end"].shape == (2, 3, 12)
    assert float(classes.loss[1]) < 0.1 * float(classes.loss[0])


def test_flow_is_of_second_order_and_stable_on_stiff_problems() -> None:
    rates = torch.tensor([1.0, 10.0, 1000.0], dtype=torch.float64)
    calls = []

    def slope(y: list[torch.Tensor]) -> list[torch.Tensor]:
        calls.append(1)
        return [-rates * (y[0] - torch.cos(y[1])), torch.ones_like(y[1])]

    start = [torch.zeros(3, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)]
    exact = solve_ivp(
        lambda t, y: -rates.numpy() * (y - np.cos(t)), (0, 5), np.zeros(3), "Radau", rtol=1e-10, atol=1e-12
    ).y[:, -1]
    errors = []
    for tolerance in (1e-3, 1e-6):
        (found, _), _ = flow(slope, start, 5.0, 1000.0, tolerance)
        errors.append(np.abs(found.numpy() - exact).max())
    assert errors[0] < 1e-2
    assert errors[1] < 1e-4
    calls.clear()
    flow(slope, start, 5.0, 1000.0, 1e-3)
    # Euler's method needs 2500 steps to be stable.
    assert len(calls) < 1250


@pytest.mark.parametrize(
    ("network", "stage", "settings", "message"),
    [
        ({"depth": 0}, {}, {}, "depth must be a whole number from 1 to 6 or 'tied', got 0"),
        ({"depth": 7}, {}, {}, "or 'tied', got 7"),
        ({"scale": 0.0}, {}, {}, "zero weights are a saddle"),
        ({"start": "zero"}, {}, {}, "unknown start 'zero'"),
        ({}, {}, {"engine": "descent", "learning_rate": 0.4}, "stable below 0.375"),
        ({}, {}, {"learning_rate": 0.0}, "greater than 0"),
        ({}, {}, {"engine": "rmsprop"}, "unknown engine"),
        ({}, {}, {"engine": "minibatch"}, "need the data"),
        ({}, {"variance": np.array([1.0, np.nan])}, {}, "must be finite"),
        ({}, {"variance": np.array([1.0, -1.0])}, {}, "must not be negative"),
        ({}, {"variance": np.zeros(3)}, {}, "nothing to learn"),
        ({}, {"steps": 0}, {}, "steps must be a whole number of at least 1"),
        ({}, {"covariance": np.ones((3, 12))}, {}, "the target has 3"),
        ({}, {}, {"snapshots": [11]}, r"must lie in \[0, 10\]"),
    ],
)
def test_bad_input(network: dict, stage: dict, settings: dict, message: str) -> None:
    with pytest.raises(FechnerError, match=message):
        learn(
            LinearNetwork(**network),
            Stage(**({"variance": VARIANCE, "steps": 10} | stage)),
            **({"snapshots": [10]} | settings),
        )


def test_flow_that_leaves_the_numbers_stops() -> None:
    with pytest.raises(FechnerError, match="not finite"):
        flow(lambda y: [y[0] / 0 * y[0]], [torch.ones(1, dtype=torch.float64)], 1.0, 1.0, 1e-3)


def test_four_layers_take_the_time_of_the_closed_form() -> None:
    start, steps = 0.05, 6000
    found = learn(
        LinearNetwork(4, "balanced", start), Stage(VARIANCE[:4], steps), range(0, steps + 1, 5), learning_rate=0.005,
        dtype=torch.float64, tolerance=1e-5, progress=False,
    )  # fmt: skip
    when = readouts.learning_step(found).values * found.attrs["time_per_step"]
    expected = [theory.four_layers_time(0.5, start, v, v) for v in VARIANCE[:4]]
    assert when == pytest.approx(np.array(expected, dtype=float), rel=5e-3)


def test_two_whitened_layers_of_any_alignment_follow_the_closed_form() -> None:
    rng = np.random.default_rng(0)
    first = 0.3 * rng.standard_normal((6, 6))
    values, vectors = np.linalg.eigh(first @ first.T)
    second = np.linalg.qr(rng.standard_normal((6, 6)))[0] @ (vectors * np.sqrt(values)) @ vectors.T
    covariance = rng.standard_normal((6, 6))
    network = LinearNetwork(2)
    ones, target = torch.ones(6, dtype=torch.float64), torch.as_tensor(covariance)
    for time in (0.3, 1.0, 2.0):
        weights, _ = flow(
            lambda w: network.descent(w, ones, target),
            [torch.as_tensor(first), torch.as_tensor(second)],
            time,
            20.0,
            1e-6,
        )
        expected = theory.two_layers_whitened(time, first, second, covariance)
        assert network.map(weights).numpy() == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("depth", [5, 6])
def test_deep_networks_learn_in_order(depth: int) -> None:
    found = learn(
        LinearNetwork(depth, "balanced", 0.1), Stage(VARIANCE[:5], 3000), range(0, 3001, 50), learning_rate=0.02, progress=False
    )  # fmt: skip
    when = readouts.learning_step(found).values
    assert np.isfinite(when[:3]).all()
    assert (np.diff(when[np.isfinite(when)]) > 0).all()

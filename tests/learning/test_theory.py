"""Closed forms against numerical integration of the same equations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from fechner import FechnerError
from fechner.learning import theory

TIMES = np.linspace(0, 1.5, 7)


def integrated(slope, start) -> np.ndarray:
    return solve_ivp(
        lambda _, y: slope(y), (0, TIMES[-1]), np.ravel(start), "DOP853", TIMES, rtol=1e-10, atol=1e-12
    ).y.T


def test_one_and_two_layers_and_tied() -> None:
    variance, covariance, start = 2.0, 1.2, 0.03
    flow1 = integrated(lambda s: theory.rate(s, 1, variance, covariance), [start])[:, 0]
    assert theory.one_layer(TIMES, start, variance, covariance) == pytest.approx(flow1, rel=1e-7)
    flow2 = integrated(lambda s: theory.rate(s, 2, variance, covariance), [start])[:, 0]
    assert theory.two_layers(TIMES, start, variance, covariance) == pytest.approx(flow2, rel=1e-7)

    def oja(flat: np.ndarray) -> np.ndarray:
        w = flat.reshape(2, 2)
        sigma, rest = np.diag([2.0, 1.0]), np.eye(2) - w.T @ w
        return (w @ (sigma @ rest + rest @ sigma)).ravel()

    tied = integrated(oja, np.sqrt(np.diag([0.03, 0.05])))
    p = np.einsum("tki,tki->ti", tied.reshape(-1, 2, 2), tied.reshape(-1, 2, 2))
    for i, (v, s) in enumerate([(2.0, 0.03), (1.0, 0.05)]):
        assert theory.tied(TIMES, s, v) == pytest.approx(p[:, i], rel=1e-6)


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_rate_is_that_of_balanced_layers(depth: int) -> None:
    variance, covariance, s = 1.5, 1.1, 0.2
    a = s ** (1 / depth)
    one = a ** (depth - 1) * (covariance - variance * s)
    assert theory.rate(s, depth, variance, covariance) == pytest.approx(depth * a ** (depth - 1) * one)


def test_four_layers() -> None:
    s = integrated(lambda s: theory.rate(s, 4, 2.0, 2.0), [0.05])[:, 0]
    assert theory.four_layers_time(s, 0.05, 2.0, 2.0) == pytest.approx(TIMES, abs=1e-6)


@pytest.mark.parametrize("depth", [3, 4, 6])
def test_time_to_learn_a_small_start(depth: int) -> None:
    start = 1e-8
    expected = float(theory.time_to_learn(depth, start, 2.0))
    at = solve_ivp(lambda _, s: theory.rate(s, depth, 2.0, 2.0), (0, 2 * expected), [start], "LSODA", rtol=1e-9, atol=1e-14, dense_output=True)  # fmt: skip
    times = np.linspace(0, 2 * expected, 20001)
    reached = times[np.argmax(at.sol(times)[0] > 0.5)]
    assert reached == pytest.approx(expected, rel=0.1)
    with pytest.raises(FechnerError, match="depth must be a whole number of at least 3"):
        theory.time_to_learn(2, 0.1, 1.0)


def test_two_layers_of_any_alignment() -> None:
    rng = np.random.default_rng(0)
    first = 0.3 * rng.standard_normal((3, 4))
    values, vectors = np.linalg.eigh(first @ first.T)
    left = np.linalg.qr(rng.standard_normal((5, 3)))[0]
    second = left @ (vectors * np.sqrt(values)) @ vectors.T
    assert np.allclose(first @ first.T, second.T @ second)
    target = rng.standard_normal((5, 4))

    def slope(flat: np.ndarray) -> np.ndarray:
        w1, w2 = flat[:12].reshape(3, 4), flat[12:].reshape(5, 3)
        error = target - w2 @ w1
        return np.concatenate([(w2.T @ error).ravel(), (error @ w1.T).ravel()])

    flat = integrated(slope, np.concatenate([first.ravel(), second.ravel()]))
    for t, w in zip(TIMES, flat, strict=True):
        expected = w[12:].reshape(5, 3) @ w[:12].reshape(3, 4)
        assert theory.two_layers_whitened(t, first, second, target) == pytest.approx(expected, abs=1e-6)


def test_bad_depth() -> None:
    with pytest.raises(FechnerError, match="depth must be a whole number of at least 1"):
        theory.rate(0.1, 0, 1.0, 1.0)

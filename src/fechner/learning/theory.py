"""Closed forms of gradient flow in linear networks, one function for each formula.

The flow is that on ½E‖y − Wx‖² in time t. λ is the variance of an input component, σ its covariance with the target (σ = λ
for an autoencoder), and s the strength of the mode in the end-to-end map. Unless a formula says otherwise, layers are
balanced, and their singular vectors are those of the data. Nothing in the package depends on these formulas: they are what
`learn` is compared with in tests/learning, where they are in turn compared with numerical integration.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import numpy.typing as npt
from scipy.linalg import expm

from fechner.arguments import Count, Whole, array, checked
from fechner.errors import FechnerError

Array = npt.NDArray[np.float64]


@checked
def rate(s: npt.ArrayLike, depth: Count, variance: npt.ArrayLike, covariance: npt.ArrayLike) -> Array:
    """ds/dt = N s^(2−2/N) (σ − λs) of a network of N balanced layers.

    >>> float(rate(0.25, 2, 2.0, 2.0))
    0.75
    """
    s = np.asarray(s, dtype=float)
    return depth * s ** (2 - 2 / depth) * (np.asarray(covariance) - np.asarray(variance) * s)


@checked
def one_layer(t: npt.ArrayLike, start: npt.ArrayLike, variance: npt.ArrayLike, covariance: npt.ArrayLike) -> Array:
    """s(t) = σ/λ + (s₀ − σ/λ) e^(−λt) of one layer.

    >>> one_layer([0.0, 100.0], 0.1, 2.0, 1.0)
    array([0.1, 0.5])
    """
    end = np.asarray(covariance) / np.asarray(variance)
    return end + (np.asarray(start) - end) * np.exp(-np.asarray(variance) * np.asarray(t))


@checked
def two_layers(t: npt.ArrayLike, start: npt.ArrayLike, variance: npt.ArrayLike, covariance: npt.ArrayLike) -> Array:
    """s(t) = s∞ / (1 + (s∞/s₀ − 1) e^(−2σt)) of two layers, with s∞ = σ/λ (Saxe et al. 2014 for λ = 1).

    >>> two_layers([0.0, 100.0], 0.1, 2.0, 1.0)
    array([0.1, 0.5])
    """
    end = np.asarray(covariance) / np.asarray(variance)
    return end / (1 + (end / np.asarray(start) - 1) * np.exp(-2 * np.asarray(covariance) * np.asarray(t)))


@checked
def four_layers_time(s: npt.ArrayLike, start: npt.ArrayLike, variance: float, covariance: float) -> Array:
    """The time t = F(s) − F(s₀) at which four layers reach s, with F(s) = (1/2σ)[−s^(−½) + √(λ/σ) artanh √(λs/σ)].

    >>> float(four_layers_time(0.5, 0.01, 1.0, 1.0).round(2))
    4.68
    """

    def antiderivative(at: Array) -> Array:
        ratio = variance / covariance
        return (-1 / np.sqrt(at) + np.sqrt(ratio) * np.arctanh(np.sqrt(ratio * at))) / (2 * covariance)

    return antiderivative(np.asarray(s, dtype=float)) - antiderivative(np.asarray(start, dtype=float))


@checked
def tied(t: npt.ArrayLike, start: npt.ArrayLike, variance: npt.ArrayLike) -> Array:
    """p(t) = 1 / (1 + (1/p₀ − 1) e^(−4λt)) of an autoencoder x̂ = WᵀWx whose WᵀW commutes with the covariance.

    >>> float(tied(0.0, 0.1, 3.0))
    0.1
    """
    return 1 / (1 + (1 / np.asarray(start) - 1) * np.exp(-4 * np.asarray(variance) * np.asarray(t)))


@checked
def time_to_learn(depth: Annotated[int, Whole(3)], start: npt.ArrayLike, covariance: npt.ArrayLike) -> Array:
    """The time that N > 2 layers take to learn a mode from a small start s₀, about s₀^(−(1−2/N)) / ((N−2)σ).

    >>> float(time_to_learn(4, 0.01, 1.0))
    5.0

    Raises `FechnerError` for two layers or fewer, for which this does not hold.
    """
    return np.asarray(start) ** -(1 - 2 / depth) / ((depth - 2) * np.asarray(covariance))


@checked
def two_layers_whitened(t: float, first: Array, second: Array, covariance: Array) -> Array:
    """The end-to-end map of two balanced layers at time t for whitened inputs, whatever their alignment with the data.

    >>> two_layers_whitened(50.0, np.array([[0.1]]), np.array([[0.1]]), np.array([[0.5]])).round(3)
    array([[0.5]])

    `first` (h, i) and `second` (o, h) are the initial weights, with W₁W₁ᵀ = W₂ᵀW₂, `covariance` (o, i) is Σyx. With
    Q = [W₁ᵀ; W₂] and F = [[0, Σyxᵀ], [Σyx, 0]]: QQᵀ = e^(Ft) Q₀ [I + Q₀ᵀ (∫₀ᵗ e^(2Fs) ds) Q₀]⁻¹ Q₀ᵀ e^(Ft)
    (Braun et al. 2022).
    """
    first, second, covariance = (
        array(n, v, 2) for n, v in (("first", first), ("second", second), ("covariance", covariance))
    )
    inputs, outputs = first.shape[1], second.shape[0]
    if first.shape[0] != second.shape[1] or covariance.shape != (outputs, inputs):
        raise FechnerError(
            f"first (h, i), second (o, h) and covariance (o, i) do not fit: {first.shape}, {second.shape}, {covariance.shape}"
        )
    f = np.block([[np.zeros((inputs, inputs)), covariance.T], [covariance, np.zeros((outputs, outputs))]])
    start = np.concatenate([first.T, second])
    propagator = expm(f * t)
    values, vectors = np.linalg.eigh(f)
    # ∫₀ᵗ e^(2vs) ds of each eigenvalue v, which is t where v is zero.
    small = np.abs(values) < 1e-12
    integral = np.where(small, t, np.expm1(2 * values * t) / np.where(small, 1, 2 * values))
    inner = np.eye(first.shape[0]) + start.T @ (vectors * integral) @ vectors.T @ start
    product = propagator @ start @ np.linalg.solve(inner, start.T @ propagator)
    return product[inputs:, :inputs]

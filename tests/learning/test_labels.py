"""Channels against the matrices they stand for, and the solver against its own definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fechner import FechnerError, circular
from fechner.learning import (
    Channel,
    Erasure,
    Flips,
    balanced_noise,
    imbalance,
    published_noise,
    sinusoidal,
    specific_information,
)

CHANNELS: list[Channel] = [Erasure(), Flips(), Flips(reach=1), Flips(reach=7), Erasure(5), Flips(5), Flips(3, reach=1)]
DENSITY = sinusoidal(90.0)(circular.grid(720, 180.0))


def entropy(p: np.ndarray) -> float:
    p = p[p > 0]
    return float(-(p * np.log2(p)).sum())


@pytest.mark.parametrize("channel", CHANNELS, ids=repr)
@given(noise=st.floats(0, 1))
def test_information_is_the_entropy_that_a_label_takes_away(channel: Channel, noise: float) -> None:
    row = channel.matrix(noise)[0]
    assert row.sum() == pytest.approx(1)
    k = channel.classes
    # Given a label that can be missing, nothing is left to know; without it, everything.
    kept = row[:k].sum() * np.log2(k)
    expected = kept if isinstance(channel, Erasure) else np.log2(k) - entropy(row)
    assert float(channel.information(noise)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("channel", CHANNELS, ids=repr)
@given(noise=st.floats(0, 1))
def test_signal_is_the_length_of_the_expected_label(channel: Channel, noise: float) -> None:
    k = channel.classes
    row = channel.matrix(noise)[0, :k]
    expected = np.linalg.norm(row - row.sum() / k) / np.sqrt(1 - 1 / k)
    assert float(channel.signal(noise)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("channel", CHANNELS, ids=repr)
def test_labels_are_corrupted_as_the_matrix_says(channel: Channel) -> None:
    n, k = 60_000, channel.classes
    rng = torch.Generator().manual_seed(1)
    chance, which = torch.rand(2, n, generator=rng)
    labels, weights = channel.corrupt(torch.full((n,), 2), torch.full((n,), 0.4), chance, which)
    counts = np.zeros(k + 1)
    np.add.at(counts, np.where(weights.numpy() > 0, labels.numpy(), k), 1)
    expected = (
        np.append(channel.matrix(0.4)[2], 0)[: k + 1] if channel.matrix(0.4).shape[1] == k else channel.matrix(0.4)[2]
    )
    se = np.sqrt(expected * (1 - expected) / n)
    assert (np.abs(counts / n - expected) < 4.5 * se + 1e-9).all()


@pytest.mark.parametrize("channel", [Erasure(), Flips(), Flips(reach=8), Erasure(4), Flips(7)], ids=repr)
@given(steepness=st.floats(0.0, 0.9), share=st.floats(0.3, 1.0))
def test_balanced_noise_balances(channel: Channel, steepness: float, share: float) -> None:
    density = 1 + steepness * np.cos(np.linspace(0, 2 * np.pi, 50))
    most = density.min() * np.log2(channel.classes)
    total = share * most
    if total / density.max() < float(channel.information(channel.worst)):
        with pytest.raises(FechnerError, match="no noise balances"):
            balanced_noise(density, channel, total)
        return
    noise = balanced_noise(density, channel, total)
    assert (noise >= 0).all()
    assert (noise <= channel.worst + 1e-9).all()
    assert density * channel.information(noise) == pytest.approx(np.full(50, total), rel=1e-5)


def test_erasure_is_balanced_by_one_minus_a_over_p() -> None:
    assert balanced_noise(DENSITY, Erasure()) == pytest.approx(1 - DENSITY.min() / DENSITY, abs=1e-9)
    assert imbalance(DENSITY, Erasure(), balanced_noise(DENSITY, Erasure())) == pytest.approx(1)


def test_published_noise_is_not_balanced() -> None:
    noise = published_noise(DENSITY)
    left = DENSITY * (1 - noise)
    assert left.max() / left.min() == pytest.approx(2.09, abs=0.01)
    entropies = np.array([entropy(np.array([n, 1 - n])) for n in noise])
    assert entropies == pytest.approx(1.3 * (1 - 0.15 / (DENSITY * 180 / np.pi)), abs=1e-9)


def test_flips_separate_frequency_from_information() -> None:
    noise = balanced_noise(DENSITY, Flips())
    effective = DENSITY * Flips().signal(noise)
    assert effective.max() / effective.min() == pytest.approx(1.476, abs=0.001)
    assert effective.argmax() == DENSITY.argmax()


@given(seed=st.integers(0, 1000))
def test_specific_information_adds_up_to_mutual_information(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for channel in (Erasure(6), Flips(6), Flips(6, reach=2)):
        frequency, noise = rng.dirichlet(np.ones(6)), rng.uniform(0, 1, 6)
        joint = frequency[:, None] * channel.matrix(noise)
        mutual = entropy(joint.sum(0)) + entropy(joint.sum(1)) - entropy(joint.ravel())
        assert frequency @ specific_information(frequency, channel, noise) == pytest.approx(mutual, abs=1e-9)


def test_what_cannot_be_balanced_says_why() -> None:
    with pytest.raises(FechnerError, match=r"at least 4\.32.*flip further"):
        balanced_noise(DENSITY, Flips(reach=1))
    with pytest.raises(FechnerError, match=r"60 classes have 5\.91; lower total to at most 0\.0164"):
        balanced_noise(DENSITY, Flips(), 0.1)
    with pytest.raises(FechnerError, match="0 somewhere"):
        balanced_noise([0.0, 1.0], Erasure())
    with pytest.raises(FechnerError, match="not negative"):
        balanced_noise([-1.0, 1.0], Erasure())
    with pytest.raises(FechnerError, match="balanced_noise"):
        published_noise([0.001, 0.1])


def test_bad_channels_and_noise() -> None:
    for bad in (1, 0, 2.5):
        with pytest.raises(FechnerError, match="classes must be a whole number of at least 2"):
            Erasure(bad)  # type: ignore[arg-type]
    with pytest.raises(FechnerError, match=r"reach must lie in \[1, 29\]"):
        Flips(60, reach=30)
    for bad_noise in (-0.1, 1.1, np.nan):
        with pytest.raises(FechnerError, match=r"must (lie in \[0, 1\]|be finite)"):
            Flips().information([0.2, bad_noise])

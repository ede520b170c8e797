"""Contrast of gratings: the same at every orientation and phase, and no more than fits into [0, 1]."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fechner import FechnerError, Gabor
from fechner.stimuli import CentreSurround, Grating


def amplitude(grating: Grating, orientation: float, phase: float) -> float:
    """Of the sinusoid in the middle of the image, by least squares on the sinusoid in both phases and a constant."""
    image = grating(orientation=torch.tensor([orientation], dtype=torch.float64), phase=phase)[0, 0].numpy()
    n = grating.size
    across = (np.arange(n) - (n - 1) / 2) / grating.pixels_per_degree
    angle = math.radians(orientation)
    u = 2 * np.pi * grating.spatial_frequency * (-across[:, None] * math.cos(angle) - across[None, :] * math.sin(angle))
    inside = np.hypot(across[:, None], across[None, :]) < 0.5
    basis = np.stack([np.cos(u), np.sin(u), np.ones_like(u)], -1)[inside]
    found = np.linalg.lstsq(basis, image[inside], rcond=None)
    assert found[1][0] < 1e-12
    return float(np.hypot(*found[0][:2]))


@given(
    st.floats(0, 180),
    st.floats(0, 360),
    st.sampled_from([0.7, 1.0, 2.3]),
    st.sampled_from(["none", "soft"]),
)
def test_contrast_does_not_depend_on_orientation_and_phase(
    orientation: float, phase: float, frequency: float, aperture: str
) -> None:
    grating = Grating(spatial_frequency=frequency, aperture=aperture, size=64, pixels_per_degree=28.6)  # type: ignore[arg-type]
    assert amplitude(grating, orientation, phase) == pytest.approx(amplitude(grating, 0.0, 0.0), rel=1e-9)
    image = grating(orientation=orientation, phase=phase)
    assert float(image.mean()) == pytest.approx(0.5, abs=1e-6)
    assert float(image.min()) >= -1e-3
    assert float(image.max()) <= 1 + 1e-3


@pytest.mark.parametrize(
    "stimulus", [Grating(size=32, pixels_per_degree=14.0), CentreSurround(size=32, pixels_per_degree=14.0)]
)
def test_several_frequencies_at_once_are_those_one_by_one(stimulus: Grating | CentreSurround) -> None:
    frequencies = torch.tensor([0.7, 2.0, 5.0])
    together = stimulus(spatial_frequency=frequencies, orientation=30.0)
    for i, one in enumerate(frequencies):
        assert torch.allclose(together[i], stimulus(spatial_frequency=one.view(1), orientation=30.0)[0], atol=1e-6)


def test_a_field_is_one_number() -> None:
    with pytest.raises(FechnerError, match=r"sigma of Gabor is one number, got \[0.3, 0.4\]; several are given when"):
        Gabor(sigma=[0.3, 0.4])  # type: ignore[arg-type]

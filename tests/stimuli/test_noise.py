"""The spectrum of oriented noise, read off its pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fechner.stimuli import OrientedNoise


def spectrum(**fields: object) -> np.ndarray:
    """Amplitudes of 4-degree images of 64 pixels by cycles per image (down, right)."""
    shown = OrientedNoise(aperture="none", size=64, pixels_per_degree=16, **fields)  # type: ignore[arg-type]
    return np.abs(np.fft.fft2(shown().double()[0, 0].numpy() - 0.5))


@settings(max_examples=settings().max_examples // 3)
@given(st.floats(0, 180), st.floats(6, 16), st.floats(5, 200), st.integers(0, 100))
def test_band_pass_noise_peaks_at_its_frequency(orientation: float, cycles: float, ppd: float, seed: int) -> None:
    shown = OrientedNoise(
        orientation, 30, cycles * ppd / 64, octaves=0.3, aperture="none", seed=seed, size=64, pixels_per_degree=ppd
    )
    power = np.abs(np.fft.fft2(shown().double()[0, 0].numpy() - 0.5)) ** 2
    along = np.fft.fftfreq(64, 1 / 64)
    ring = np.hypot(along[None, :], along[:, None]).round().astype(int).ravel()
    radial = np.bincount(ring, power.ravel())[:32] / np.bincount(ring)[:32]
    assert abs(int(radial.argmax()) - cycles) <= 1.5


def test_octaves_are_the_sd_of_the_logarithm_of_frequency() -> None:
    # Vertical bars: 2 cycles/degree are 8 cycles/image to the right.
    along = spectrum(orientation=90.0, spatial_frequency=2.0, octaves=1.0)[0]
    assert along[16] / along[8] == pytest.approx(np.exp(-0.5), rel=1e-3)
    assert along[4] / along[8] == pytest.approx(np.exp(-0.5), rel=1e-3)


def test_the_frequency_of_low_pass_noise_is_the_sd_of_its_amplitude() -> None:
    along = spectrum(orientation=90.0, spatial_frequency=2.0, band="low-pass")[0]
    assert along[16] / along[8] == pytest.approx(np.exp(-0.5 * (2**2 - 1)), rel=1e-3)


def test_bandwidth_is_an_sd_in_degrees() -> None:
    # (10, 0) and (8, 6) cycles/image are as far from 0, and arctan 3/4 apart.
    amplitude = spectrum(orientation=90.0, bandwidth=float(np.rad2deg(np.arctan2(6, 8))))
    for down, right in ((6, 8), (-6, 8)):
        assert amplitude[down, right] / amplitude[0, 10] == pytest.approx(np.exp(-0.5), rel=1e-3)


def test_contrast_is_the_sd_in_units_of_mean_luminance() -> None:
    image = OrientedNoise(contrast=0.15, aperture="none")().double()[0, 0]
    assert image.std() / image.mean() == pytest.approx(0.15, rel=1e-3)

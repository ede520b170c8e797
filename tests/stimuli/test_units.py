"""Degrees, cycles per degree and contrasts of gratings, read off their pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fechner import Gabor, Stimulus
from fechner.stimuli import CentreSurround, Grating, GratingInNoise, stimulus

BOTH = torch.tensor([0.0, 90.0], dtype=torch.float64)
PADDED = 512


def pixels(shown: Stimulus) -> tuple[np.ndarray, np.ndarray]:
    """x to the right and y up of the pixel centres, in pixels from the image centre."""
    along = np.arange(shown.size) - (shown.size - 1) / 2
    return along[None, :], -along[:, None]


def energy(shown: Stimulus, phase: str = "phase") -> np.ndarray:
    """Contrast², whatever the phase: the sum over phases of 0° and 90°."""
    return (2 * shown(**{phase: BOTH})[:, 0] - 1).square().sum(0).numpy()


def peak(image: torch.Tensor) -> np.ndarray:
    """Where the spectrum is largest: cycles per image to the right and up."""
    spectrum = np.abs(np.fft.fft2(image.numpy() - 0.5, (PADDED, PADDED)))
    row, column = np.unravel_index(spectrum.argmax(), spectrum.shape)
    cycles = np.fft.fftfreq(PADDED, 1 / len(image))
    return np.array([cycles[column], -cycles[row]])


def grating(name: str, orientation: float, frequency: float, phase: float, degrees: float) -> torch.Tensor:
    """An image of so many degrees."""
    bars = {"orientation": orientation, "phase": phase}
    rest = {"spatial_frequency": frequency, "size": 64, "pixels_per_degree": 64 / degrees}
    discs = {"radius": 0.3 * degrees, "surround_radius": 0.45 * degrees, "edge": 0.05 * degrees}
    shown: dict[str, Callable[[], Stimulus]] = {
        "grating": lambda: Grating(aperture="none", **bars, **rest),
        "gabor": lambda: Gabor(sigma=0.15 * degrees, **bars, **rest),
        "in noise": lambda: GratingInNoise(aperture="none", noise_contrast=0.05, **bars, **rest),
        "centre": lambda: CentreSurround(surround_contrast=0, **bars, **discs, **rest),
        "surround": lambda: CentreSurround(
            contrast=0, **{f"surround_{k}": v for k, v in bars.items()}, **discs, **rest
        ),
    }
    return shown[name]()()[0, 0]


@pytest.mark.parametrize("name", ["grating", "gabor", "in noise", "centre", "surround"])
@settings(max_examples=settings().max_examples // 4)
@given(st.floats(0, 180), st.floats(8, 24), st.floats(0, 360), st.floats(5, 200))
@example(30.0, 8.0, 0.0, 100.0)
def test_spectrum_peaks_at_the_frequency_across_the_bars(
    name: str, orientation: float, cycles: float, phase: float, ppd: float
) -> None:
    degrees = 64 / ppd
    found = peak(grating(name, orientation, cycles / degrees, phase, degrees))
    angle = np.deg2rad(orientation)
    expected = cycles * np.array([-np.sin(angle), np.cos(angle)])
    assert min(np.linalg.norm(found - expected), np.linalg.norm(found + expected)) < 0.3


@settings(max_examples=settings().max_examples // 2)
@given(st.floats(0, 180), st.floats(3, 6), st.floats(0.6, 2), st.floats(5, 200))
@example(30.0, 4.0, 2.0, 100.0)
def test_moments_of_the_envelope(orientation: float, sigma: float, aspect: float, ppd: float) -> None:
    shown = Gabor(orientation, ppd / 4, sigma=sigma / ppd, aspect=aspect, size=110, pixels_per_degree=ppd)
    weights = energy(shown)
    weights /= weights.sum()
    x, y = pixels(shown)
    angle = np.deg2rad(orientation)
    across, along = y * np.cos(angle) - x * np.sin(angle), x * np.cos(angle) + y * np.sin(angle)
    # The square of the envelope has half its variance.
    assert 2 * (weights * across**2).sum() == pytest.approx(sigma**2, rel=1e-3)
    assert 2 * (weights * along**2).sum() == pytest.approx((aspect * sigma) ** 2, rel=1e-3)
    assert abs((weights * across * along).sum()) < 1e-3 * sigma**2
    assert abs((weights * across).sum()) + abs((weights * along).sum()) < 1e-6 * sigma


def test_envelope_at_the_border() -> None:
    def border(name: str) -> float:
        return float(np.sqrt(energy(stimulus(name))[0].max()))

    assert border("gabor") < 0.01
    assert border("gabor-published") == pytest.approx(0.08, abs=0.005)


@pytest.mark.parametrize("name", ["gabor", "grating", "centre-surround", "noise-band-pass", "noise-low-pass"])
@pytest.mark.parametrize("phase", [0.0, 70.0])
def test_half_a_turn_of_phase_inverts_contrast(name: str, phase: float) -> None:
    phases = torch.tensor([phase, phase + 180], dtype=torch.float64)
    more = {"surround_phase": phases} if name == "centre-surround" else {}
    one, other = stimulus(name)(phase=phases, **more)
    assert torch.allclose(one + other, torch.ones_like(one), atol=1e-9)
    assert one.std() > 0.01


@pytest.mark.parametrize("name", ["gabor", "grating", "centre-surround"])
def test_phase_zero_is_bright_in_the_centre_and_a_quarter_turn_is_grey(name: str) -> None:
    bright, grey, dark = stimulus(name, size=225)(phase=torch.tensor([0.0, 90.0, 180.0]).double())[:, 0, 112, 112]
    assert bright > 0.95
    assert grey == pytest.approx(0.5, abs=1e-9)
    assert dark < 0.05


@pytest.mark.parametrize("ppd", [50.0, 100.0])
@pytest.mark.parametrize(
    ("make", "phase", "inner", "outer"),
    [
        (lambda ppd: Grating(radius=0.7, aperture="hard", pixels_per_degree=ppd), "phase", 0, 0.7),
        (lambda ppd: Grating(radius=0.7, aperture="hamming", pixels_per_degree=ppd), "phase", 0, 0.7),
        (lambda ppd: Grating(radius=0.7, edge=0.4, pixels_per_degree=ppd), "phase", 0, 0.9),
        (lambda ppd: CentreSurround(surround_contrast=0, pixels_per_degree=ppd), "phase", 0, 0.45),
        (lambda ppd: CentreSurround(contrast=0, pixels_per_degree=ppd), "surround_phase", 0.35, 0.95),
    ],
)
def test_radii_and_edges_are_degrees(make, phase: str, inner: float, outer: float, ppd: float) -> None:
    shown = make(ppd)
    # A soft edge begins with the square of the distance from it, so that a pixel or two are still invisible.
    seen = np.hypot(*pixels(shown))[energy(shown, phase) > 1e-8] / ppd
    assert seen.min() == pytest.approx(inner, abs=2 / ppd)
    assert seen.max() == pytest.approx(outer, abs=2 / ppd)


@pytest.mark.parametrize("contrast", [0.1, 0.6, 1.0])
def test_contrast_is_that_of_michelson(contrast: float) -> None:
    # An odd number of pixels hits crests and troughs; making room for the mean takes a percent.
    image = Grating(90.0, 10.0, contrast=contrast, aperture="none", size=225)().double()
    assert (image.max() - image.min()) / (image.max() + image.min()) == pytest.approx(contrast, rel=0.02)


def test_noise_contrast_is_the_sd_in_units_of_mean_luminance() -> None:
    image = GratingInNoise(contrast=0, noise_contrast=0.12, aperture="none")().double()[0, 0]
    assert image.std() / image.mean() == pytest.approx(0.12, rel=1e-3)

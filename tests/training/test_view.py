"""Rotation against gratings drawn at the rotated angle, and the signature that no rotation may leave."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fechner.stimuli import Grating
from fechner.training import view

SIZE = 32


def grating(orientation: float, frequency: float = 5.0, size: int = SIZE, phase: float = 40.0) -> torch.Tensor:
    """Over the whole image, one degree wide, grey values between 0.2 and 0.8."""
    shown = Grating(
        size=size, pixels_per_degree=float(size), spatial_frequency=frequency, aperture="none", contrast=0.6
    )
    return shown(orientation=orientation, phase=phase)


def inside(images: torch.Tensor, share: float = 0.8) -> torch.Tensor:
    axis = torch.arange(SIZE) - (SIZE - 1) / 2
    return images[..., torch.hypot(axis[:, None], axis[None, :]) < share * SIZE / 2]


@pytest.mark.parametrize("angle", [0.0, 10.0, 22.5, 45.0, 90.0, 130.0, -30.0])
@pytest.mark.parametrize("frequency", [2.0, 5.0, 9.0])
def test_a_rotated_grating_is_the_grating_at_that_angle(angle: float, frequency: float) -> None:
    seen = view.look(view.refine(grating(20.0, frequency)), angle)
    expected = grating(20.0 + angle, frequency)
    assert float((inside(seen, 0.7) - inside(expected, 0.7)).abs().max()) < 0.03


def test_fine_images_are_the_images_drawn_finer() -> None:
    fine = view.refine(grating(70.0, 4.0))
    expected = grating(70.0, 4.0, 2 * SIZE)
    middle = slice(12, 52)
    assert float((fine - expected)[..., middle, middle].abs().max()) < 0.02


def test_shift_and_flip_come_before_rotation() -> None:
    fine = view.refine(grating(30.0))
    flipped = view.look(fine, 45.0, flip=torch.tensor([True]))
    assert float((inside(flipped) - inside(view.look(view.refine(grating(30.0).flip(-1)), 45.0))).abs().max()) < 0.01
    moved = view.look(fine, 0.0, shift=torch.tensor([[3.0, 2.0]]))
    expected = view.look(fine, 0.0).roll((-2, 3), (-2, -1))
    assert float((inside(moved, 0.6) - inside(expected, 0.6)).abs().max()) < 1e-3
    both = view.look(fine, 0.0, shift=torch.tensor([[3.0, 0.0]]), flip=torch.tensor([True]))
    assert float((inside(both, 0.6) - inside(view.look(fine, 0.0).flip(-1).roll(3, -1), 0.6)).abs().max()) < 1e-3


def test_no_signature_of_the_angle_in_isotropic_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = (0.5 + 0.12 * torch.randn(600, 1, SIZE, SIZE, generator=generator)).clamp(0, 1)
    fine = view.refine(noise)
    f = torch.fft.fftfreq(SIZE)
    radius = torch.hypot(f[:, None], f[None, :])
    spectra = {}
    for angle in (0.0, 22.5, 45.0):
        seen = view.disc(view.look(fine, angle))
        power = torch.fft.fft2(seen - 0.5).abs().square().mean((0, 1))
        spectra[angle] = np.array(
            [float(power[(radius >= lo) & (radius < lo + 0.05)].mean()) for lo in np.arange(0, 0.45, 0.05)]
        )
        # What lies outside the circle is the same grey in every condition.
        assert float((seen[..., 0, :4] - 0.5).abs().max()) == 0
    for angle in (22.5, 45.0):
        assert spectra[angle] / spectra[0.0] == pytest.approx(np.ones(9), abs=0.04)

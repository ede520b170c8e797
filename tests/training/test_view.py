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


@pytest.mark.parametrize("size", [SIZE, SIZE + 1])
def test_fine_images_are_the_images_drawn_finer(size: int) -> None:
    fine = view.refine(grating(70.0, 4.0, size))
    expected = grating(70.0, 4.0, 2 * size)
    middle = slice(12, -12)
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


@pytest.mark.parametrize(
    ("moved", "most", "most_in_all"), [(True, (0.035, 0.035, 0.035), 0.01), (False, (0.01, 0.03, 0.08), 0.035)]
)
def test_white_noise_hardly_shows_the_angle(moved: bool, most: tuple[float, ...], most_in_all: float) -> None:
    # What is done to images is linear, so that single pixels tell the expected power of noise without sampling any.
    pixels = 0.5 + 0.4 * torch.eye(SIZE**2).view(-1, 1, SIZE, SIZE)
    # As in training, by up to an eighth of the image.
    random = torch.rand(len(pixels), 2, generator=torch.Generator().manual_seed(0))
    shift = (2 * random - 1) * SIZE / 8 if moved else None
    fine = view.refine(pixels)
    f = torch.fft.fftfreq(SIZE)
    radius = torch.hypot(f[:, None], f[None, :])
    cardinal = (torch.rad2deg(torch.atan2(f[:, None], f[None, :])) % 90 - 45).abs() > 22.5
    rings = [(radius >= low) & (radius < low + 0.05) for low in np.arange(0, 0.45, 0.05)]
    bands = [(radius >= low) & (radius < low + 0.1) for low in (0.15, 0.25, 0.35)]
    totals, ratios = {}, {}
    for angle in (0.0, 22.5, 45.0):
        seen = view.disc(view.look(fine, angle, shift))
        power = torch.fft.fft2(seen - 0.5).abs().square().sum((0, 1))
        totals[angle] = np.array([float(power[ring].mean()) for ring in rings])
        ratios[angle] = np.array([float(power[b & cardinal].mean() / power[b & ~cardinal].mean()) for b in bands])
        # What lies outside the circle is the same grey in every condition.
        assert float((seen[..., 0, :4] - 0.5).abs().max()) == 0
    for angle in (22.5, 45.0):
        assert totals[angle] / totals[0.0] == pytest.approx(np.ones(9), abs=most_in_all)
        assert (np.abs(ratios[angle] / ratios[0.0] - 1) <= most).all()

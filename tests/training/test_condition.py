"""Conditions against gratings, skimage's hue, and the statistics that the package itself measures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import color

from fechner import FechnerError
from fechner.stimuli import Grating
from fechner.training import Condition, view
from fechner.training.condition import attenuate


def contrast(images: torch.Tensor) -> float:
    return float(images[..., 8:24, 8:24].std())


@pytest.mark.parametrize("removed", [0.0, 30.0, 90.0, 135.0])
def test_only_the_band_is_attenuated(removed: float) -> None:
    shown = Grating(size=32, pixels_per_degree=32.0, spatial_frequency=6.0, aperture="none")
    for apart, kept in ((0.0, 0.3), (10.0, 0.3), (45.0, 1.0), (90.0, 1.0), (20.0, 0.65)):
        image = shown(orientation=removed + apart)
        found = contrast(attenuate(image, (removed,), 20.0, 0.3)) / contrast(image)
        assert found == pytest.approx(kept, abs=0.12)
    assert float(attenuate(torch.full((1, 3, 32, 32), 0.7), (0.0,), 20.0, 0.0).mean()) == pytest.approx(0.7)


def test_hue_shift_is_that_of_hsv() -> None:
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    before, after = (Condition(hue=h)(images)[0].permute(1, 2, 0).numpy()[8:24, 8:24] for h in (0.0, 90.0))
    hsv = color.rgb2hsv(before)
    hsv[..., 0] = (hsv[..., 0] + 0.25) % 1
    assert np.abs(color.hsv2rgb(hsv) - after).max() < 1e-3
    assert torch.allclose(Condition(hue=360.0)(images), Condition()(images))


def test_hamming_window_is_that_of_numpy() -> None:
    images = torch.ones(1, 3, 64, 64)
    window = np.outer(np.hamming(32), np.hamming(32))
    seen = Condition(hamming=True)(images)[0, 0].numpy()
    assert seen[4:28, 4:28][8:16, 8:16] == pytest.approx(0.5 + 0.5 * window[12:20, 12:20], abs=1e-5)


def test_conditions_compose_and_differ_only_where_they_should() -> None:
    fine = view.refine(torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(1)))
    both = Condition(rotation=45, hue=90, remove=(0.0,), hamming=True)(fine)
    assert both.shape == (4, 3, 32, 32)
    assert float(both.min()) >= 0
    assert float(both.max()) <= 1
    quarter = Condition(rotation=90)(fine)
    assert torch.allclose(quarter, Condition()(fine).rot90(1, (-2, -1)), atol=1e-4)


def test_names_and_bad_input() -> None:
    assert str(Condition()) == "upright"
    assert str(Condition(remove=(0, 90), keep=0.5)) == "remove 0,90, keep 0.5"
    assert str(Condition(hamming=True)) == "hamming"
    for fields, message in (
        ({"band": 0.0}, "band must be a number in"),
        ({"band": 10.0}, "give them in remove, or leave band out"),
        ({"keep": 0.5}, "give them in remove, or leave keep out"),
        ({"keep": 1.5}, "keep must be a number in"),
        ({"hue": np.nan}, "hue must be"),
        ({"remove": (0.0, np.nan)}, "remove must be a list of numbers, got"),
    ):
        with pytest.raises(FechnerError, match=message):
            Condition(**fields)  # type: ignore[arg-type]

"""Power spectra: known exponents, known variance, and what one image may count for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fechner import FechnerError, image_statistics
from fechner.statistics.spatial_frequency import SpatialFrequencyFeature


def noise(exponent: float, size: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    n = 2 * size
    frequency = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None])
    frequency[0, 0] = np.inf
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((n, n))) / frequency ** (exponent / 2))[:size, :size]
    grey = np.clip(np.rint(127 + 40 * (field - field.mean()) / field.std()), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, 2)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 2.5])
def test_exponent_of_noise(exponent: float) -> None:
    feature = SpatialFrequencyFeature()
    total = np.sum([feature.measure(noise(exponent, s, i)) for i, s in enumerate([256, 300, 384] * 4)], 0)[None]
    assert float(feature.describe(total)["exponent"][1]) == pytest.approx(exponent, abs=0.1)


def test_power_is_variance_per_squared_frequency() -> None:
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (512, 512), dtype=np.uint8)
    feature = SpatialFrequencyFeature(pixels_per_degree=50)
    power = feature.measure(np.repeat(grey[..., None], 3, 2))[0]
    # White noise: its variance spread over a square of (50 cycles/degree)².
    assert np.median(power) == pytest.approx((grey / 255).var() / 50**2, rel=0.05)


def test_density_integrates_to_one_and_small_images_count_where_they_can() -> None:
    feature = SpatialFrequencyFeature()
    large, small = feature.measure(noise(2, 256, 0)), feature.measure(noise(2, 64, 1))
    assert large[1].all()
    assert 0 < small[1].sum() < len(small[1])
    density = feature.density((large + small)[None])[0]
    assert (density * feature.describe((large + small)[None])["bin_width"][1]).sum() == pytest.approx(1)


def test_photographs_fall_as_the_inverse_square() -> None:
    found = image_statistics("scikit-image", feature="spatial_frequency")
    assert 1.5 < float(found.exponent_low) < float(found.exponent) < float(found.exponent_high) < 3.5
    assert found.spatial_frequency.attrs["units"] == "cycle/degree"


def test_small_photographs_are_counted_in_a_warning(tmp_path: Path) -> None:
    for name, size in (("small", 80), ("tiny", 64), ("large", 96)):
        Image.fromarray(noise(2, size, 0)).save(tmp_path / f"{name}.png")
    with pytest.warns(UserWarning, match="2 photographs are under 96 pixels: .* off by up to 0.6") as said:
        found = image_statistics(tmp_path, "spatial_frequency")
    assert found.attrs["warning"] == str(said[0].message)
    (tmp_path / "small.png").unlink()
    (tmp_path / "tiny.png").unlink()
    assert "warning" not in image_statistics(tmp_path, "spatial_frequency").attrs


def test_bad_settings() -> None:
    with pytest.raises(FechnerError, match="pixels_per_degree"):
        SpatialFrequencyFeature(pixels_per_degree=0)
    with pytest.raises(FechnerError, match="too few for a power spectrum"):
        SpatialFrequencyFeature().measure(np.zeros((4, 4, 3), np.uint8))

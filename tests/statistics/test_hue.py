"""Hue in photographs, against scikit-image's conversions of the same pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from skimage import color

from fechner import FechnerError
from fechner.statistics import photographs
from fechner.statistics.hue import HueFeature


def naive(pixels: np.ndarray, values: int, saturation: float, value: float, space: str, rotate: float) -> np.ndarray:
    hsv = color.rgb2hsv(pixels)
    # Both times 255, in units of bytes, and with the same slack as there: a pixel at the threshold counts.
    most = 255 * hsv[..., 2]
    kept = (hsv[..., 1] * most >= saturation * most - 1e-9) & (most >= 255 * value - 1e-9) & (hsv[..., 1] > 0)
    hsv[..., 0] = (hsv[..., 0] + rotate / 360) % 1
    if space == "hsv":
        degrees = hsv[..., 0] * 360
    else:
        lab = color.rgb2lab(color.hsv2rgb(hsv))
        degrees = np.rad2deg(np.arctan2(lab[..., 2], lab[..., 1])) % 360
    index = np.floor(degrees[kept] / 360 * values + 0.5).astype(int) % values
    return np.bincount(index, minlength=values) / kept.size


@settings(max_examples=settings().max_examples // 5)
@example(saturation=0.42259454634255167, value=0.0, rotate=0.0, space="hsv", seed=74)
@given(
    saturation=st.floats(0, 1), value=st.floats(0, 1), rotate=st.sampled_from([0.0, 90.0, -45.0]),
    space=st.sampled_from(["hsv", "cielch"]), seed=st.integers(0, 99),
)  # fmt: skip
def test_shares_are_those_of_scikit_image(
    saturation: float, value: float, rotate: float, space: str, seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    found = HueFeature(values=37, saturation=saturation, value=value, space=space, rotate=rotate).measure(pixels)[0]  # type: ignore[arg-type]
    expected = naive(pixels, 37, saturation, value, space, rotate)
    # Pixels on the border of a bin may fall to either side in single precision.
    assert np.abs(np.cumsum(found) - np.cumsum(expected)).max() <= 3 / 1200
    assert found.sum() == pytest.approx(expected.sum(), abs=1e-9)


def test_a_photograph() -> None:
    pixels = next(p for p in photographs() if p.name == "coffee.png").pixels()
    for space in ("hsv", "cielch"):
        found = HueFeature(values=36, space=space).measure(pixels)[0]  # type: ignore[arg-type]
        assert np.abs(found - naive(pixels, 36, 0.1, 0.5, space, 0)).max() < 0.002


def test_rotation_moves_the_density() -> None:
    pixels = next(p for p in photographs() if p.name == "astronaut.png").pixels()
    plain, turned = (HueFeature(values=36, rotate=r).measure(pixels)[0] for r in (0, 90))
    assert np.abs(np.roll(plain, 9) - turned).max() < 1e-6
    turned = HueFeature(values=36, space="cielch", rotate=90).measure(pixels)[0]
    assert np.abs(turned - naive(pixels, 36, 0.1, 0.5, "cielch", 90)).max() < 0.002


def test_grey_and_dark_pixels_have_no_hue() -> None:
    assert HueFeature().measure(np.full((4, 4, 3), 200, np.uint8)).sum() == 0
    assert HueFeature(saturation=0).measure(np.full((4, 4, 3), 200, np.uint8)).sum() == 0
    assert HueFeature().measure(np.full((4, 4, 3), (127, 0, 0), np.uint8)).sum() == 0
    assert HueFeature().measure(np.full((4, 4, 3), (128, 0, 0), np.uint8)).sum() == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"saturation": 2}, "saturation must be"), ({"space": "lab"}, "unknown space"), ({"values": 0}, "from 4 to 3600"), ({"rotate": float("nan")}, "rotate")],
)  # fmt: skip
def test_bad_settings(fields: dict[str, object], message: str) -> None:
    with pytest.raises(FechnerError, match=message):
        HueFeature(**fields)  # type: ignore[arg-type]

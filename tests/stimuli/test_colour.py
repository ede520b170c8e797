"""Hue patches against scikit-image's colour spaces, and the flat null of raw HSV pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import color

import fechner
from fechner import FechnerError, HuePatch, LChPatch
from fechner.stimuli import parameters


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 359.99), st.floats(0, 1), st.floats(0, 1))
def test_hsv_is_that_of_scikit_image(hue: float, saturation: float, value: float) -> None:
    patch = HuePatch(hue, saturation, value, size=2)(hue=torch.tensor([hue], dtype=torch.float64))
    expected = color.hsv2rgb([[[hue / 360, saturation, value]]])[0, 0]
    assert np.allclose(patch[0, :, 1, 1], expected, atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 360), st.floats(60, 80), st.floats(0, 25))
def test_lch_is_that_of_scikit_image(hue: float, lightness: float, chroma: float) -> None:
    patch = LChPatch(hue, lightness, chroma, size=2)(hue=torch.tensor([hue], dtype=torch.float64))
    lab = color.lch2lab([[[lightness, chroma, np.deg2rad(hue)]]])
    assert np.allclose(patch[0, :, 0, 0], color.lab2rgb(lab)[0, 0], atol=2e-4)


@pytest.mark.parametrize(("saturation", "value"), [(0.5, 0.9), (0.9, 0.5), (1.0, 1.0)])
@pytest.mark.parametrize("hues", [360, 9, 1])
def test_raw_pixels_are_a_flat_null(saturation: float, value: float, hues: int) -> None:
    curves = fechner.sensitivity(
        torch.nn.Identity().eval(), HuePatch(saturation=saturation, value=value, size=4), along="hue", values=hues,
        average={}, layers="all", dtype=torch.float64, progress=False,
    )  # fmt: skip
    per_pixel = curves.sensitivity.sel(layer="input").values / 16
    assert np.allclose(per_pixel, (saturation * value / 60) ** 2, rtol=1e-9)


@pytest.mark.parametrize("hues", range(1, 40))
def test_grids_of_hue_avoid_the_kinks(hues: int) -> None:
    grid = parameters(HuePatch())["hue"].values("hue", hues)
    assert np.diff(grid) == pytest.approx(360 / hues)
    assert (np.abs(grid % 60 - np.round(grid % 60 / 60) * 60) > 1e-6).all()
    assert grid.min() > 0
    assert grid.max() < 360


def test_colours_outside_the_gamut_are_refused() -> None:
    LChPatch()(hue=torch.arange(360.0))
    with pytest.raises(FechnerError, match="leaves the sRGB gamut at hue"):
        LChPatch(chroma=90)(hue=torch.arange(360.0))
    with pytest.raises(FechnerError, match=r"saturation must lie in \[0, 1\]"):
        HuePatch(saturation=1.2)

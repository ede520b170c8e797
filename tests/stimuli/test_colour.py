"""Hue patches against scikit-image's colour spaces, and the flat null of raw HSV pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import color

import fechner
from fechner import FechnerError
from fechner.stimuli import HuePatch, LChPatch, SpectralPatch, parameters
from fechner.stimuli.colour import colour_matching


@settings(max_examples=settings().max_examples // 2)
@given(st.floats(0, 359.99), st.floats(0, 1), st.floats(0, 1))
def test_hsv_is_that_of_scikit_image(hue: float, saturation: float, value: float) -> None:
    patch = HuePatch(hue, saturation, value, size=2)(hue=torch.tensor([hue], dtype=torch.float64))
    expected = color.hsv2rgb([[[hue / 360, saturation, value]]])[0, 0]
    assert np.allclose(patch[0, :, 1, 1], expected, atol=1e-6)


@settings(max_examples=settings().max_examples // 2)
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
    per_pixel = curves.fisher_information.sel(layer="input").values / 16
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


def test_colour_matching_functions_make_equal_energy_white_and_peak_where_they_should() -> None:
    nm = torch.arange(360, 831, dtype=torch.float64)
    x, y, z = (m.numpy() for m in colour_matching(nm))
    # The CIE 1931 functions were scaled to equal areas; photopic sensitivity peaks at 555 nm, with 1.
    assert x.sum() == pytest.approx(y.sum(), rel=0.01)
    assert z.sum() == pytest.approx(y.sum(), rel=0.01)
    assert abs(int(nm[y.argmax()]) - 555) <= 4
    assert y.max() == pytest.approx(1, abs=0.02)


def test_the_spectrum_runs_from_blue_through_green_to_red() -> None:
    shown = SpectralPatch(size=2)(wavelength=torch.tensor([450.0, 530.0, 645.0], dtype=torch.float64))[:, :, 0, 0]
    assert shown.argmax(1).tolist() == [2, 1, 0]
    every = SpectralPatch(size=2)(wavelength=torch.linspace(450, 650, 401, dtype=torch.float64))
    assert 0 <= float(every.min()) < 0.01
    assert float(every.max()) == pytest.approx(1, abs=1e-3)

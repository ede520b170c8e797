"""Weights of images against densities that are known to be reachable."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from fechner import FechnerError, image_statistics
from fechner.statistics import make
from fechner.training import labelled
from fechner.training.labelled_images import EncodedImage
from fechner.training.resampling import resample, weighted


@given(st.integers(0, 1000))
def test_a_density_that_weights_can_make_is_made(seed: int) -> None:
    rng = np.random.default_rng(seed)
    histograms = rng.dirichlet(np.full(8, 0.7), 300) * rng.uniform(0.1, 1, (300, 1))
    truth = rng.uniform(0.2, 3, 300)
    found = weighted(histograms, truth @ histograms)
    assert found.probabilities.sum() == pytest.approx(1)
    assert found.achieved == pytest.approx(found.desired, rel=0.15, abs=0.02 * found.desired.max())
    assert 1 < found.effective <= 300


def test_pictures_without_the_feature_keep_their_share() -> None:
    histograms = np.zeros((30, 4))
    histograms[:20] = np.random.default_rng(0).dirichlet(np.ones(4), 20)
    found = weighted(histograms, np.ones(4))
    assert found.probabilities[20:] == pytest.approx(found.probabilities[:20].mean())


def test_orientations_of_real_images_become_even(tiles: Path) -> None:
    pictures = labelled(tiles).train.pictures
    even = resample(pictures, "orientation", "uniform", progress=False)
    shown_alike = resample(pictures, "orientation", _as_they_are(pictures), progress=False)
    assert shown_alike.probabilities == pytest.approx(np.full(120, 1 / 120), rel=0.02)
    assert np.ptp(even.achieved) < 0.3 * np.ptp(shown_alike.achieved)
    assert 10 < even.effective < 120


def _as_they_are(pictures: Sequence[EncodedImage]) -> xr.Dataset:
    measure = make("orientation", {"values": 18, "scales": 1.0})
    total = np.sum([measure.measure(p.pixels()) for p in pictures], (0, 1))
    return xr.Dataset({"density": ("orientation", total)}, {"orientation": np.arange(18) * 10.0})


def test_a_measured_density_of_hue_is_what_the_images_have(tiles: Path) -> None:
    measured = image_statistics(tiles / "train", "hue", progress=False, values=36)
    found = resample(labelled(tiles).train.pictures, "hue", measured, progress=False)
    assert found.probabilities == pytest.approx(np.full(120, 1 / 120), rel=0.02)
    with pytest.raises(FechnerError, match="no image has what the density asks for in"):
        resample(labelled(tiles).train.pictures, "hue", "uniform", progress=False)


def test_bad_input(tiles: Path) -> None:
    pictures = labelled(tiles).train.pictures[:3]
    with pytest.raises(FechnerError, match="unknown feature to resample 'size'"):
        resample(pictures, "size", "uniform")
    with pytest.raises(FechnerError, match="or 'uniform', got 'flat'"):
        resample(pictures, "hue", "flat")
    with pytest.raises(FechnerError, match="no density of hue"):
        resample(pictures, "hue", xr.Dataset({"density": ("orientation", np.ones(4))}))
    with pytest.raises(FechnerError, match="no image has what the density asks for in 2 of 3 bins"):
        weighted(np.array([[1.0, 0.0, 0.0]]), np.ones(3))

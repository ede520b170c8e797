"""Patches and their moments, against NumPy on the same patches."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fechner.statistics import photographs
from fechner.statistics.patches import _Cuts, patch_moments


@pytest.mark.parametrize("colour", [False, True])
def test_covariance_is_numpys(colour: bool) -> None:
    found = photographs()
    cuts = [c for _, c, _ in _Cuts(found, 1000, 8, colour, 3)]
    patches = np.concatenate(cuts).astype(float) / 255
    moments, skipped = patch_moments(number=1000, size=8, colour=colour, seed=3)
    mean, covariance = moments.covariance()
    assert patches.shape == (1000, 192 if colour else 64)
    assert mean == pytest.approx(patches.mean(0))
    assert covariance == pytest.approx(np.cov(patches.T, bias=True), abs=1e-12)
    assert not skipped
    several, _ = patch_moments(number=1000, size=8, colour=colour, seed=3, workers=2)
    assert np.array_equal(several.covariance()[1], covariance)


def test_patches_lie_within_the_photographs() -> None:
    (first, *_) = photographs()
    grey = np.asarray(Image.fromarray(first.pixels()).convert("L"))
    _, cut, _ = next(iter(_Cuts([first], 5, 16, False, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(grey, (16, 16)).reshape(-1, 256)
    for patch in cut:
        assert (windows == patch).all(1).any()

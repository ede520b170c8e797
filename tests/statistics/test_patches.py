"""Patches and their principal components, against NumPy on the same patches and against known spectra."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fechner import FechnerError
from fechner.statistics import photographs, principal_components, reconstruct
from fechner.statistics.patches import _Cuts, patch_moments, power_law


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


def test_components_of_a_known_power_law(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    variance = 1 / np.arange(1, 65.0) ** 1.5
    basis = np.linalg.qr(rng.standard_normal((64, 64)))[0]
    patches = 0.5 + rng.standard_normal((50_000, 64)) * np.sqrt(variance) @ basis.T
    pca = principal_components(patches)
    assert float(pca.exponent_low) < 1.5 < float(pca.exponent_high)
    assert pca.variance.values == pytest.approx(variance, rel=0.05)
    assert abs(pca.components.values[0] @ basis[:, 0]) > 0.99
    assert reconstruct(pca, patches[:10], 64) == pytest.approx(patches[:10])
    errors = [float(np.square(reconstruct(pca, patches, k) - patches).sum(1).mean()) for k in (0, 5, 20)]
    assert errors == pytest.approx([pca.variance.values[k:].sum() for k in (0, 5, 20)])
    for name, save in (
        ("p.npy", np.save),
        ("p.npz", np.savez),
        ("p.pt", lambda f, a: torch.save(torch.as_tensor(a), f)),
    ):
        save(tmp_path / name, patches.reshape(-1, 8, 8))
        assert principal_components(tmp_path / name).variance.values == pytest.approx(pca.variance.values)


def test_power_law_of_a_power_law() -> None:
    assert power_law(np.arange(1, 101.0) ** -1.3) == pytest.approx(1.3)


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(FechnerError, match="50 patches are too few for 1024 pixels"):
        principal_components(number=50)
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(tmp_path / "small.png")
    with pytest.raises(FechnerError, match="60 × 40 pixels are fewer than a patch of 48"):
        patch_moments(tmp_path, number=3000, size=48)
    with pytest.raises(FechnerError, match="choose a smaller size"):
        patch_moments(number=10**7, size=2000)
    with pytest.raises(FechnerError, match="the patches are constant"):
        principal_components(np.full((100, 9), 0.3))
    broken = np.random.default_rng(0).random((100, 9))
    broken[3, 4] = np.nan
    with pytest.raises(FechnerError, match="NaN"):
        principal_components(broken)
    with pytest.raises(FechnerError, match=r"must have the shape .* got \(5,\)"):
        principal_components(np.ones(5))
    with pytest.raises(FechnerError, match="no file of patches"):
        principal_components(tmp_path / "gone.npy")
    (tmp_path / "bad.npz").write_bytes(b"nonsense")
    with pytest.raises(FechnerError, match="holds no array"):
        principal_components(tmp_path / "bad.npz")
    with pytest.raises(FechnerError, match="size must be"):
        principal_components(size=1)
    with pytest.raises(FechnerError, match="components must lie in"):
        reconstruct(principal_components(broken[5:]), broken[5:], 10)

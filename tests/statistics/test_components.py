"""Principal components of patches against known spectra, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fechner import FechnerError
from fechner.statistics import power_law, principal_components, reconstruct
from fechner.statistics.patches import patch_moments


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

"""Layouts and units of patches that were cut before, against NumPy on patches whose channels differ."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from fechner import FechnerError
from fechner.statistics import principal_components, reconstruct
from fechner.statistics.crops import read_crops
from fechner.statistics.patches import sample_patches

Array = npt.NDArray[Any]
PUBLISHED = np.random.default_rng(0).random((300, 3, 8, 8))
GREY = PUBLISHED.mean(1).reshape(300, 64)
BYTES = (255 * PUBLISHED).round().astype(np.uint8)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (PUBLISHED, GREY),
        (PUBLISHED.transpose(0, 2, 3, 1), GREY),
        (PUBLISHED.astype(np.float32), GREY),
        (GREY.reshape(300, 1, 8, 8), GREY),
        (GREY.reshape(300, 8, 8, 1), GREY),
        (GREY.reshape(300, 8, 8), GREY),
        (GREY, GREY),
        (BYTES, BYTES.mean(1).reshape(300, 64) / 255),
        (BYTES.transpose(0, 2, 3, 1), BYTES.mean(1).reshape(300, 64) / 255),
        (BYTES[:, 0], BYTES[:, 0].reshape(300, 64) / 255),
    ],
)
def test_every_layout_is_the_same_grey_patches(array: Array, expected: Array) -> None:
    flat, unit, _ = read_crops(array)
    assert flat * unit == pytest.approx(expected, abs=1e-6)
    pca = principal_components(array, progress=False)
    assert pca["mean"].values == pytest.approx(expected.mean(0), abs=1e-6)
    assert pca.variance.values == pytest.approx(np.linalg.eigvalsh(np.cov(expected.T, bias=True))[::-1], abs=1e-6)
    # Also few patches make ten groups, from which the interval comes.
    assert pca.exponent_low < pca.exponent < pca.exponent_high
    assert reconstruct(pca, array, 64) == pytest.approx(expected, abs=1e-5)


def test_colour_keeps_the_channels_in_the_order_of_photographs() -> None:
    for array in (PUBLISHED, PUBLISHED.transpose(0, 2, 3, 1)):
        flat, *_ = read_crops(array, colour=True)
        assert np.array_equal(flat, PUBLISHED.reshape(300, 192))
    with pytest.raises(FechnerError, match="are grey, of shape .*: colour=True needs three channels"):
        read_crops(GREY.reshape(300, 8, 8), colour=True)


def test_files_hold_one_tensor_or_array(tmp_path: Path) -> None:
    writers: dict[str, Callable[[Path], object]] = {
        "a.PT": lambda f: torch.save(torch.as_tensor(PUBLISHED).requires_grad_(), f),
        "half.pt": lambda f: torch.save(torch.as_tensor(PUBLISHED).bfloat16(), f),
        "a.npy": lambda f: np.save(f, PUBLISHED),
        "a.npz": lambda f: np.savez(f, crops=PUBLISHED),
    }
    for name, write in writers.items():
        write(tmp_path / name)
        flat, *_ = read_crops(tmp_path / name)
        assert flat == pytest.approx(GREY, abs=3e-3 if name == "half.pt" else 1e-12)
        assert sample_patches(tmp_path / name, 4, 8) == pytest.approx(flat[[0, 99, 199, 299]].astype(float))


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("two.npz", lambda f: np.savez(f, a=GREY, b=GREY), "must hold one array of patches, got 2: a, b"),
        ("dict.pt", lambda f: torch.save({"crops": torch.zeros(2, 4)}, f), "array of real numbers, got dict"),
        ("text.pt", lambda f: f.write_text("no"), "holds no array of patches"),
        ("object.npy", lambda f: np.save(f, np.array([{}]), allow_pickle=True), "holds no array of patches"),
        ("complex.npy", lambda f: np.save(f, GREY.astype(complex)), "real numbers, got complex128"),
        ("empty.npy", lambda f: np.save(f, GREY[:0]), r"got \(0, 64\)"),
        ("two.npy", lambda f: np.save(f, PUBLISHED[:, :2]), r"\(n, size, size, channels\), got \(300, 2, 8, 8\)"),
        ("nan.npy", lambda f: np.save(f, np.full((9, 4), np.nan)), "'.*nan.npy' hold NaN or infinite pixels"),
        ("gone.npz", lambda f: None, "no file of patches '.*gone.npz'"),
    ],
)
def test_what_is_no_array_of_patches_is_named(
    name: str, write: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    write(tmp_path / name)
    with pytest.raises(FechnerError, match=message) as raised:
        principal_components(tmp_path / name)
    assert "\n" not in str(raised.value)


def test_patches_of_another_size_are_not_reconstructed() -> None:
    pca = principal_components(GREY, progress=False)
    with pytest.raises(FechnerError, match="the patches have 16 pixels, the components 64"):
        reconstruct(pca, GREY[:, :16], 2)

"""Photographs of every container and mode come out as the same upright RGB."""

from __future__ import annotations

import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fechner import FechnerError
from fechner.statistics import photographs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes with three images, and files that are none."""
    rng = np.random.default_rng(0)
    for name in ("b/two.png", "a/one.png", "a/deep/three.BMP"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (6, 9, 3), dtype=np.uint8)).save(path)
    (tmp_path / "images" / "notes.txt").write_text("not an image")
    (tmp_path / "images" / "a" / "._one.png").write_bytes(b"\0")
    return tmp_path / "images"


def test_folder_tar_and_zip_hold_the_same(folder: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "i.tar", "w") as tar, zipfile.ZipFile(tmp_path / "i.zip", "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                tar.add(path, path.relative_to(folder).as_posix())
                archive.write(path, path.relative_to(folder).as_posix())
    expected = [p.pixels() for p in photographs(folder)]
    for source in (folder, tmp_path / "i.tar", tmp_path / "i.zip"):
        found = pickle.loads(pickle.dumps(photographs(source)))
        assert [p.name for p in found] == ["a/deep/three.BMP", "a/one.png", "b/two.png"]
        for photograph, pixels in zip(found, expected, strict=True):
            assert np.array_equal(photograph.pixels(), pixels)


def test_every_mode_becomes_rgb(tmp_path: Path) -> None:
    grey = np.arange(0, 256, dtype=np.uint8).reshape(16, 16)
    rgb = np.stack([grey, grey.T, 255 - grey], -1)
    half = np.concatenate([rgb, np.where(grey < 128, 0, 255).astype(np.uint8)[..., None]], -1)
    saved = {
        "grey.png": Image.fromarray(grey),
        "deep.png": Image.fromarray(grey.astype(np.uint16) * 257),
        "clear.png": Image.fromarray(half),
        "palette.png": Image.fromarray(rgb // 64 * 64).quantize(64),
        "cmyk.tif": Image.fromarray(rgb).convert("CMYK"),
        "bits.png": Image.fromarray(grey > 127),
    }
    for name, image in saved.items():
        image.save(tmp_path / name)
    found = {p.name: p.pixels() for p in photographs(tmp_path)}
    assert {p.dtype for p in found.values()} == {np.dtype(np.uint8)}
    assert {p.shape for p in found.values()} == {(16, 16, 3)}
    assert np.array_equal(found["grey.png"], np.repeat(grey[..., None], 3, 2))
    assert np.array_equal(found["deep.png"], found["grey.png"])
    assert np.array_equal(found["clear.png"][8:], rgb[8:])
    assert (found["clear.png"][:8] == 128).all()
    assert np.array_equal(found["palette.png"], rgb // 64 * 64)
    assert np.abs(found["cmyk.tif"].astype(int) - rgb).max() <= 1
    assert set(np.unique(found["bits.png"])) == {0, 255}


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    image = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown a quarter turn clockwise
    image.save(tmp_path / "turned.png", exif=exif)
    (found,) = photographs(tmp_path)
    assert np.array_equal(found.pixels()[..., 0], np.rot90(np.asarray(image), -1))


def test_what_cannot_be_decoded_is_named(folder: Path) -> None:
    whole = (folder / "a" / "one.png").read_bytes()
    (folder / "a" / "one.png").write_bytes(whole[: len(whole) // 2])
    (folder / "b" / "two.png").write_text("not a png")
    Image.fromarray(np.ones((2, 2), dtype=np.float32)).save(folder / "float.tif")
    found = {p.name: p for p in photographs(folder)}
    for name, message in (("a/one.png", "a/one.png"), ("b/two.png", "cannot decode"), ("float.tif", "no known range")):
        with pytest.raises(FechnerError, match=message):
            found[name].pixels()


def test_real_photographs(photographs_tar: Path) -> None:
    found = photographs(photographs_tar)
    assert len(found) == 500
    shapes = [p.pixels().shape for p in found[::50]]
    assert all(min(h, w) > 30 and c == 3 for h, w, c in shapes)


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(FechnerError, match="no images in"):
        photographs(tmp_path)
    with pytest.raises(FechnerError, match="no folder or archive"):
        photographs(tmp_path / "absent")
    (tmp_path / "x.tar.xz").write_bytes(b"")
    with pytest.raises(FechnerError, match="unpack it first"):
        photographs(tmp_path / "x.tar.xz")
    for name in ("x.tar", "x.zip"):
        (tmp_path / name).write_bytes(b"nonsense" * 100)
        with pytest.raises(FechnerError, match="damaged"):
            photographs(tmp_path / name)

"""Photographs of every container and mode come out as the same upright RGB."""

from __future__ import annotations

import os
import pickle
import shutil
import tarfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fechner import FechnerError, image_statistics, results
from fechner.statistics import photographs
from fechner.statistics.images import find_photographs, left_out_in_words


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


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_are_followed_and_loops_found(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder / "b", tmp_path / "elsewhere")
    (folder / "b").symlink_to("../elsewhere")  # a class that is a link
    (folder / "c.png").symlink_to("a/one.png")
    (folder / "a" / "up").symlink_to("..")
    (folder / "above").symlink_to("../..")
    (tmp_path / "elsewhere" / "self").symlink_to(folder / "b")
    (folder / "nowhere.png").symlink_to("absent.png")
    (folder / "itself").symlink_to("itself")
    os.mkfifo(folder / "pipe.png")
    found, left_out = find_photographs(folder)
    assert [p.name for p in found] == ["a/deep/three.BMP", "a/one.png", "b/two.png", "c.png"]
    assert left_out == {
        "hidden": 1,
        "link that leads nowhere": 2,
        "link to a folder that it lies in": 3,
        "of a kind that is not read (.txt)": 1,
        "no regular file": 1,
    }
    assert [p.pixels().shape for p in found] == [(6, 9, 3)] * 4
    assert (
        left_out_in_words(left_out, 2)
        == "left out 8 files: 3 link to a folder that it lies in, 2 link that leads nowhere, …"
    )


def test_hidden_and_system_folders_are_left_out_of_folders_and_archives(folder: Path, tmp_path: Path) -> None:
    junk = (".ipynb_checkpoints", ".thumbnails", "@eaDir", ".Trash-1000", "__MACOSX", "$RECYCLE.BIN")
    for name in junk:
        shutil.copytree(folder / "b", folder / "a" / name)
    shutil.make_archive(str(tmp_path / "i"), "tar", folder)
    shutil.make_archive(str(tmp_path / "i"), "zip", folder)
    for source in (folder, tmp_path / "i.tar", tmp_path / "i.zip"):
        found, left_out = find_photographs(source)
        assert len(found) == 3
        assert left_out == {"hidden": 1, "of a kind that is not read (.txt)": 1} | {f"in {name}": 1 for name in junk}
    # A folder that is named on purpose may be hidden.
    assert len(photographs(folder / "a" / ".thumbnails")) == 1
    shutil.rmtree(folder / "b")
    (folder / "b" / ".thumbnails").mkdir(parents=True)
    (folder / "b" / ".thumbnails" / "x.png").touch()
    with pytest.raises(FechnerError, match=r"no images in '.*': left out 1 file: 1 in .thumbnails"):
        photographs(folder / "b")


def test_a_replaced_archive_gives_what_it_holds_now(folder: Path, tmp_path: Path) -> None:
    for kind in ("tar", "zip"):
        archive = Path(shutil.make_archive(str(tmp_path / "i"), kind, folder))
        before = photographs(archive)
        first = before[1].pixels()
        for again in (1, 2):
            turned = np.rot90(first, 2 * again + 1) + again
            for path in folder.rglob("*.png"):
                Image.fromarray(turned.astype(np.uint8)).resize((300 * again, 300)).save(path)
            if again == 2:
                archive.unlink()
            shutil.make_archive(str(tmp_path / "i"), kind, folder)
            assert photographs(archive)[1].pixels().shape == (300, 300 * again, 3)
            with pytest.raises(FechnerError, match=f"i.{kind}' has been changed since it was listed: start again"):
                before[1].pixels()


def test_names_that_are_not_utf_8_are_read_and_printed(folder: Path, tmp_path: Path) -> None:
    raw = os.fsdecode(b"caf\xe9.png")
    try:
        (folder / "a" / "one.png").rename(folder / "a" / raw)
    except (OSError, UnicodeError):
        pytest.skip("the file system takes no such names")
    with tarfile.open(tmp_path / "i.tar", "w") as tar:
        tar.add(folder, "")
    names = ["a/caf\\xe9.png", "a/deep/three.BMP", "b/two.png"]
    for source in (folder, tmp_path / "i.tar"):
        found = photographs(source)
        assert sorted(p.name for p in found) == names
        assert [p.pixels().shape for p in found] == [(6, 9, 3)] * 3
        dataset = image_statistics(source, "hue", workers=0, progress=False)
        assert dataset.attrs["photographs"] == 3
    # As its own skipped file, in the name of the folder, and in a file of results.
    (folder / "a" / raw).write_bytes(b"broken")
    with pytest.raises(FechnerError, match=r"cannot decode 'a/caf\\xe9.png'"):
        next(p for p in photographs(folder) if "caf" in p.name).pixels()
    shutil.rmtree(folder / "a")
    folder.rename(tmp_path / raw)
    dataset = image_statistics(tmp_path / raw, "hue", progress=False)
    assert results.read(results.save(dataset, tmp_path / "prior.nc")).attrs["images"].endswith("caf\\xe9.png")


def test_a_zip_with_names_of_dos_and_control_characters(folder: Path, tmp_path: Path) -> None:
    data = (folder / "b" / "two.png").read_bytes()
    with zipfile.ZipFile(tmp_path / "i.zip", "w") as archive:
        for name in ("caf\xe9.png", "red\x1b[31m.png"):
            archive.writestr(name, data)
    whole = (tmp_path / "i.zip").read_bytes()
    assert [p.name for p in photographs(tmp_path / "i.zip")] == ["café.png", "red\\x1b[31m.png"]
    (tmp_path / "i.zip").write_bytes(whole.replace("caf\xe9".encode(), b"caf\xe9x"))  # marked as UTF-8, and not
    with pytest.raises(FechnerError, match="not the UTF-8 it is marked as: unpack it first"):
        photographs(tmp_path / "i.zip")


def test_links_in_archives_and_entries_that_replace_others(folder: Path, tmp_path: Path) -> None:
    one, two = (folder / "a" / "one.png"), (folder / "b" / "two.png")
    os.link(one, folder / "hard.png")
    (folder / "soft").symlink_to("b")
    with tarfile.open(tmp_path / "i.tar", "w") as tar:
        for path in (one, folder / "hard.png", folder / "soft"):
            tar.add(path, path.name)
        tar.add(two, "one.png")
    found, left_out = find_photographs(tmp_path / "i.tar")
    assert [p.name for p in found] == ["hard.png", "one.png"]
    assert np.array_equal(found[0].pixels(), np.asarray(Image.open(one)))
    assert np.array_equal(found[1].pixels(), np.asarray(Image.open(two)))
    assert left_out == {
        "link in an archive (tar --dereference follows them)": 1,
        "replaced by a later entry of its name": 1,
    }


def test_an_image_of_gigabytes_is_not_read(folder: Path, tmp_path: Path) -> None:
    with (folder / "a" / "vast.jpg").open("wb") as file:
        file.truncate(3 * 10**9)  # sparse: takes no room
    with zipfile.ZipFile(tmp_path / "i.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("vast.jpg", b"0" * 10**6)
    packed = (tmp_path / "i.zip").read_bytes()
    size = (10**6).to_bytes(4, "little")
    (tmp_path / "i.zip").write_bytes(packed.replace(size, (3 * 10**9).to_bytes(4, "little")))
    with (tmp_path / "i.tar").open("wb") as file:
        member = tarfile.TarInfo("vast.jpg")
        member.size = 3 * 10**9
        file.write(member.tobuf(tarfile.GNU_FORMAT))
        file.truncate(3 * 10**9 + 10240 - 10**9 % 512)
    began = time.monotonic()
    for source in (folder, tmp_path / "i.tar", tmp_path / "i.zip"):
        vast = next(p for p in photographs(source) if p.name.endswith("vast.jpg"))
        with pytest.raises(FechnerError, match=r"vast.jpg' \(3.0 GB are more than the 1.1 GB that an image may have"):
            vast.pixels()
    assert time.monotonic() - began < 1


def test_giant_dimensions_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    (tmp_path / "bomb.pgm").write_bytes(b"P5 20000 20000 255\n")
    with pytest.raises(FechnerError, match="bomb.pgm' .*exceeds limit"):
        photographs(tmp_path)[0].pixels()


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

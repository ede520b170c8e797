"""Which images there are: layouts, splits, and what is wrong with them."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import CIFAR10

from fechner import FechnerError
from fechner.training import labelled


def test_train_and_val_folders_and_a_tar_of_them(tiles: Path, tmp_path: Path) -> None:
    found = labelled(tiles)
    assert found.classes == ("brick", "coffee", "grass")
    assert np.bincount(found.train.labels).tolist() == [40, 40, 40]
    assert np.bincount(found.validation.labels).tolist() == [12, 12, 12]
    assert found.train.pictures[0].name == "train/brick/00.png"
    with tarfile.open(tmp_path / "tiles.tar", "w") as archive:
        archive.add(tiles, "tiles")
    packed = labelled(tmp_path / "tiles.tar")
    assert packed.classes == found.classes
    assert np.array_equal(packed.train.pictures[7].pixels(), found.train.pictures[7].pixels())


def test_without_a_split_a_tenth_is_held_out_by_name(tiles: Path) -> None:
    found, again = labelled(tiles / "train"), labelled(tiles / "train")
    kept, held = len(found.train.labels), len(found.validation.labels)
    assert kept + held == 120
    assert 4 <= held <= 24
    assert [p.name for p in again.validation.pictures] == [p.name for p in found.validation.pictures]


def test_a_folder_with_train_alone_is_split_and_test_is_left_out_where_there_is_val(
    tiles: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiles / "train", tmp_path / "train")
    found = labelled(tmp_path)
    assert len(found.train.labels) + len(found.validation.labels) == 120
    assert 4 <= len(found.validation.labels) <= 24
    shutil.copytree(tiles / "val", tmp_path / "test")
    assert len(labelled(tmp_path).validation.labels) == 36
    shutil.copytree(tiles / "val", tmp_path / "val")
    shutil.rmtree(tmp_path / "test" / "coffee")
    found = labelled(tmp_path)
    assert {p.name.split("/")[0] for p in found.validation.pictures} == {"val"}
    assert (len(found.train.labels), len(found.validation.labels)) == (120, 36)


def test_cifar_as_torchvision_keeps_it_and_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / CIFAR10.base_folder
    folder.mkdir()
    rng = np.random.default_rng(0)
    pixels = {}

    def write(name: str, content: dict[str, object]) -> list[str]:
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]

    sums = {}
    for name in ("data_batch_1", "test_batch"):
        pixels[name] = rng.integers(0, 256, (20, 3072), dtype=np.uint8)
        sums[name] = write(name, {"data": pixels[name], "labels": [i % 10 for i in range(20)]})
    _, md5 = write("batches.meta", {"label_names": [f"class{i}" for i in range(10)]})
    monkeypatch.setattr(CIFAR10, "train_list", [sums["data_batch_1"]])
    monkeypatch.setattr(CIFAR10, "test_list", [sums["test_batch"]])
    monkeypatch.setattr(CIFAR10, "meta", {"filename": "batches.meta", "key": "label_names", "md5": md5})
    found = labelled(tmp_path)
    assert len(found.classes) == 10
    assert np.array_equal(
        found.train.pictures[3].pixels(), pixels["data_batch_1"][3].reshape(3, 32, 32).transpose(1, 2, 0)
    )
    for archive in (
        shutil.make_archive(str(tmp_path / "packed"), kind, tmp_path, folder.name) for kind in ("tar", "zip")
    ):
        packed = labelled(archive)
        assert np.array_equal(packed.validation.labels, found.validation.labels)
        assert np.array_equal(packed.train.pictures[3].pixels(), found.train.pictures[3].pixels())
    (folder / "test_batch").write_bytes(b"broken")
    with pytest.raises(FechnerError, match="CIFAR-10 cannot be read"):
        labelled(tmp_path)


def test_bad_input(tiles: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiles, copy)
    (copy / "stray.png").write_bytes((copy / "train/brick/00.png").read_bytes())
    with pytest.raises(FechnerError, match=r"'stray.png' in .* lies in no folder"):
        labelled(copy)
    (copy / "stray.png").unlink()
    (copy / "other").mkdir()
    (copy / "other" / "x.png").write_bytes((copy / "train/brick/00.png").read_bytes())
    with pytest.raises(FechnerError, match=r"has train/ and val/, but 'other/x.png' lies outside"):
        labelled(copy)
    shutil.rmtree(copy / "other")
    shutil.rmtree(copy / "val" / "coffee")
    with pytest.raises(FechnerError, match=r"val/ lacks 1 of those in train/ \(coffee\)"):
        labelled(copy)
    for part in ("train", "val"):
        for name in ("coffee", "grass"):
            shutil.rmtree(copy / part / name, ignore_errors=True)
    with pytest.raises(FechnerError, match=r"one class \('brick'\)"):
        labelled(copy)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FechnerError, match="no images in"):
        labelled(tmp_path / "empty")


def test_links_are_classes_and_junk_is_none(tiles: Path, tmp_path: Path) -> None:
    for part in ("train", "val"):
        (tmp_path / "set" / part).mkdir(parents=True)
        for name in ("brick", "coffee", "grass"):
            (tmp_path / "set" / part / name).symlink_to(tiles / part / name)
        shutil.copytree(tiles / part / "brick", tmp_path / "set" / part / ".ipynb_checkpoints")
    shutil.copytree(tiles / "val" / "brick", tmp_path / "set" / "test" / "brick")
    found = labelled(tmp_path / "set")
    assert found.classes == ("brick", "coffee", "grass")
    assert (len(found.train.labels), len(found.validation.labels)) == (120, 36)
    assert found.left_out == {"in .ipynb_checkpoints": 52, "in test/, as there is val/": 12}


def test_class_names_that_are_not_utf_8_can_be_saved(tiles: Path, tmp_path: Path) -> None:
    try:
        shutil.copytree(tiles / "train" / "brick", tmp_path / os.fsdecode(b"mu\xf1eca"))
    except (OSError, UnicodeError):
        pytest.skip("the file system takes no such names")
    shutil.copytree(tiles / "train" / "grass", tmp_path / "grass")
    found = labelled(tmp_path)
    assert found.classes == ("grass", r"mu\xf1eca")
    assert found.train.pictures[-1].pixels().shape == (32, 32, 3)

"""Lists labelled images, with their classes, split into training and validation.

`find` of fechner.statistics.images lists the files; here folders become classes and parts. Without a split, the
held-out tenth depends on the names alone: it must stay the same for every process, every machine and every resumed
training.
"""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import warnings
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np
import numpy.typing as npt
from torchvision.datasets import CIFAR10

from fechner.arguments import checked
from fechner.errors import FechnerError, first_line
from fechner.outputs import expanded
from fechner.statistics.images import find_photographs, source_name

CIFAR = "cifar10"
_TRAIN, _VALIDATION, _TEST = "train/", "val/", "test/"
_PARTS = {
    "train": _TRAIN,
    "training": _TRAIN,
    "val": _VALIDATION,
    "valid": _VALIDATION,
    "validation": _VALIDATION,
    "test": _TEST,
}
_UNPACKED = "cifar-10-batches-py"
_HELD_OUT = 10  # one image of this many is kept for validation


class EncodedImage(Protocol):
    """An image with a name, which is decoded when its pixels are asked for."""

    @property
    def name(self) -> str:
        """The name in messages."""

    def pixels(self) -> npt.NDArray[np.uint8]:
        """RGB pixels (height, width, 3); raises `FechnerError` if they cannot be decoded."""


@dataclass(frozen=True)
class Split:
    """Pictures with their labels, which number the classes; `weights` are the probabilities of drawing each."""

    pictures: Sequence[EncodedImage]
    labels: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Labelled:
    """A set of labelled images in two parts, and how many files were left out for each reason."""

    source: str
    classes: tuple[str, ...]
    train: Split
    validation: Split
    left_out: Mapping[str, int] = field(default_factory=dict)


@checked
def labelled(source: str | Path) -> Labelled:
    """Labelled images of a folder of classes, of CIFAR-10 as torchvision keeps it, or of a .tar or .zip of either.

    >>> labelled("no-such-folder")
    Traceback (most recent call last):
    fechner.errors.FechnerError: no folder or archive of images 'no-such-folder'

    Classes are the folders that hold the images. If these folders are in train/ and val/, that is the split, and test/
    is left out; if there is no val/, test/ replaces it. Otherwise a tenth of the images is kept for validation, chosen
    by name and so always the same. `fechner.statistics.photographs` says which files are images. "cifar10" downloads
    CIFAR-10 into the current folder unless it is there; torchvision's archive of it is unpacked in its own folder.

    Raises `FechnerError` if there are no images, fewer than two classes, or if the classes of the two parts differ.
    """
    path = expanded(source)
    if str(path) == CIFAR and not path.exists():
        return _cifar10(Path(), download=True)
    if path.name == CIFAR10.filename and path.is_file():
        return _cifar10(path.parent, download=True)
    if (path / _UNPACKED).is_dir():
        return _cifar10(path, download=False)
    if _holds_cifar10(path):
        kind = path.suffix.lower().removeprefix(".")
        with TemporaryDirectory() as folder:
            shutil.unpack_archive(path, folder, kind, filter="data" if kind == "tar" else None)
            return _cifar10(next(Path(folder).rglob(_UNPACKED)).parent, download=False)
    pictures, reasons = find_photographs(path)
    left_out = Counter(reasons)
    if loose := [p.name for p in pictures if len(PurePosixPath(p.name).parts) < 2]:
        raise FechnerError(
            f"'{loose[0]}' in '{source_name(path)}' lies in no folder: each class needs a folder of its images"
        )
    parts = [_part(p.name) for p in pictures]
    validation = _VALIDATION if _VALIDATION in parts else _TEST
    used = [i for i, part in enumerate(parts) if part in (_TRAIN, validation, None)]
    if len(used) < len(pictures):
        left_out[f"in {_TEST}, as there is {_VALIDATION}"] = len(pictures) - len(used)
    pictures, parts = [pictures[i] for i in used], [parts[i] for i in used]
    if None in parts and len(set(parts)) > 1:
        stray = pictures[parts.index(None)].name
        raise FechnerError(
            f"'{source_name(path)}' has {' and '.join(sorted({p for p in parts if p}))}, but '{stray}' lies outside; move it there"
        )
    names = np.array([PurePosixPath(p.name).parent.name for p in pictures])
    split = validation in parts
    held_out = np.array(
        [part == validation if split else _held_out(p.name) for p, part in zip(pictures, parts, strict=True)]
    )
    trained, validated = set(names[~held_out].tolist()), set(names[held_out].tolist())
    for missing, where, there in ((trained - validated, validation, _TRAIN), (validated - trained, _TRAIN, validation)):
        if split and missing:
            listed = ", ".join(sorted(missing)[:5]) + (", …" if len(missing) > 5 else "")
            raise FechnerError(
                f"classes differ in '{source_name(path)}': {where} lacks {len(missing)} of those in {there} ({listed})"
            )
    classes = tuple(sorted(trained | validated))
    if len(classes) < 2:
        raise FechnerError(
            f"'{source_name(path)}' has one class ('{classes[0]}'); at least 2 folders of images are needed"
        )
    labels = np.searchsorted(classes, names)
    if not held_out.any():
        raise FechnerError(
            f"'{source_name(path)}' has {len(pictures)} images, too few to keep some for validation: make train/ and val/"
        )
    train, held = (Split([pictures[i] for i in np.flatnonzero(w)], labels[w]) for w in (~held_out, held_out))
    return Labelled(source_name(path), classes, train, held, left_out)


def _part(name: str) -> str | None:
    """The part of the split that an image belongs to; None if none of its folders has the name of a part."""
    return next((_PARTS[f.lower()] for f in PurePosixPath(name).parts[:-2] if f.lower() in _PARTS), None)


def _held_out(name: str) -> bool:
    """Whether an image is kept for validation, which depends on its name alone."""
    return hashlib.sha256(name.encode()).digest()[0] < 256 // _HELD_OUT


@dataclass(frozen=True)
class _Array:
    """An `EncodedImage` whose pixels are in memory already."""

    name: str
    array: npt.NDArray[np.uint8]

    def pixels(self) -> npt.NDArray[np.uint8]:
        return self.array


def _cifar10(folder: Path, *, download: bool) -> Labelled:
    """CIFAR-10 in a folder, with its test images for validation."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sets = [CIFAR10(str(folder), train=train, download=download) for train in (True, False)]
    except (RuntimeError, OSError) as e:
        remedy = "give a folder of images instead" if download else "remove it and download it anew"
        reason = first_line(e)
        raise FechnerError(f"CIFAR-10 cannot be {'downloaded' if download else 'read'} ({reason}); {remedy}") from None
    train, test = (
        Split([_Array(f"{part}/{i:05d}", a) for i, a in enumerate(s.data)], np.array(s.targets))
        for part, s in zip(("train", "test"), sets, strict=True)
    )
    return Labelled(CIFAR, tuple(sets[0].classes), train, test)


def _holds_cifar10(archive: Path) -> bool:
    """Whether a .tar or .zip holds CIFAR-10 as torchvision keeps it."""
    try:
        if archive.suffix.lower() == ".tar":
            with tarfile.open(archive, "r:") as tar:
                # Reading all names of a large archive takes long, and the first ones are enough to recognise it.
                names = [m.name for m in islice(tar, 9)]
        elif archive.suffix.lower() == ".zip":
            with zipfile.ZipFile(archive) as packed:
                names = packed.namelist()[:9]
        else:
            return False
    except (tarfile.TarError, zipfile.BadZipFile, OSError, ValueError, EOFError):
        return False
    return any(_UNPACKED in PurePosixPath(name).parts for name in names)

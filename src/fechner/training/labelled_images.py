"""Labelled images to train on: which there are, of which classes, and for training or for validation."""

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
from fechner.statistics.images import find, named

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
_HELD_OUT = 10


class EncodedImage(Protocol):
    """An image by name, decoded when asked for."""

    @property
    def name(self) -> str:
        """Names it in messages."""

    def pixels(self) -> npt.NDArray[np.uint8]:
        """RGB, (height, width, 3); raises `FechnerError` if it cannot be decoded."""


@dataclass(frozen=True)
class Split:
    """Pictures with their labels, numbers of classes; with `weights`, probabilities with which each is to be shown."""

    pictures: Sequence[EncodedImage]
    labels: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Labelled:
    """A set of labelled images in two parts; and how many files were left out for each reason."""

    source: str
    classes: tuple[str, ...]
    train: Split
    validation: Split
    left_out: Mapping[str, int] = field(default_factory=dict)


@checked
def labelled(source: str | Path) -> Labelled:
    """Labelled images: a folder of folders, one per class; CIFAR-10 as torchvision keeps it; or a .tar or .zip of either.

    >>> labelled("no-such-folder")
    Traceback (most recent call last):
    fechner.errors.FechnerError: no folder or archive of images 'no-such-folder'

    Classes are the folders that images lie in. Where these lie in train/ and val/, that is the split, and test/ is left
    out; without val/, test/ stands for it. Otherwise a tenth of the images, chosen by name and so always the same, is kept
    for validation. Which files are images is as for `fechner.statistics.photographs`. "cifar10" downloads CIFAR-10 into the current folder unless it is there; torchvision's archive of it is
    unpacked where it lies. Raises `FechnerError` if there are no images, fewer than two classes, or if the classes of the
    two parts differ.
    """
    source = expanded(source)
    if str(source) == CIFAR and not Path(source).exists():
        return _cifar10(Path(), download=True)
    if Path(source).name == CIFAR10.filename and Path(source).is_file():
        return _cifar10(Path(source).parent, download=True)
    if (Path(source) / _UNPACKED).is_dir():
        return _cifar10(Path(source), download=False)
    if _holds_cifar10(Path(source)):
        kind = Path(source).suffix.lower().removeprefix(".")
        with TemporaryDirectory() as folder:
            shutil.unpack_archive(source, folder, kind, filter="data" if kind == "tar" else None)
            return _cifar10(next(Path(folder).rglob(_UNPACKED)).parent, download=False)
    found, reasons = find(source)
    left_out = Counter(reasons)
    if loose := [p.name for p in found if len(PurePosixPath(p.name).parts) < 2]:
        raise FechnerError(
            f"'{loose[0]}' in '{named(source)}' lies in no folder: each class needs a folder of its images"
        )
    parts = [_part(p.name) for p in found]
    validation = _VALIDATION if _VALIDATION in parts else _TEST
    kept = [i for i, part in enumerate(parts) if part in (_TRAIN, validation, None)]
    if len(kept) < len(found):
        left_out[f"in {_TEST}, as there is {_VALIDATION}"] = len(found) - len(kept)
    found, parts = [found[i] for i in kept], [parts[i] for i in kept]
    if None in parts and len(set(parts)) > 1:
        stray = found[parts.index(None)].name
        raise FechnerError(
            f"'{named(source)}' has {' and '.join(sorted({p for p in parts if p}))}, but '{stray}' lies outside; move it there"
        )
    names = [PurePosixPath(p.name).parent.name for p in found]
    split = validation in parts
    held_out = [part == validation if split else _held_out(p.name) for p, part in zip(found, parts, strict=True)]
    trained, validated = ({n for n, v in zip(names, held_out, strict=True) if v is which} for which in (False, True))
    if split and trained != validated:
        for missing, where, there in (
            (trained - validated, validation, _TRAIN),
            (validated - trained, _TRAIN, validation),
        ):
            if missing:
                listed = ", ".join(sorted(missing)[:5]) + (", …" if len(missing) > 5 else "")
                raise FechnerError(
                    f"classes differ in '{named(source)}': {where} lacks {len(missing)} of those in {there} ({listed})"
                )
    classes = tuple(sorted(trained | validated))
    if len(classes) < 2:
        raise FechnerError(f"'{named(source)}' has one class ('{classes[0]}'); at least 2 folders of images are needed")
    number = {name: i for i, name in enumerate(classes)}
    labels = np.array([number[n] for n in names])
    which = np.array(held_out)
    if not which.any():
        raise FechnerError(
            f"'{named(source)}' has {len(found)} images, too few to keep some for validation: make train/ and val/"
        )
    train, held = (Split([found[i] for i in np.flatnonzero(w)], labels[w]) for w in (~which, which))
    return Labelled(named(source), classes, train, held, left_out)


def _part(name: str) -> str | None:
    """The part of the split that an image belongs to; None if no folder says so."""
    return next((_PARTS[f.lower()] for f in PurePosixPath(name).parts[:-2] if f.lower() in _PARTS), None)


def _held_out(name: str) -> bool:
    return hashlib.sha256(name.encode()).digest()[0] < 256 // _HELD_OUT


@dataclass(frozen=True)
class _Array:
    """A picture that is decoded already."""

    name: str
    array: npt.NDArray[np.uint8]

    def pixels(self) -> npt.NDArray[np.uint8]:
        return self.array


def _cifar10(folder: Path, *, download: bool) -> Labelled:
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
                # Reading all names of a large archive takes long.
                names = [m.name for m in islice(tar, 9)]
        elif archive.suffix.lower() == ".zip":
            with zipfile.ZipFile(archive) as packed:
                names = packed.namelist()[:9]
        else:
            return False
    except (tarfile.TarError, zipfile.BadZipFile, OSError, ValueError, EOFError):
        return False
    return any(_UNPACKED in PurePosixPath(name).parts for name in names)

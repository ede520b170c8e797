"""Lists photographs of a folder tree, a .tar, a .zip or scikit-image's wheel, and decodes each one on demand.

A `Photograph` is small and can be sent to another process, which then reads the pixels itself; so it holds no open
file. Every file is either listed or counted among those left out, by its reason, so that nothing disappears in silence.
Training reads its labelled images through `find` as well.
"""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from fechner.arguments import checked
from fechner.errors import FechnerError, first_line, printable
from fechner.outputs import expanded
from fechner.statistics import decoding

# What names the photographs in scikit-image's wheel, as results record them.
IN_WHEEL = "scikit-image"
# The natural scenes in it. Its other images are drawn, microscopic, or second views of a scene.
_IN_WHEEL = (
    "astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "grass.png", "gravel.png",
    "motorcycle_left.png", "rocket.jpg",
)  # fmt: skip
# Folders that operating systems and network disks make; names that begin with a dot count as hidden everywhere.
_JUNK = frozenset({
    "__macosx", "@eadir", "@recycle", "@recently-snapshot", "#recycle", "#snapshot", "$recycle.bin", "lost+found",
    "system volume information", "__pycache__",
})  # fmt: skip
# A little more than the uncompressed 16-bit pixels of the largest image that Pillow decodes.
_MOST_BYTES = 2**30

Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Photograph:
    """One image in a folder or an archive; it is read when its pixels are asked for.

    >>> photographs()[0].name, photographs()[0].pixels().shape
    ('astronaut.png', (512, 512, 3))

    `entry` is its name as the folder or archive stores it. `offset` and `length` say where its bytes are in a .tar, and
    `stamp` identifies the version of the archive that was listed.
    """

    entry: str
    source: Path
    offset: int = 0
    length: int = -1
    stamp: Stamp | None = None

    @property
    def name(self) -> str:
        """The name in the folder or archive, with escapes for what cannot be printed or saved."""
        return printable(self.entry)

    def encoded(self) -> bytes:
        """The bytes of the image file; `FechnerError` if they are too many, or if the archive has changed since."""
        if self.stamp is None:
            path = self.source / self.entry
            _check_length(path.stat().st_size)
            return path.read_bytes()
        if _stamp(self.source) != self.stamp:
            raise FechnerError(f"'{source_name(self.source)}' has been changed since it was listed: start again")
        if self.offset:
            _check_length(self.length)
            with self.source.open("rb") as f:
                f.seek(self.offset)
                return f.read(self.length)
        archive = _zip(self.source, self.stamp, os.getpid())
        _check_length(archive.getinfo(self.entry).file_size)
        return archive.read(self.entry)

    def pixels(self) -> npt.NDArray[np.uint8]:
        """sRGB pixels (height, width, 3) of 8 bits, upright by the EXIF orientation.

        Colours are converted from the image's own profile, if it has one. Grey is repeated in three channels, palettes
        and CMYK are converted, 16 bits are scaled to 8, and transparent pixels are laid on mid-grey. Raises
        `FechnerError`, which names the file, if it cannot be decoded or its pixels or colours have no known meaning.
        """
        try:
            return decoding.rgb(self.encoded())
        # Decoders raise errors of any kind on damaged files.
        except Exception as e:
            raise FechnerError(f"cannot decode '{self.name}' ({printable(first_line(e))})") from None


@checked
def photographs(source: str | Path | None = None) -> list[Photograph]:
    """All images in a folder tree, a .tar or a .zip, in the order of their names.

    By default, or as "scikit-image", these are the nine photographs in scikit-image's wheel: enough to try what needs pixels,
    and too few for statistics of natural images.

    >>> [p.name for p in photographs()][:2]
    ['astronaut.png', 'brick.png']
    >>> photographs()[0].pixels().shape
    (512, 512, 3)

    An image is a file whose ending belongs to a format that Pillow opens, except documents, drawings, icons, videos and
    scientific data. Links are followed. Hidden files and folders are left out, as are those of operating systems.
    Raises `FechnerError` if the source does not exist or holds no image, and if an archive is compressed or damaged.
    """
    return find_photographs(source)[0]


def find_photographs(source: str | Path | None = None) -> tuple[list[Photograph], dict[str, int]]:
    """All images as `photographs` lists them, and how many files were left out for each reason.

    >>> find_photographs()[1]
    {}
    """
    if source is None or source == IN_WHEEL:
        folder = Path(str(files("skimage"))) / "data"
        return [Photograph(name, folder) for name in _IN_WHEEL if (folder / name).is_file()], {}
    path = expanded(source)
    left_out: Counter[str] = Counter()
    if path.is_dir():
        listed = _in_folder(path, left_out)
    elif not path.is_file():
        raise FechnerError(f"no folder or archive of images '{source_name(path)}'")
    elif path.suffix.lower() == ".tar":
        listed = _in_tar(path, left_out)
    elif path.suffix.lower() == ".zip":
        listed = _in_zip(path, left_out)
    else:
        raise FechnerError(
            f"'{source_name(path)}' is neither a folder nor an uncompressed .tar or .zip of images: unpack it first"
        )
    endings = decoding.endings()
    images = []
    for file in listed:
        why = _why_not(file.entry, endings)
        if why is None:
            images.append(file)
        else:
            left_out[why] += 1
    reasons = dict(sorted(left_out.items()))
    if not images:
        raise FechnerError(f"no images in '{source_name(path)}': {left_out_in_words(reasons) or 'it is empty'}")
    return sorted(images, key=lambda p: p.entry), reasons


def left_out_in_words(left_out: Mapping[str, int], most: int = 5) -> str:
    """One line on the files that were left out, with the most frequent reasons first; empty if there were none.

    >>> left_out_in_words({"in .thumbnails": 40, "of a kind that is not read (.txt)": 1})
    'left out 41 files: 40 in .thumbnails, 1 of a kind that is not read (.txt)'
    """
    if not left_out:
        return ""
    ranked = sorted(left_out.items(), key=lambda item: -item[1])
    listed = ", ".join(f"{count} {why}" for why, count in ranked[:most])
    total = sum(left_out.values())
    return f"left out {total} file{'s' * (total > 1)}: {listed}{', …' if len(ranked) > most else ''}"


def source_name(source: str | Path | None) -> str:
    """The source of photographs as results record it."""
    return IN_WHEEL if source is None else printable(str(source))


def _why_not(entry: str, endings: frozenset[str]) -> str | None:
    """Why a file does not count as a photograph; None if it counts."""
    *folders, name = PurePosixPath(entry).parts
    for folder in folders:
        if folder.lower() in _JUNK or (folder.startswith(".") and folder != ".."):
            return f"in {printable(folder)}"
    # macOS adds a file "._name" to every file of an archive.
    if name.startswith("."):
        return "hidden"
    ending = PurePosixPath(name).suffix.lower()
    return None if ending in endings else f"of a kind that is not read ({printable(ending) or 'no ending'})"


def _in_folder(root: Path, left_out: Counter[str]) -> list[Photograph]:
    """All files of a folder tree. Links are followed unless they lead back to a folder that they lie in."""
    listed = []
    # For each folder: its name, its real path, and the real paths of the folders of all links that lead to it.
    waiting: list[tuple[str, str, tuple[str, ...]]] = [("", os.path.realpath(root), ())]
    while waiting:
        within, real, linked = waiting.pop()
        try:
            entries = list(os.scandir(root / within))
        except OSError as e:
            left_out[f"folder that cannot be read ({e.strerror})"] += 1
            continue
        for entry in entries:
            name = f"{within}/{entry.name}" if within else entry.name
            try:
                is_folder, is_file = entry.is_dir(), entry.is_file()
            except OSError:
                is_folder = is_file = False
            if is_folder and entry.is_symlink():
                target = os.path.realpath(entry.path)
                if any(Path(folder).is_relative_to(target) for folder in (real, *linked)):
                    left_out["link to a folder that it lies in"] += 1
                else:
                    waiting.append((name, target, (real, *linked)))
            elif is_folder:
                waiting.append((name, f"{real}/{entry.name}", linked))
            elif is_file:
                listed.append(Photograph(name, root))
            else:
                left_out["link that leads nowhere" if entry.is_symlink() else "no regular file"] += 1
    return listed


def _in_tar(path: Path, left_out: Counter[str]) -> list[Photograph]:
    """All files of a .tar, with the places of their bytes."""
    stamp = _stamp(path)
    listed: dict[str, Photograph] = {}
    try:
        with tarfile.open(path, "r:") as archive:
            for m in archive:
                if m.name in listed:
                    left_out["replaced by a later entry of its name"] += 1
                if m.isreg():
                    listed[m.name] = Photograph(m.name, path, m.offset_data, m.size, stamp)
                elif m.islnk() and m.linkname in listed:
                    listed[m.name] = replace(listed[m.linkname], entry=m.name)
                elif m.issym():
                    left_out["link in an archive (tar --dereference follows them)"] += 1
                elif not m.isdir():
                    left_out["no regular file"] += 1
    except (tarfile.TarError, OSError, ValueError, EOFError) as e:
        raise FechnerError(
            f"'{source_name(path)}' is damaged or not an uncompressed .tar ({printable(first_line(e))})"
        ) from None
    return list(listed.values())


def _in_zip(path: Path, left_out: Counter[str]) -> list[Photograph]:
    """All files of a .zip."""
    stamp = _stamp(path)
    listed: dict[str, Photograph] = {}
    try:
        members = _zip(path, stamp, os.getpid()).infolist()
    except UnicodeDecodeError:
        raise FechnerError(
            f"'{source_name(path)}' holds a name that is not the UTF-8 it is marked as: unpack it first"
        ) from None
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as e:
        raise FechnerError(f"'{source_name(path)}' is damaged or not a .zip ({printable(first_line(e))})") from None
    for m in members:
        if m.filename in listed:
            left_out["replaced by a later entry of its name"] += 1
        if stat.S_ISLNK(m.external_attr >> 16):
            left_out["link in an archive (zip without --symlinks follows them)"] += 1
        elif not m.is_dir():
            listed[m.filename] = Photograph(m.filename, path, stamp=stamp)
    return list(listed.values())


@lru_cache(maxsize=1)
def _zip(path: Path, stamp: Stamp, process: int) -> zipfile.ZipFile:
    """The open archive, which is cached because opening it reads its whole directory.

    `process` is part of the key so that processes do not share a position in the file after a fork.
    """
    return zipfile.ZipFile(path)


def _stamp(path: Path) -> Stamp:
    """Three numbers that change when a file is replaced or written to."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _check_length(length: int) -> None:
    """Refuse before reading what would fill the memory."""
    if length > _MOST_BYTES:
        raise FechnerError(f"{length / 1e9:.1f} GB are more than the {_MOST_BYTES / 1e9:.1f} GB that an image may have")

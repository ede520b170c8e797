"""Photographs by name, from a folder tree, a .tar, a .zip, or scikit-image's wheel; each is decoded when asked for.

A `Photograph` is small and can be sent to another process, which then reads the pixels itself.
"""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from fechner.arguments import checked
from fechner.errors import FechnerError, first_line

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp"})
# The natural scenes in scikit-image's wheel: the rest is drawn, microscopic, or a second view of the same scene.
_IN_WHEEL = (
    "astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "grass.png", "gravel.png",
    "motorcycle_left.png", "rocket.jpg",
)  # fmt: skip
_BEHIND_TRANSPARENCY = (128, 128, 128, 255)


@dataclass(frozen=True, slots=True)
class Photograph:
    """One image by name, in a folder or an archive: `offset` and `length` place it in a .tar."""

    name: str
    source: Path
    offset: int = 0
    length: int = -1

    def encoded(self) -> bytes:
        """The bytes of the image file."""
        if self.source.is_dir():
            return (self.source / self.name).read_bytes()
        if self.source.suffix.lower() == ".zip":
            return _zip(self.source, os.getpid()).read(self.name)
        with self.source.open("rb") as f:
            f.seek(self.offset)
            return f.read(self.length)

    def pixels(self) -> npt.NDArray[np.uint8]:
        """RGB, (height, width, 3), upright by its EXIF orientation.

        Grey is repeated, palettes and CMYK are converted, 16 bits are scaled to 8, transparent pixels lie on mid-grey.
        Raises `FechnerError`, which names the file, if it cannot be decoded or its pixels have no known range.
        """
        try:
            with Image.open(io.BytesIO(self.encoded())) as image:
                return _rgb(ImageOps.exif_transpose(image))
        # Decoders of damaged files raise whatever they trip over.
        except Exception as e:
            reason = first_line(e)
            raise FechnerError(f"cannot decode '{self.name}' ({reason})") from None


@checked
def photographs(source: str | Path | None = None) -> list[Photograph]:
    """All images in a folder tree, a .tar or a .zip, in the order of their names; by default scikit-image's few.

    >>> [p.name for p in photographs()][:2]
    ['astronaut.png', 'brick.png']
    >>> photographs()[0].pixels().shape
    (512, 512, 3)

    Raises `FechnerError` if there is nothing there, no image in it, or the archive is compressed or damaged.
    """
    if source is None:
        folder = Path(str(files("skimage"))) / "data"
        return [Photograph(name, folder) for name in _IN_WHEEL if (folder / name).is_file()]
    path = Path(source)
    if path.is_dir():
        found = [Photograph(p.relative_to(path).as_posix(), path) for p in path.rglob("*") if p.is_file()]
    elif not path.is_file():
        raise FechnerError(f"no folder or archive of images '{path}'")
    elif path.suffix.lower() == ".tar":
        found = _in_tar(path)
    elif path.suffix.lower() == ".zip":
        found = _in_zip(path)
    else:
        raise FechnerError(f"'{path}' is neither a folder nor an uncompressed .tar or .zip of images: unpack it first")
    images = [p for p in found if _is_image(p.name)]
    if not images:
        raise FechnerError(
            f"no images in '{path}': of {len(found)} files none ends in one of {', '.join(sorted(SUFFIXES))}"
        )
    return sorted(images, key=lambda p: p.name)


def _is_image(name: str) -> bool:
    # macOS puts "._name" files beside every file of an archive.
    return Path(name).suffix.lower() in SUFFIXES and not Path(name).name.startswith(".")


def _in_tar(path: Path) -> list[Photograph]:
    try:
        with tarfile.open(path, "r:") as archive:
            return [Photograph(m.name, path, m.offset_data, m.size) for m in archive if m.isreg()]
    except (tarfile.TarError, OSError) as e:
        raise FechnerError(f"'{path}' is damaged or not an uncompressed .tar ({e})") from None


def _in_zip(path: Path) -> list[Photograph]:
    try:
        return [Photograph(m.filename, path) for m in _zip(path, os.getpid()).infolist() if not m.is_dir()]
    except (zipfile.BadZipFile, OSError) as e:
        raise FechnerError(f"'{path}' is damaged or not a .zip ({e})") from None


@lru_cache(maxsize=1)
def _zip(path: Path, process: int) -> zipfile.ZipFile:
    """Kept open, because opening reads the whole directory of the archive; processes must not share a position in it."""
    return zipfile.ZipFile(path)


def _rgb(image: Image.Image) -> npt.NDArray[np.uint8]:
    if image.mode.startswith("I"):
        deep = np.asarray(image).astype(np.int64)
        if deep.min() < 0 or deep.max() > 65535:
            raise ValueError(f"pixel values of {deep.min()} to {deep.max()} are not those of a 16-bit image")
        grey = np.rint(deep / 257).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode == "F":
        raise ValueError("floating-point pixels have no known range: save the image with 8 or 16 bits")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        over = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", over.size, _BEHIND_TRANSPARENCY), over)
    return np.asarray(image.convert("RGB"))

"""Reads patches that were cut earlier, from an array or a file, whichever layout they have.

`principal_components` and Figure 5 of the paper take such patches instead of photographs. All layouts become
(n, pixels) in the file's own numbers. A factor turns these into intensities, so that a large file of bytes is not
copied as floats.
"""

from __future__ import annotations

import math
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt
import torch

from fechner.errors import FechnerError, first_line

Given = str | Path | npt.NDArray[Any]
ENDINGS = (".pt", ".npy", ".npz")
_AT_ONCE = 4096
_LAYOUTS = (
    "(n, pixels), (n, height, width), or with 1 or 3 channels (n, channels, size, size) or (n, size, size, channels)"
)


def are_crops(images: Any) -> TypeGuard[Given]:
    """Whether `images` are patches that are cut already, rather than photographs to cut them from.

    >>> are_crops("crops.pt"), are_crops("photographs/"), are_crops(np.zeros((2, 8, 8)))
    (True, False, True)
    """
    if isinstance(images, str | Path):
        return Path(images).suffix.lower() in ENDINGS and not Path(images).is_dir()
    return images is not None


def read_crops(patches: Given, colour: bool = False) -> tuple[npt.NDArray[Any], float, tuple[int, ...]]:
    """Patches (n, pixels), the factor that turns them into intensities, and the shape of one patch.

    >>> flat, unit, shape = read_crops(np.full((2, 3, 8, 8), 51, np.uint8))
    >>> flat.shape, float(flat[0, 0] * unit).__round__(6), shape
    ((2, 64), 0.2, (1, 8, 8))

    The factor is 1/255 for bytes and otherwise 1. The shape is (channels, height, width), and empty if the pixels of a
    patch come in a row and make no square. Unless `colour`, channels are averaged to grey, as Benjamin et al. (2022)
    average theirs. An array of shape (n, 3, 3, 3) has its channels first.

    Raises `FechnerError` for a file that holds no such array, for another layout, and for NaN or infinite pixels.
    """
    array = _read(Path(patches)) if isinstance(patches, str | Path) else patches
    named = f"patches of '{patches}'" if isinstance(patches, str | Path) else "patches"
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
        raise FechnerError(
            f"{named} must be an array of real numbers, got {getattr(array, 'dtype', type(array).__name__)}"
        )
    channels = _channels(array, named)
    unit = 1 / 255 if array.dtype == np.uint8 else 1.0
    if colour and array.ndim > 2 and (channels is None or array.shape[channels] != 3):
        raise FechnerError(f"{named} are grey, of shape {array.shape}: colour=True needs three channels")
    if channels is not None and colour:
        array = np.moveaxis(array, channels, 1)
    elif channels is not None:
        parts = (array[i : i + _AT_ONCE] for i in range(0, len(array), _AT_ONCE))
        array = np.concatenate([part.mean(channels, dtype=np.result_type(array.dtype, np.float32)) for part in parts])
    flat = array.reshape(len(array), -1)
    shape = _square(flat.shape[1], colour) if array.ndim == 2 else (1, *array.shape[1:])[-3:]
    if not all(np.isfinite(flat[i : i + _AT_ONCE]).all() for i in range(0, len(flat), _AT_ONCE)):
        raise FechnerError(f"{named} hold NaN or infinite pixels: remove them first")
    return flat, unit, shape


def _square(pixels: int, colour: bool) -> tuple[int, ...]:
    """Channels, height and width of a square patch with this many numbers; empty if they make no square."""
    channels = 3 if colour and pixels % 3 == 0 else 1
    side = math.isqrt(pixels // channels)
    return (channels, side, side) if channels * side**2 == pixels else ()


def _channels(array: npt.NDArray[Any], named: str) -> int | None:
    """Which axis counts channels; None if the patches have no such axis."""
    shape = array.shape
    if shape and shape[0]:
        if len(shape) in (2, 3):
            return None
        if len(shape) == 4 and shape[1] in (1, 3) and shape[2] == shape[3]:
            return 1
        if len(shape) == 4 and shape[3] in (1, 3) and shape[1] == shape[2]:
            return 3
    raise FechnerError(f"{named} must have the shape {_LAYOUTS}, got {shape}")


def _read(path: Path) -> Any:
    """The one array that a file holds."""
    if not path.is_file():
        raise FechnerError(f"no file of patches '{path}'")
    try:
        if path.suffix.lower() == ".pt":
            loaded = torch.load(path, weights_only=True, map_location="cpu")
            if isinstance(loaded, torch.Tensor):
                # NumPy has no bfloat16.
                loaded = (loaded.float() if loaded.dtype == torch.bfloat16 else loaded).detach().numpy()
            arrays = {"": loaded}
        elif path.suffix.lower() == ".npz":
            with np.load(path) as archive:
                arrays = {name: archive[name] for name in archive.files}
        else:
            arrays = {"": np.load(path, mmap_mode="r")}
    except UnpicklingError:
        raise FechnerError(f"'{path}' holds no array of patches (no tensor that torch.save wrote)") from None
    except Exception as e:
        raise FechnerError(f"'{path}' holds no array of patches ({first_line(e)})") from None
    if len(arrays) != 1:
        raise FechnerError(f"'{path}' must hold one array of patches, got {len(arrays)}: {', '.join(arrays) or 'none'}")
    return next(iter(arrays.values()))

"""Where the picture is: without letterbox bars and frames, which would count as horizontal and vertical edges."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft

_LEVELS = 16  # what compression does to a uniform bar
_INSET = 8  # JPEG blocks smear the edge of a bar over so many pixels


def content(grey: npt.NDArray[np.uint8], least: int = 1) -> npt.NDArray[np.uint8]:
    """The picture without uniform bars along its sides, (height, width).

    A bar is a run of rows or columns at the border that all lie within 16 grey levels. Where one is cut off, 8 more
    pixels go with it. An image of which less than a third, or fewer than `least` pixels, would be left either way comes
    back whole: that is an object before a plain background, which has no edges to cut off.
    """
    top, bottom = _run(grey, 1)
    rows = grey[top : grey.shape[0] - bottom]
    left, right = _run(rows, 0)
    picture = rows[:, left : grey.shape[1] - right]
    kept = all(n >= max(least, whole / 3) for n, whole in zip(picture.shape, grey.shape, strict=True))
    return picture if kept else grey


def central_square(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The largest square in the middle whose side has a fast Fourier transform, without its mean."""
    side = fft.prev_fast_len(max(min(grey.shape), 1), real=True)
    top, left = (grey.shape[0] - side) // 2, (grey.shape[1] - side) // 2
    square = grey[top : top + side, left : left + side].astype(np.float32)
    return square - square.mean()


def _run(grey: npt.NDArray[np.uint8], axis: int) -> tuple[int, int]:
    """Lines to cut at the start and the end; none if the picture is uniform all through."""
    low, high = grey.min(axis), grey.max(axis)
    runs = []
    for least, most in ((low, high), (low[::-1], high[::-1])):
        uniform = np.maximum.accumulate(most) - np.minimum.accumulate(least) <= _LEVELS
        run = int(uniform.argmin()) if not uniform.all() else 0
        runs.append(run + _INSET if run else 0)
    return (runs[0], runs[1]) if sum(runs) < len(low) else (0, 0)

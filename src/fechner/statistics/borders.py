"""Where the picture is: without letterbox bars and frames, which would count as horizontal and vertical edges."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft

Grey = npt.NDArray[np.uint8]
Box = tuple[slice, slice]

_LEVELS = 10  # what noise and compression do to a uniform bar, to either side
_DRIFT = 8  # of the level up to the edge of a bar; a sky that grows brighter goes on to where it leaves the level
_STRAYS = 0.02  # the share of a line that may lie outside of that
_INSET = 8  # JPEG blocks smear the edge of a bar over so many pixels
_EDGE = 12  # within so many pixels after a bar, a picture begins, because compression may stray into the bar
_STRAIGHT = 0.4  # the share of a bar along which it begins within three lines, at least
_LEAST, _LEAST_BETWEEN = 1 / 3, 1 / 5  # of width and height, that a frame or a pair of bars leaves


def content(grey: Grey, least: int = 1) -> Grey:
    """The picture without uniform bars along its sides, (height, width)."""
    return grey[box(grey, least)]


def box(grey: Grey, least: int = 1) -> Box:
    """The rows and columns of the picture without uniform bars along its sides.

    A margin is a run of rows or columns at the border that all have one level, but for noise. It is a bar if it keeps
    that level and the picture then begins all along it at once: the edge of a bar is straight, that of an object before a
    plain background is not, and where one margin of a level has no straight edge, none of that level is cut off. Nor is
    any that would leave less than a third of width or height between four bars, or a fifth between two, because a small
    object may be a rectangle; or fewer than `least` pixels, because a small part of a picture may be plain on one side.
    Where a bar is cut off, 8 more pixels go with it.
    """
    top, left, (height, width) = 0, 0, grey.shape
    for _ in range(4):  # bars may lie in a frame
        inner = _cut(grey[top : top + height, left : left + width], least)
        if inner is None:
            break
        (top, height), (left, width) = (
            (start + cut.start, cut.stop - cut.start) for start, cut in zip((top, left), inner, strict=True)
        )
    return slice(top, top + height), slice(left, left + width)


def central_square(grey: Grey) -> npt.NDArray[np.float32]:
    """The largest square in the middle whose side has a fast Fourier transform, without its mean."""
    side = fft.prev_fast_len(max(min(grey.shape), 1), real=True)
    top, left = (grey.shape[0] - side) // 2, (grey.shape[1] - side) // 2
    square = grey[top : top + side, left : left + side].astype(np.float32)
    return square - square.mean()


def _cut(grey: Grey, least: int) -> Box | None:
    """What is left when bars of one level are cut off; None if there are none."""
    borders = (grey[0], grey[-1], grey[:, 0], grey[:, -1])
    levels = {int(np.median(line)) for line in borders if _off(line, int(np.median(line))).mean() <= _STRAYS}
    for level in sorted(levels):
        rows = _margins(_off(grey, level).mean(1))
        high = slice(rows[0], len(grey) - rows[1])
        if high.start >= high.stop:
            return None  # uniform all through
        columns = _margins(_off(grey[high], level).mean(0))
        wide = slice(columns[0], grey.shape[1] - columns[1])
        sides = (grey[:, wide], grey[::-1, wide], grey[high].T, grey[high].T[::-1])
        margins = rows + columns
        bars = [_is_bar(lines, margin, level) for lines, margin in zip(sides, margins, strict=True)]
        if any(margin > _INSET and not bar for margin, bar in zip(margins, bars, strict=True)):
            continue
        cut = [bar * (margin + _INSET) for margin, bar in zip(margins, bars, strict=True)]
        high, wide = slice(cut[0], len(grey) - cut[1]), slice(cut[2], grey.shape[1] - cut[3])
        share = _LEAST if any(cut[:2]) and any(cut[2:]) else _LEAST_BETWEEN
        left = (part.stop - part.start for part in (high, wide))
        if any(cut) and all(n >= max(least, share * whole) for n, whole in zip(left, grey.shape, strict=True)):
            return high, wide
    return None


def _off(lines: Grey, level: int) -> npt.NDArray[np.bool_]:
    """Which pixels do not have a level."""
    return (lines < level - _LEVELS) | (lines > level + _LEVELS)


def _margins(off: npt.NDArray[np.floating]) -> tuple[int, int]:
    """Lines at the start and at the end of which next to nothing is off."""
    begun = np.flatnonzero(off > _STRAYS)
    return (int(begun[0]), len(off) - 1 - int(begun[-1])) if len(begun) else (len(off), 0)


def _is_bar(lines: Grey, margin: int, level: int) -> bool:
    """Whether a margin, the first of these lines, keeps its level to its end, and a picture begins all along it then."""
    if not margin or abs(float(np.median(lines[margin - 1])) - level) > _DRIFT:
        return False
    off = _off(lines[margin : margin + _EDGE], level)
    begun = np.bincount(off.argmax(0)[off.any(0)], minlength=3)
    return bool(np.convolve(begun, np.ones(3)).max() >= _STRAIGHT * lines.shape[1])

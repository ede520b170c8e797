"""Finds the picture inside letterbox bars and frames, whose edges would count as horizontal and vertical ones.

Every feature calls `content` or `box` before it measures. Two mistakes are possible: a bar that stays adds an edge of
full contrast, and a plain background that is cut off removes a real one. The thresholds below balance the two; the
cases that fixed them are in tests/statistics/test_borders.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft

Grey = npt.NDArray[np.uint8]
Box = tuple[slice, slice]

_LEVELS = 10  # noise and compression change a uniform bar by up to this many grey levels, in either direction
_DRIFT = 8  # a bar keeps its level up to its edge within this; a sky that grows brighter drifts further
_STRAYS = 0.02  # this share of a line's pixels may differ from the level by more than _LEVELS
_INSET = 8  # JPEG blocks smear the edge of a bar over this many pixels
_EDGE = 12  # the picture must begin within this many pixels after a bar, as compression blurs where it does
_STRAIGHT = 0.4  # the picture must begin within the same three lines along at least this share of a bar
_LEAST, _LEAST_BETWEEN = 1 / 3, 1 / 5  # a frame, or a pair of bars, leaves at least this share of width and height


def content(grey: Grey, least: int = 1) -> Grey:
    """The picture without uniform bars along its sides, (height, width).

    >>> grey = np.random.default_rng(0).integers(0, 255, (120, 120)).astype(np.uint8)
    >>> grey[:20] = 0                           # a black bar along the top
    >>> content(grey).shape                     # without the bar, and without the 8 pixels that it may have smeared
    (92, 120)
    """
    return grey[box(grey, least)]


def box(grey: Grey, least: int = 1) -> Box:
    """The rows and columns of the picture without uniform bars along its sides.

    A margin is a run of rows or columns at the border that have the same grey level, apart from noise. It is a bar if
    it keeps that level up to its edge and this edge is straight. The outline of an object before a plain background is
    not straight; so if one margin of a level has no straight edge, no margin of that level is cut off.

    Bars stay if cutting them off would leave less than a third of width or height between four bars, or less than a
    fifth between two, because a small object may be a rectangle. They also stay if fewer than `least` pixels would be
    left, because a small part of a picture may be plain on one side. With each bar 8 more pixels are cut off.
    """
    top, left, (height, width) = 0, 0, grey.shape
    for _ in range(4):  # bars may lie inside a frame
        inner = _cut(grey[top : top + height, left : left + width], least)
        if inner is None:
            break
        (top, height), (left, width) = (
            (start + cut.start, cut.stop - cut.start) for start, cut in zip((top, left), inner, strict=True)
        )
    return slice(top, top + height), slice(left, left + width)


def central_square(grey: Grey) -> npt.NDArray[np.float32]:
    """The largest square in the middle whose side has a fast Fourier transform; its mean is subtracted.

    >>> central_square(np.full((101, 130), 7, np.uint8)).shape
    (100, 100)
    """
    side = fft.prev_fast_len(max(min(grey.shape), 1), real=True)
    top, left = (grey.shape[0] - side) // 2, (grey.shape[1] - side) // 2
    square = grey[top : top + side, left : left + side].astype(np.float32)
    return square - square.mean()


def _cut(grey: Grey, least: int) -> Box | None:
    """Rows and columns that remain when the bars of one level are cut off; None if there are no bars."""
    borders = (grey[0], grey[-1], grey[:, 0], grey[:, -1])
    medians = ((line, int(np.median(line))) for line in borders)
    levels = {level for line, level in medians if _differs(line, level).mean() <= _STRAYS}
    for level in sorted(levels):
        rows = _margins(_differs(grey, level).mean(1))
        high = slice(rows[0], len(grey) - rows[1])
        if high.start >= high.stop:
            return None  # the whole image is uniform
        columns = _margins(_differs(grey[high], level).mean(0))
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


def _differs(lines: Grey, level: int) -> npt.NDArray[np.bool_]:
    """Which pixels differ from a level by more than noise does."""
    return (lines < level - _LEVELS) | (lines > level + _LEVELS)


def _margins(strays: npt.NDArray[np.floating]) -> tuple[int, int]:
    """How many lines at the start and at the end have a level, from the share of each line that differs from it."""
    inner = np.flatnonzero(strays > _STRAYS)
    return (int(inner[0]), len(strays) - 1 - int(inner[-1])) if len(inner) else (len(strays), 0)


def _is_bar(lines: Grey, margin: int, level: int) -> bool:
    """Whether the first `margin` lines keep their level to the end, and the picture begins at a straight edge."""
    if not margin or abs(float(np.median(lines[margin - 1])) - level) > _DRIFT:
        return False
    differs = _differs(lines[margin : margin + _EDGE], level)
    begins = np.bincount(differs.argmax(0)[differs.any(0)], minlength=3)  # how many columns begin at each line
    return bool(np.convolve(begins, np.ones(3)).max() >= _STRAIGHT * lines.shape[1])

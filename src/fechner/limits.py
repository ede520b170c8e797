"""Work that cannot fit into memory or end in good time is refused by arithmetic, before anything is allocated.

Callers estimate what they need; for time, so low that no machine is quicker. The error begins with their own words for
the work, in the plural ("1000 values of 8 layers"), and ends with their remedy.
"""

from __future__ import annotations

import math

import psutil

from fechner.errors import FechnerError

# Half of the free memory is left to everything else.
_SHARE = 0.5
_DAY = 86_400.0
_LONGEST = 30 * _DAY


def check_memory(needed: float, what: str, remedy: str) -> None:
    """Raise `FechnerError` if the bytes that are needed are more than half of the memory that is free.

    >>> check_memory(8e15, "10^15 values", "take fewer")
    Traceback (most recent call last):
    fechner.errors.FechnerError: 10^15 values need 7.105 PiB of memory, more than is free: take fewer
    """
    # A small amount fits, and asking the system takes time.
    if needed > 2**26 and needed > _SHARE * psutil.virtual_memory().available:
        raise FechnerError(f"{what} need {size(needed)} of memory, more than is free: {remedy}")


def check_time(seconds: float, what: str, remedy: str) -> None:
    """Raise `FechnerError` for work that cannot end within thirty days, whatever the machine.

    >>> check_time(1e12, "10^15 steps", "take fewer")
    Traceback (most recent call last):
    fechner.errors.FechnerError: 10^15 steps would take at least 1.16e+07 days: take fewer
    """
    if seconds > _LONGEST:
        raise FechnerError(f"{what} would take at least {seconds / _DAY:.3g} days: {remedy}")


def size(number: float) -> str:
    """A number of bytes in words.

    >>> size(3 * 2**30)
    '3 GiB'
    """
    power = min(int(math.log2(max(number, 1)) // 10), 8)
    value, unit = number / 2 ** (10 * power), ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")[power]
    return f"{value:.4g} {unit}"

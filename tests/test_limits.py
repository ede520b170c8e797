"""What cannot fit or end is refused by arithmetic, and what can is not."""

from __future__ import annotations

import psutil
import pytest

from fechner import FechnerError
from fechner.limits import check_memory, check_time, size


def test_memory() -> None:
    free = psutil.virtual_memory().available
    check_memory(0.1 * free, "something", "no remedy")
    with pytest.raises(FechnerError, match="^everything need .* of memory, more than is free: take less$"):
        check_memory(10 * free, "everything", "take less")


def test_time() -> None:
    check_time(86_400, "a day", "none")
    with pytest.raises(FechnerError, match="^a year would take at least 365 days: wait$"):
        check_time(365 * 86_400, "a year", "wait")


@pytest.mark.parametrize(
    ("number", "words"), [(1, "1 bytes"), (1536, "1.5 KiB"), (2**40 * 12, "12 TiB"), (1e30, "8.272e+05 YiB")]
)
def test_size(number: float, words: str) -> None:
    assert size(number) == words

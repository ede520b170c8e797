"""Errors a user can act on: each names the value, what was expected and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class FechnerError(ValueError):
    """Bad input, in one sentence; the command line prints it and exits with status 2."""


def first_line(error: BaseException) -> str:
    """What an error says, in its first line of text; its type if it says nothing."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def printable(text: str) -> str:
    r"""Text from a file or a name in one line: what would move a terminal's cursor, or cannot be shown, is spelled out.

    >>> print(printable("a\nb"))
    a\nb
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def check_seed(seed: int) -> int:
    """The seed, or `FechnerError` if random generators cannot take it."""
    if not 0 <= seed < 2**63:
        raise FechnerError(f"seed must be a whole number from 0 to {2**63 - 1}, got {seed}")
    return seed


def choices(kind: str, name: str, available: Iterable[str], more: str = "") -> FechnerError:
    """The error for an unknown name, with the names nearest to it."""
    known = list(available)
    near = difflib.get_close_matches(name, known, n=4, cutoff=0.5)
    listed = ", ".join(near or known[:12]) + ("" if near or len(known) <= 12 else ", …")
    return FechnerError(f"unknown {kind} '{name}'; {'did you mean' if near else 'there are'}: {listed}?{more}")

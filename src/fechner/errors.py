"""Errors a user can act on: each names the value, what was expected and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class FechnerError(ValueError):
    """Bad input, in one sentence; the command line prints it and exits with status 2."""


def choices(kind: str, name: str, available: Iterable[str], more: str = "") -> FechnerError:
    """The error for an unknown name, with the names nearest to it."""
    known = list(available)
    near = difflib.get_close_matches(name, known, n=4, cutoff=0.5)
    listed = ", ".join(near or known[:12]) + ("" if near or len(known) <= 12 else ", …")
    return FechnerError(f"unknown {kind} '{name}'; {'did you mean' if near else 'there are'}: {listed}?{more}")

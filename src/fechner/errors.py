"""Errors a user can act on: each names the value, what was expected and the remedy, in one line.

Whatever a user can cause is a `FechnerError`; the command line prints its text alone. Any other exception is a mistake in
this package, and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class FechnerError(ValueError):
    """Bad input, described in one sentence; the command line prints it and exits with status 2."""


class FechnerWarning(UserWarning):
    """Something that a user should know about a result that is usable all the same; the command line prints it."""


def first_line(error: BaseException) -> str:
    """The first line of an error's text; the name of its type if it has no text.

    >>> first_line(ValueError("bad magic number\\n  at byte 4"))
    'bad magic number'
    """
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def printable(text: str) -> str:
    """Text that can be printed and saved anywhere: control characters, and bytes of a name that are not UTF-8, are escaped.

    >>> printable("caf" + chr(0xDCE9) + ".jpg")
    'caf\\\\xe9.jpg'
    """
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def choices(kind: str, name: str, available: Iterable[str], more: str = "") -> FechnerError:
    """The error about an unknown name, which lists the names that resemble it.

    >>> print(choices("layer", "conv9", ["conv1", "conv2", "fc"]))
    unknown layer 'conv9'; did you mean: conv2, conv1?
    """
    known = list(available)
    near = difflib.get_close_matches(name, known, n=4, cutoff=0.5)
    listed = ", ".join(near or known[:12]) + ("" if near or len(known) <= 12 else ", …")
    return FechnerError(f"unknown {kind} '{name}'; {'did you mean' if near else 'there are'}: {listed}?{more}")

"""Objects by import path, "package.module:name": how a network or a stimulus of one's own is named in a text."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from fechner.errors import FechnerError, first_line


def imported(path: str, kind: str) -> Any:
    """The object at "package.module:name", where Python finds it or in the current folder.

    >>> imported("math:pi", "number")
    3.141592653589793

    Raises `FechnerError`, which calls it a `kind`, if it cannot be imported.
    """
    module, _, attribute = path.partition(":")
    here = "" in sys.path
    try:
        if not here:
            sys.path.append("")
        return getattr(importlib.import_module(module), attribute)
    except Exception as e:
        raise FechnerError(
            f"cannot import the {kind} '{path}' ({first_line(e)}); give it as package.module:name"
        ) from e
    finally:
        if not here:
            sys.path.remove("")

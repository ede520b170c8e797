"""Progress bars of everything that takes more than a few seconds; one that begins inside another stands below it."""

from __future__ import annotations

import sys

from tqdm.auto import tqdm

from fechner.errors import printable

# In a notebook a bar is a widget, which needs no terminal.
_NOTEBOOK = any("notebook" in kind.__module__ for kind in tqdm.__mro__)


def bar(show: bool, description: str, total: float, unit: str) -> tqdm:
    """A bar on the error stream that counts in `unit`; it is silent where there is neither terminal nor notebook.

    >>> with bar(False, "layers", 3, "layer") as progressing:
    ...     progressing.update(1)
    """
    silent = not (show and (_NOTEBOOK or sys.stderr.isatty()))
    # Parts of a whole take minutes: an estimate from the last few seconds would be none.
    return tqdm(
        desc=printable(description),
        total=total,
        unit=f" {unit}",
        disable=silent,
        leave=False,
        smoothing=0,
        dynamic_ncols=True,
    )

"""Progress bars of everything that takes more than a few seconds; one that begins inside another stands below it."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from fechner.errors import printable


def bar(show: bool, description: str, total: float, unit: str) -> Any:
    """A bar of tqdm on the error stream that counts in `unit`; it is silent where there is neither terminal nor notebook.

    >>> with bar(False, "layers", 3, "layers") as progressing:
    ...     progressing.update(1)
    """
    in_notebook = "ipykernel" in sys.modules
    widgets = in_notebook and find_spec("ipywidgets") is not None
    bars: Any = import_module("tqdm.notebook" if widgets else "tqdm")
    return bars.tqdm(
        desc=printable(description),
        total=total,
        unit=f" {unit}",
        disable=not (show and (in_notebook or (sys.stderr is not None and sys.stderr.isatty()))),
        leave=False,
        # Parts of a whole take minutes: an estimate from the last few seconds would be none.
        smoothing=0,
        dynamic_ncols=True,
    )

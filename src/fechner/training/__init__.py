"""Trains networks on images whose statistics are manipulated, and records their sensitivity while they learn.

`setup.train` is the verb: it checks everything before anything is written, and `running.run` then does the work with
Lightning. Images go through `labelled_images`, `batches`, `view` and `condition`, in this order; `callback` records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fechner.training.condition import Condition as Condition
from fechner.training.labelled_images import labelled as labelled
from fechner.training.recipe import Recipe as Recipe
from fechner.training.recipe import recipe_for as recipe_for
from fechner.training.setup import preview as preview
from fechner.training.setup import train as train

if TYPE_CHECKING:
    from fechner.training.callback import RecordSensitivity as RecordSensitivity


def __getattr__(name: str) -> Any:
    # Lightning takes seconds to import; only those who ask for the callback should wait for it.
    if name == "RecordSensitivity":
        from fechner.training.callback import RecordSensitivity

        return RecordSensitivity
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Training networks on images whose statistics are changed, and measuring them on the way."""

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
    # Lightning takes seconds to import, which only those who ask for the callback should wait for.
    if name == "RecordSensitivity":
        from fechner.training.callback import RecordSensitivity

        return RecordSensitivity
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

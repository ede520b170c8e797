"""What all commands do with their options: none is given twice, a bad value is named, and none does nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any

import typer
from typer.core import TyperCommand

from fechner.arguments import shown
from fechner.errors import FechnerError

_GIVEN = "fechner.given"


class Command(TyperCommand):
    """A command that refuses an option given twice, and names a value that is of another type."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line, once to see what is given, and once as typer does."""
        values, _, order = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta[_GIVEN] = {p.name for p in order}
        for parameter, count in Counter(order).items():
            if count > 1 and not parameter.multiple:
                raise FechnerError(f"{parameter.opts[-1]} is given {count} times: give it once")
        try:
            return super().parse_args(ctx, args)
        except Exception as e:
            wrong = getattr(e, "param", None)
            if wrong is None or values.get(wrong.name) is None:
                raise
            # Typer's own message does not always hold the value.
            why = str(getattr(e, "message", e)).removeprefix("Value error, ").rstrip(".")
            name = wrong.opts[-1] if wrong.opts[-1].startswith("-") else wrong.name.upper()
            raise FechnerError(f"{name} cannot be {shown(values[wrong.name])}: {why[:1].lower()}{why[1:]}") from None


def refuse(context: typer.Context, names: str, why: str) -> None:
    """Raise `FechnerError` if any of these options is given, where none of them does anything.

    `names` are those of the function's arguments, separated by spaces; `why` follows "does nothing".
    """
    for name in names.split():
        if name in context.meta[_GIVEN]:
            raise FechnerError(f"--{name.replace('_', '-')} does nothing {why}")

"""What all commands do: parse, refuse what does nothing, call one public function, save, print and draw what it returned."""

from __future__ import annotations

import inspect
import json
import sys
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any, get_type_hints

import typer
from matplotlib.figure import Figure
from rich.table import Table
from typer.core import TyperCommand

import fechner
from fechner import outputs, processes, results
from fechner.arguments import described
from fechner.cli.signature import Makers, Option, call, dashed, options, taught
from fechner.cli.tables import left_out, printed
from fechner.cli.terminal import say, show
from fechner.cli.text import Reader
from fechner.errors import FechnerError
from fechner.plot import style


@dataclass(frozen=True)
class Verb:
    """A command: a public function, and what its signature and docstring do not say.

    `made` has a maker for each argument that no text can give. `out` is where a result goes unless it is named; "" for a
    result that need not be saved. `check` raises `FechnerError` for options that do nothing together; `adds` has arguments
    that depend on others, and `says` what is printed at the end. `records` are what --json prints. Words after "--"
    belong to the option `after`.
    """

    function: Callable[..., Any]
    name: str = ""
    made: Makers = field(default_factory=dict)
    out: str = ""
    check: Callable[[Mapping[str, Any]], None] = lambda given: None
    adds: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda given: {}
    says: Callable[[Any, Mapping[str, Any]], str] | None = None
    records: Callable[[Any], Any] | None = None
    after: str = ""

    def added(self) -> dict[str, Option]:
        """Options that the function has not, but its result needs: where it is saved and drawn."""
        function = inspect.unwrap(self.function)
        returned = get_type_hints(function)["return"]
        if "out" in inspect.signature(function).parameters or returned in (Table, list[str]):
            return {}
        if returned is Figure:
            return {"out": Option("out", PICTURE, "the .png, .svg or .pdf to write.", self.out)}
        out = Option("out", Reader(str), "the NetCDF file to write.", self.out or None)
        figure = Option("figure", PICTURE, "also draw the result to this .png, .svg or .pdf.")
        json = {"json": Option("json", Reader(bool), "print JSON instead of a table.")} if self.records else {}
        return json | {"out": out, "figure": figure}

    def add_to(self, app: typer.Typer) -> None:
        """Make it a command of this program."""
        added = self.added()
        listed = options(self.function, self.made) | added

        def run(**texts: Any) -> None:
            given = {name: text for name, text in texts.items() if text not in (None, [])}
            self.run(listed, {name: given.pop(name, o.default) for name, o in added.items()}, given)

        run.__signature__ = inspect.Signature([o.declared() for o in listed.values()])  # type: ignore[attr-defined]
        run.__annotations__ = {}
        name = self.name or self.function.__name__.replace("_", "-")
        app.command(name, help=taught(self.function), cls=type("Own", (Command,), {"after": self.after}))(run)

    def run(self, listed: Mapping[str, Option], ends: Mapping[str, Any], given: dict[str, Any]) -> None:
        """Run the command; nothing is read or loaded before it is known that its output can be written."""
        if "device" in listed:
            given.setdefault("device", "auto")
        self.check(given)
        out, figure, as_json = ends.get("out"), ends.get("figure"), bool(ends.get("json"))
        texts = [(listed[name].reader, text) for name, text in given.items()]
        reads = [file for r, text in texts if r.file for file in ([text] if isinstance(text, str) else text)]
        outputs.writable(out, figure, reads=reads)
        if out is not None and "figure" in ends:
            results.writable(out)
        for name, text in ends.items():
            listed[name].reader.read(name, text)
        # Files are read once all else is known to be right.
        names = sorted(given, key=lambda name: listed[name].reader.file)
        values = {name: listed[name].reader.read(name, given[name]) for name in names}
        try:
            returned = call(self.function, self.made, {**values, **self.adds(values)})
        except KeyboardInterrupt:
            again = ""
            if "resume" in listed:
                again = (
                    f"; what is finished is kept in {given.get('out', listed['out'].default)}: run again with --resume"
                )
            say(f"interrupted{again}", err=True)
            raise typer.Exit(130) from None
        if not processes.is_first():
            return
        # Saved first, whatever cannot be printed or drawn then.
        if isinstance(returned, Figure):
            figure = out
        elif out is not None:
            results.save(returned, out)
        if self.records and as_json:
            ascii_only = not sys.stdout.encoding.lower().startswith("utf")
            typer.echo(json.dumps(self.records(returned), indent=1, ensure_ascii=ascii_only))
        for part in [] if as_json else [self.says(returned, values)] if self.says else printed(returned):
            show(part, 130) if isinstance(part, Table) else say(part)
        for part in left_out(getattr(returned, "attrs", {})):
            say(part, err=True)
        if out is not None and out is not figure:
            say(f"saved {out}", err=as_json)
        if figure is not None:
            drawn = returned if isinstance(returned, Figure) else fechner.draw(returned)
            style.write(drawn, outputs.expanded(figure), (Path(figure).suffix[1:],))
            say(f"drew {figure}", err=as_json)


def picture(name: str, path: str | None) -> str | None:
    """The name of a figure in a format that can be written."""
    if path is not None and Path(path).suffix not in (".png", ".svg", ".pdf"):
        raise FechnerError(f"--{name} must end in .png, .svg or .pdf, got '{path}'")
    return path


PICTURE = Reader(str, picture)


class Command(TyperCommand):
    """A command that refuses an option given twice, and names a value that is of another type."""

    after = ""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line, once to see what is given, and once as typer does."""
        if self.after and "--" in args:
            at = args.index("--")
            words = list(takewhile(lambda word: not word.startswith("-"), args[at + 1 :]))
            given = [part for word in words for part in (f"--{self.after}", word)]
            args = [*args[:at], *given, *args[at + 1 + len(words) :]]
        values, _, order = self.make_parser(ctx).parse_args(args=list(args))
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
            raise FechnerError(
                f"{name} cannot be {described(values[wrong.name])}: {why[:1].lower()}{why[1:]}"
            ) from None


def refuse(given: Collection[str], names: str, why: str) -> None:
    """Raise `FechnerError` if any of these options is given, where none of them does anything.

    `names` are those of the function's arguments, separated by spaces; `why` follows "does nothing".
    """
    for name in names.split():
        if name in given:
            raise FechnerError(f"{dashed(name)} does nothing {why}")

"""The command line: parse, call one public function, save."""

from __future__ import annotations

import ctypes
import io
import sys
import warnings
from typing import Annotated, Any

import typer

import fechner
from fechner.cli.commands import VERBS
from fechner.cli.terminal import say
from fechner.errors import FechnerError, FechnerWarning

app = typer.Typer(
    help="Psychophysics on artificial neural networks: the sensitivity of every layer to any stimulus parameter.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for verb in VERBS:
    verb.add_to(app)


@app.callback(invoke_without_command=True)
def _version(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    if version:
        typer.echo(fechner.__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


def _keep_freed_memory() -> None:
    """Let glibc reuse large activations instead of returning them to the system: 1.5 to 2 times as fast where measured."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(-4, 0)  # M_MMAP_MAX
            mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD


_show = warnings.showwarning


def _warn(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
    """What a user has to know is one line too; other warnings stay as they are."""
    if issubclass(category, FechnerWarning):
        say(f"fechner: {message}", err=True)
    else:
        _show(message, category, *where, **more)


def _print_what_can_be() -> None:
    """Characters that the output cannot take, such as ° in ASCII, stop nothing: ? stands for each."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def main() -> None:
    """Entry point: errors a user can act on are one line and exit status 2."""
    _keep_freed_memory()
    warnings.showwarning = _warn
    _print_what_can_be()
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except FechnerError as e:
        say(f"fechner: {e}", err=True)
        sys.exit(2)
    except Exception as e:
        # Of an unknown command or option, and of a missing argument: typer has its errors in a module of its own.
        if not hasattr(e, "format_message"):
            raise
        say(f"fechner: {' '.join(e.format_message().split()).rstrip('.')}; see fechner --help", err=True)
        sys.exit(2)

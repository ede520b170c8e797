"""What commands print. Names of files and layers are data: nothing in them is markup, and nothing moves the cursor."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from fechner.errors import printable


def say(text: str, err: bool = False) -> None:
    """One line, in the encoding of the stream: typer.echo would write UTF-8 where that is ASCII."""
    stream = sys.stderr if err else sys.stdout
    # Bars make way for it.
    with tqdm.external_write_mode(stream):
        stream.write(printable(text) + "\n")
        stream.flush()


def show(table: Table, least: int = 0) -> None:
    """A table, as wide as the terminal and at least so many columns."""
    console = Console(markup=False, emoji=False, highlight=False)
    console.width = max(console.width, least)
    console.print(table)

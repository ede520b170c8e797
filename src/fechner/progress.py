"""Progress bars of everything that takes more than a few seconds; inside a larger whole, they stand below its bar."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from fechner.errors import printable

_whole: ContextVar[Progress | None] = ContextVar("whole", default=None)


class Bars:
    """Bars of one piece of work, counting in `unit`."""

    def __init__(self, progress: Progress, unit: str) -> None:
        self.progress, self.unit = progress, unit
        self.own: list[TaskID] = []

    def add_task(self, description: str, total: float) -> TaskID:
        """A bar at its beginning."""
        self.own.append(self.progress.add_task(printable(description), total=total, unit=self.unit))
        return self.own[-1]

    def update(self, task: TaskID, advance: float) -> None:
        """So much further."""
        self.progress.update(task, advance=advance)


class _Count(ProgressColumn):
    """How many of how many; the share where nothing is counted."""

    def render(self, task: Task) -> Text:
        unit = task.fields["unit"]
        return Text(f"{task.completed:g}/{task.total:g} {unit}" if unit else f"{task.percentage:.0f} %")


@contextmanager
def bar(show: bool, unit: str) -> Iterator[Bars]:
    """Bars on the terminal's error stream, counting in `unit`; silent where there is no terminal."""
    outer = _whole.get()
    if outer is not None and show:
        bars = Bars(outer, unit)
        try:
            yield bars
        finally:
            for task in bars.own:
                outer.remove_task(task)
    else:
        with _progress(show) as progress:
            yield Bars(progress, unit)


@contextmanager
def whole(description: str, total: float) -> Iterator[tuple[Progress, TaskID]]:
    """One bar for work of many pieces, whose own bars stand below it for as long as they last."""
    with _progress(True) as progress:
        before = _whole.set(progress)
        try:
            yield progress, progress.add_task(description, total=total, unit="")
        finally:
            _whole.reset(before)


def _progress(show: bool) -> Progress:
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        _Count(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    # Parts of a whole take minutes: an estimate from the last half minute would be none.
    return Progress(
        *columns,
        console=console,
        transient=True,
        # What is printed stands above the bars; in a file it stays in the file.
        redirect_stdout=sys.stdout.isatty(),
        disable=not (show and console.is_terminal),
        speed_estimate_period=3600,
    )

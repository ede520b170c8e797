"""One `fechner reproduce`: its settings, and which parts of a figure it need not make again.

A figure calls `cached` for whatever takes more than seconds. With `--resume` a part is read instead of made if it was asked
for with the same attributes and made by the same code, which `code` takes from the files that a module imports.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import xarray as xr

from fechner import results
from fechner.errors import FechnerError

Say = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """Settings of one `fechner reproduce`, the same for all figures; `folder` is that of the figure."""

    profile: str
    folder: Path
    images: str | Path | None = None
    checkpoints: tuple[tuple[str, str], ...] = ()
    resume: bool = False
    device: str = "cpu"
    say: Say = print
    trainings: Path = Path("trainings")
    # Called with the share of the figure that is finished.
    done: Callable[[float], None] = lambda share: None


def cached(
    path: Path, run: Run, expected: Mapping[str, Any], make: Callable[[], xr.Dataset], module: str
) -> xr.Dataset:
    """A part of a figure: as saved, if the run resumes and nothing that made it has changed; or made, and saved.

    Nothing has changed if the part has the attributes that are expected of it, and was made by the same code; `module` is
    the name of the one that says how it is made.
    """
    attributes = {**expected, "code": code(module)}
    if run.resume and path.exists():
        with suppress(FechnerError):
            saved = results.read(path)
            if all(saved.attrs.get(name) == value for name, value in attributes.items()):
                run.say(f"{path.stem}: finished before")
                return saved
    part = make()
    part = part.assign_attrs(results.provenance("part") | part.attrs | attributes)
    results.save(part, path)
    return part


@cache
def code(module: str) -> str:
    """SHA-256 of everything that measures: what other code measured is not taken for finished.

    That is the package below the figures, and of the figures the module of that name and what it imports: how they are
    drawn and judged may change.
    """
    package = Path(str(files("fechner")))
    above = ("paper", "plot", "page", "cli")
    measuring = {path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in above}
    waiting = [module]
    while waiting:
        path = package.joinpath(*waiting.pop().split(".")[1:]).with_suffix(".py")
        if path.is_file() and path not in measuring:
            measuring.add(path)
            waiting += _imported(path)
    hashed = hashlib.sha256()
    for path in sorted(measuring):
        hashed.update(path.read_bytes())
    return hashed.hexdigest()


def _imported(path: Path) -> Iterator[str]:
    """Names of modules, and of what is taken from them, that a file imports."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))

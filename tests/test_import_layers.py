"""A layer imports only lower ones."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import fechner

SOURCE = Path(fechner.__file__).parent
# All of the package at once is for what stands above it.
WHOLE = "__init__"
LAYER = {
    "errors": -2, "progress": -1, "circular": -1, "interval": 0, "processes": 0, "results": 0, "stimuli": 1, "networks": 1, "statistics": 1, "human": 1, "sensitivity": 2, "comparison": 3, "difference": 3, "learning": 3, "training": 3, "figures": 4, "report": 5, WHOLE: 5, "cli": 6, "__main__": 7,
}  # fmt: skip


def imported(source: str) -> Iterator[str]:
    """The first part below the package of everything that is imported from it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            first, *rest = name.split(".")
            if first == "fechner":
                yield rest[0] if rest else WHOLE


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import fechner.cli.tables as t, numpy", ["cli"]),
        ("import fechner", [WHOLE]),
        ("from fechner import cli, errors", ["cli", "errors"]),
        ("def f():\n    from fechner.report.page import report, Chart", ["report", "report"]),
        ("import fechnerian", []),
    ],
)
def test_every_form_of_import_is_seen(source: str, found: list[str]) -> None:
    assert list(imported(source)) == found


def test_imports_point_downwards() -> None:
    seen = 0
    for path in SOURCE.rglob("*.py"):
        own = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        if own == WHOLE:
            continue
        for target in imported(path.read_text()):
            seen += 1
            assert target == own or LAYER[target] < LAYER[own], f"{path.relative_to(SOURCE)} imports {target}"
    assert seen > 30


def test_every_module_has_a_layer() -> None:
    names = {p.name.removesuffix(".py") for p in SOURCE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert names == set(LAYER)

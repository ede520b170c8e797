"""A layer imports only lower ones, no module imports itself by a detour, and the tool knows nothing of the paper."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fechner

SOURCE = Path(fechner.__file__).parent
# From the ground up; those of one line do not import one another. "__init__" is all of the package at once, for what stands
# above it.
LAYERS = [
    ("annotations", "errors"),
    ("circular", "progress", "arguments", "layout", "limits", "import_path"),
    ("contents", "outputs"),
    ("agreement", "interval", "processes", "results", "seeds"),
    ("stimuli", "networks", "statistics", "human"),
    ("fisher", "references"),
    ("comparison", "differences", "learning", "training"),
    ("plot",),
    ("page",),
    ("__init__",),
    ("paper",),
    ("cli",),
    ("__main__",),
]
LAYER = {name: height for height, names in enumerate(LAYERS) for name in names}


def imported(source: str) -> Iterator[str]:
    """Everything of the package that a module imports, as dotted names below the package; "__init__" for the package."""
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
                yield ".".join(rest) or "__init__"


# A figure of the paper is drawn with what draws any result, and its section of the page is made of what makes any section:
# these are for whoever adds a figure, and their packages' faces are for whoever calls `draw` and `report`.
FOR_FIGURES = {f"plot/{n}" for n in ("curves", "density", "panel", "style")} | {
    f"page/{n}" for n in ("chart", "explore", "section")
}


def behind_a_face(name: str) -> str | None:
    """The module that an imported name is taken from, if that lies behind the face of its package; else nothing."""
    package, *rest = name.split(".")
    if not rest or not (SOURCE / package).is_dir():
        return None
    named = SOURCE / package / "__init__.py"
    if rest[0] in _names(named.read_text()):
        return None
    return f"{package}/{rest[0]}"


def _names(source: str) -> set[str]:
    """What a module defines, or lists in `__all__`: its face."""
    names: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            if isinstance(targets[0], ast.Name) and targets[0].id == "__all__" and node.value is not None:
                names |= set(ast.literal_eval(node.value))
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def module_of(name: str) -> str:
    """The file, below the package and without its ending, that an imported name lies in."""
    parts = name.split(".")
    while parts:
        path = SOURCE.joinpath(*parts)
        if path.with_suffix(".py").is_file():
            return "/".join(parts)
        if (path / "__init__.py").is_file():
            return "/".join([*parts, "__init__"])
        parts.pop()
    return "__init__"


def graph() -> dict[str, set[str]]:
    """What each module imports."""
    return {
        path.relative_to(SOURCE).with_suffix("").as_posix(): {module_of(name) for name in imported(path.read_text())}
        for path in SOURCE.rglob("*.py")
    }


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import fechner.cli.tables as t, numpy", ["cli.tables"]),
        ("import fechner", ["__init__"]),
        ("from fechner import cli, errors", ["cli", "errors"]),
        ("def f():\n    from fechner.page.page import report, Chart", ["page.page.report", "page.page.Chart"]),
        ("import fechnerian", []),
    ],
)
def test_every_form_of_import_is_seen(source: str, found: list[str]) -> None:
    assert list(imported(source)) == found


def test_a_name_lies_in_a_file() -> None:
    found = [module_of(n) for n in ("stimuli.Gabor", "stimuli.base", "stimuli.base.Stimulus", "errors.choices")]
    assert found == ["stimuli/__init__", "stimuli/base", "stimuli/base", "errors"]


def test_the_paper_uses_public_names_only() -> None:
    assert behind_a_face("fisher.sensitivity") is None
    assert behind_a_face("errors.choices") is None
    assert behind_a_face("fisher.sweep.run") == "fisher/sweep"
    seen = 0
    for path in (SOURCE / "paper").rglob("*.py"):
        for name in imported(path.read_text()):
            if name.split(".")[0] != "paper":
                seen += 1
                module = behind_a_face(name)
                assert module is None or module in FOR_FIGURES, f"{path.relative_to(SOURCE)} imports fechner.{name}"
    assert seen > 30


def test_imports_point_downwards() -> None:
    seen = 0
    for module, targets in graph().items():
        own = module.split("/")[0]
        for target in (t.split("/")[0] for t in targets if own != "__init__"):
            seen += 1
            assert target == own or LAYER[target] < LAYER[own], f"{module} imports {target}"
    assert seen > 30


def test_no_circle() -> None:
    graphlib.TopologicalSorter(graph()).prepare()


def test_every_module_has_a_layer() -> None:
    names = {p.name.removesuffix(".py") for p in SOURCE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert names == set(LAYER)


def test_the_tool_knows_nothing_of_the_paper() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import fechner, sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "fechner.fisher" in loaded
    assert [name for name in loaded if name.startswith("fechner.paper")] == []

"""Every notebook is what its text source says, runs from the root of the repository, and calls public functions only."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "docs"))
from build_notebooks import REPOSITORY, WHOLE_FIGURE, from_source, with_table  # noqa: E402

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
FIGURES = ("fig1", "fig2", "fig3", "fig5", "fig6", "trained")
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
LONGEST_FUNCTION = 10
MODULES = (
    r"fechner(\.(human|learning|paper|statistics|stimuli|training)(\.\w+)*)?",
    r"(IPython|lightning|matplotlib|numpy|torch|xarray)(\.\w+)*",
    "dataclasses|importlib|logging|pathlib|subprocess|tempfile|warnings",
)


def test_there_are_notebooks() -> None:
    assert {path.stem for path in NOTEBOOKS} >= set(FIGURES)
    assert len(NOTEBOOKS) >= 10


def contents(notebook: nbformat.NotebookNode) -> list[tuple[Any, ...]]:
    return [(cell.id, cell.cell_type, cell.source, cell.metadata.get("tags")) for cell in notebook.cells]


@each
def test_agrees_with_its_source_and_has_outputs(path: Path) -> None:
    made = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    assert contents(made) == contents(from_source(path)), "the source is newer: make notebooks"
    cells = [cell for cell in made.cells if cell.cell_type == "code"]
    # All cells ran, once and in their order.
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert any("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs)
    assert path.with_suffix(".ipynb").stat().st_size < 2**20


@pytest.mark.parametrize("name", FIGURES)
def test_the_whole_figure_is_drawn(name: str) -> None:
    cells = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells
    (cell,) = (cell for cell in cells if WHOLE_FIGURE in cell.metadata.get("tags", []))
    assert [output for output in cell.outputs if "image/png" in output.get("data", {})]


def test_the_readme_has_their_table() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert with_table(readme) == readme, "make notebooks"
    rows = re.findall(r"^\| .* \| \[Run\]\((\S+)\) \| \[View\]\((\S+)\) \|$", readme, re.MULTILINE)
    assert [Path(view).stem for _, view in rows][: len(FIGURES)] == list(FIGURES)
    assert all(view.startswith(f"{REPOSITORY}/") for _, view in rows)


def test_the_address_of_the_repository_is_in_one_place() -> None:
    """Text that people write says nothing of it; what `make notebooks` writes follows."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    place = REPOSITORY.removeprefix("https://")
    naming = {name for name in names if place in (ROOT / name).read_bytes().decode("utf-8", "replace")}
    assert {name for name in naming if not name.endswith(".ipynb")} == {"pyproject.toml", "README.md"}


def execute(notebook: nbformat.NotebookNode, seconds: int) -> list[nbformat.NotebookNode]:
    """The outputs of a notebook that is run from the root of the repository."""
    resources = {"metadata": {"path": str(ROOT)}}
    client = NotebookClient(notebook, timeout=seconds, kernel_name="python3", resources=resources)
    client.execute(env=os.environ | {"OMP_NUM_THREADS": "1"})
    return [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]


# One stands for all in the default run.
QUICK = ("fig1",)


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=() if path.stem in QUICK else pytest.mark.slow, id=path.stem) for path in NOTEBOOKS],
)
def test_runs_without_warnings(path: Path) -> None:
    """All but the cell that takes minutes."""
    notebook = from_source(path)
    notebook.cells = [cell for cell in notebook.cells if WHOLE_FIGURE not in cell.metadata.get("tags", [])]
    outputs = execute(notebook, 240)
    assert not [o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"]
    printed = [o.text if o.output_type == "stream" else o.data.get("text/plain", "") for o in outputs]
    assert not [text for text in printed if "Warning" in text]
    # A figure that no front end can show is printed as its name.
    assert not [o for o in outputs if "Figure" in o.get("data", {}).get("text/plain", "") and "image/png" not in o.data]
    assert any("image/png" in o.get("data", {}) for o in outputs)


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_measures_the_whole_figure(name: str) -> None:
    outputs = execute(from_source(ROOT / "notebooks" / f"{name}.py"), 3600)
    assert "image/png" in outputs[-1].data


@pytest.mark.slow
def test_runs_where_there_is_nothing_but_jupyter_and_pip(tmp_path: Path) -> None:
    """Colab's situation: the first cell installs fechner, here from a wheel of this tree."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--wheel-dir", str(tmp_path), str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "empty", with_pip=True)
    python = tmp_path / "empty" / "bin" / "python"
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    subprocess.run([python, "-m", "pip", "install", "--quiet", "nbclient", "ipykernel"], check=True, env=clean)
    script = (
        "import sys, nbformat, nbclient\n"
        "notebook = nbformat.read(sys.argv[1], as_version=4)\n"
        "nbclient.NotebookClient(notebook, timeout=3600, kernel_name='python3').execute()\n"
        "nbformat.write(notebook, 'run.ipynb')\n"
    )
    notebook = ROOT / "notebooks" / "your_network.ipynb"
    subprocess.run(
        [python, "-c", script, notebook], cwd=tmp_path, env=clean | {"FECHNER_SOURCE": str(wheel)}, check=True
    )
    outputs = [o for cell in nbformat.read(tmp_path / "run.ipynb", as_version=4).cells for o in cell.get("outputs", [])]
    assert any("image/png" in o.get("data", {}) for o in outputs)


@each
def test_begins_with_its_question(path: Path) -> None:
    first, install, *rest = from_source(path).cells
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    assert "?" in first.source
    assert "pip" in install.source
    assert 4 <= sum(cell.cell_type == "code" for cell in rest) <= 13


@each
def test_calls_public_functions_only(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported: list[tuple[str, list[str]]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines: it belongs into the package"
        elif isinstance(node, ast.Import):
            imported += [(alias.name, []) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imported.append((node.module or ".", [alias.name for alias in node.names]))
        elif isinstance(node, ast.Attribute):
            assert not node.attr.startswith("_") or node.attr.endswith("__"), node.attr
    for module, names in imported:
        assert any(re.fullmatch(pattern, module) for pattern in MODULES), f"imports {module}"
        assert not [n for n in (*module.split("."), *names) if n.startswith("_")], f"imports {names} from {module}"

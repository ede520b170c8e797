"""Every notebook runs from the root of the repository, without a warning, and calls public functions only."""

import ast
import os
import re
from pathlib import Path

import jupytext
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
LONGEST_FUNCTION = 10
MODULES = (
    r"fechner(\.(human|learning|statistics|stimuli|training)(\.\w+)*)?",
    r"(lightning|matplotlib|numpy|torch|xarray)(\.\w+)*",
    "dataclasses|logging|pathlib|tempfile|warnings",
)


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) >= 10


@each
def test_runs_without_warnings(path: Path) -> None:
    notebook = jupytext.read(path)
    client = NotebookClient(notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}})
    client.execute(env=os.environ | {"OMP_NUM_THREADS": "1"})
    outputs = [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]
    assert not [o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"]
    printed = [o.text if o.output_type == "stream" else o.data.get("text/plain", "") for o in outputs]
    assert not [text for text in printed if "Warning" in text]
    # A figure that no front end can show is printed as its name.
    assert not [o for o in outputs if "Figure" in o.get("data", {}).get("text/plain", "") and "image/png" not in o.data]
    assert any("image/png" in o.get("data", {}) for o in outputs)


@each
def test_begins_with_its_question(path: Path) -> None:
    first, *rest = jupytext.read(path).cells
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    assert "?" in first.source
    assert 4 <= sum(cell.cell_type == "code" for cell in rest) <= 8


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

"""The recipes of docs/extending.md, followed to the letter in a copy of the repository."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
WRITE = r"^Write `(?P<file>[^`]+)`:\n\n```python\n(?P<whole>.*?)```"
ADD = r"^In `(?P<changed>[^`]+)`, after the line `(?P<line>[^`]+)`, add:\n\n```python\n(?P<added>.*?)```"
RUN = r"^```sh\n(?P<commands>.*?)```"
STEPS = re.compile(f"{WRITE}|{ADD}|{RUN}", re.MULTILINE | re.DOTALL)
PROGRAMS = {".venv/bin/python": [sys.executable], ".venv/bin/fechner": [sys.executable, "-m", "fechner"]}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of what the recipes change and run."""
    for part in ("src/fechner", "tests/stimuli"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("tests/conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def follow(recipe: str, clone: Path) -> str:
    """Take every step of a recipe in its order; what its commands print."""
    printed = []
    for step in STEPS.finditer(RECIPES[recipe]):
        if step["file"]:
            (clone / step["file"]).write_text(step["whole"], encoding="utf-8")
        elif step["changed"]:
            path = clone / step["changed"]
            before = path.read_text(encoding="utf-8")
            assert before.count(f"{step['line']}\n") == 1, f"{path.name} must hold this line once: {step['line']}"
            after = before.replace(f"{step['line']}\n", f"{step['line']}\n{step['added']}")
            path.write_text(after, encoding="utf-8")
        else:
            for command in step["commands"].splitlines():
                program, *words = shlex.split(command)
                printed.append(run(clone, *PROGRAMS[program], *words))
    assert len(re.findall("^```", RECIPES[recipe], re.MULTILINE)) == 2 * len(STEPS.findall(RECIPES[recipe]))
    return "\n".join(printed)


def run(clone: Path, *words: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(clone / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(words, cwd=clone, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_stimulus(clone: Path) -> None:
    printed = follow("A stimulus", clone)
    # Derivatives and transforms of two parameters at least.
    passed = re.search(r"\b(\d+) passed", printed)
    assert passed, printed
    assert int(passed[1]) >= 4


def test_a_network(clone: Path) -> None:
    follow("A network", clone)
    assert (clone / "network.nc").is_file()


def test_a_figure_and_a_section_of_the_page(clone: Path) -> None:
    follow("A figure, and a section of the page", clone)
    assert (clone / "preferred.png").is_file()
    page = (clone / "preferred.html").read_text(encoding="utf-8")
    assert "What each layer prefers" in page


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["A stimulus", "A network"])
def test_it_passes_the_checks_of_its_form(recipe: str, clone: Path) -> None:
    """What `make format` and `make check` do."""
    follow(recipe, clone)
    run(clone, sys.executable, "-m", "ruff", "format", "src")
    run(clone, sys.executable, "-m", "ruff", "check", "src")
    run(clone, sys.executable, "-m", "mypy", "--cache-dir", "mypy_cache")


def test_every_recipe_is_tested() -> None:
    assert list(RECIPES) == ["A stimulus", "A network", "A figure, and a section of the page"]


def test_the_map_of_the_package_is_whole() -> None:
    """Every folder and file at the top has its row in CONTRIBUTING, and every file that a row names exists."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = [line.split("|")[2:4] for line in text.splitlines() if line.startswith("| ")][1:]
    package = ROOT / "src" / "fechner"
    named = set()
    for places, files in rows:
        entries = re.findall(r"`([^`]+)`", places)
        named |= {entry.rstrip("/") for entry in entries}
        for file in re.findall(r"`([^`]+\.py)`", files):
            assert any((package / entry / file).is_file() or file == entry for entry in entries), file
    present = {path.name for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert named == present - {"__init__.py"}

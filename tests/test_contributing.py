"""The recipe of CONTRIBUTING for a stimulus, followed to the letter with the one of the README."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the package and of the tests of stimuli, with `Rings` in a file of its own, named where the recipe says."""
    for part in ("src/fechner", "tests/stimuli", "tests/figures"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("tests/conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"^>>> @dataclass.*\n\.\.\. class Rings.*\n(?:\.\.\. .*\n)+", readme, re.MULTILINE)
    assert shown
    made = re.sub(r"^(>>>|\.\.\.) ", "", shown.group(), flags=re.MULTILINE)
    imports = "from dataclasses import dataclass\n\nimport torch\n\nfrom fechner.stimuli import Length, Stimulus\n"
    stimuli = tmp_path / "src" / "fechner" / "stimuli"
    (stimuli / "rings.py").write_text(f'"""Concentric rings."""\n\n{imports}\n\n{made}', encoding="utf-8")
    listing = (stimuli / "__init__.py").read_text(encoding="utf-8")
    listing, imported = re.subn(
        r"\n\n(STIMULI.*\n)", r"\nfrom fechner.stimuli.rings import Rings as Rings\n\n\1", listing
    )
    listing, named = re.subn(r'(    "spectral": .*\n)', r'\1    "rings": Rings,\n', listing)
    assert imported == named == 1
    (stimuli / "__init__.py").write_text(listing, encoding="utf-8")
    return tmp_path


def run(clone: Path, *words: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(clone / "src")}
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=clone, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_stimulus_is_picked_up_by_the_tests_of_all_stimuli(clone: Path) -> None:
    tests = ["tests/stimuli", "tests/paper/test_fig2.py", "-k", "rings or test_contact_sheets and all"]
    found = run(clone, "pytest", "-n", "0", "-q", "-p", "no:cacheprovider", *tests)
    # Derivatives and transforms of two parameters, and both contact sheets.
    assert re.search(r"\b6 passed", found), found


@pytest.mark.slow
def test_it_passes_the_checks_of_its_form(clone: Path) -> None:
    # What `make format` does, and then `make check`.
    run(clone, "ruff", "format", "src")
    run(clone, "ruff", "check", "src")
    run(clone, "mypy", "--cache-dir", "mypy_cache")

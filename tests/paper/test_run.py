"""What makes a finished part stale: an edit of anything that measures, and of nothing that only draws."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import fechner
from fechner.paper import run

MODULES = {"curves": "fechner.paper.curves", **{name: f"fechner.paper.{name}.compute" for name in ("fig5", "fig6")}}


@pytest.mark.parametrize(
    ("edited", "stale"),
    [
        ("fisher/derivative.py", {"curves", "fig5", "fig6"}),
        ("learning/linear.py", {"curves", "fig5", "fig6"}),
        ("paper/run.py", {"curves", "fig5", "fig6"}),
        ("paper/curves.py", {"curves"}),
        ("paper/fig5/compute.py", {"fig5"}),
        ("paper/fig6/compute.py", {"fig6"}),
        ("paper/fig6/sequels.py", {"fig6"}),
        ("paper/fig5/draw.py", set()),
        ("paper/fig6/claims.py", set()),
        ("paper/fig5/__init__.py", set()),
        ("page/page.py", set()),
        ("cli/measuring.py", set()),
    ],
)
def test_an_edit_makes_stale_what_it_measures(
    edited: str, stale: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "fechner"
    shutil.copytree(Path(fechner.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(run, "files", lambda name: package)
    before = {name: run.code.__wrapped__(module) for name, module in MODULES.items()}
    with (package / edited).open("a") as file:
        file.write("\n# edited\n")
    after = {name: run.code.__wrapped__(module) for name, module in MODULES.items()}
    assert {name for name in MODULES if before[name] != after[name]} == stale

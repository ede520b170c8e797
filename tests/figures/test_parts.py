"""What makes a finished part stale: an edit of anything that measures, and of nothing that only draws."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import fechner
from fechner.figures import parts

FIGURES = {name: f"fechner.figures.{name}" for name in ("parts", "fig5", "fig6")}


@pytest.mark.parametrize(
    ("edited", "stale"),
    [
        ("sensitivity/tangent.py", {"parts", "fig5", "fig6"}),
        ("learning/linear.py", {"parts", "fig5", "fig6"}),
        ("figures/parts.py", {"parts", "fig5", "fig6"}),
        ("figures/fig5.py", {"fig5"}),
        ("figures/fig6.py", {"fig6"}),
        ("figures/fig6_sequels.py", {"fig6"}),
        ("figures/fig5_draw.py", set()),
        ("figures/fig6_claims.py", set()),
        ("report/page.py", set()),
        ("cli/measuring.py", set()),
    ],
)
def test_an_edit_makes_stale_what_it_measures(
    edited: str, stale: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "fechner"
    shutil.copytree(Path(fechner.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(parts, "files", lambda name: package)
    before = {name: parts.code.__wrapped__(module) for name, module in FIGURES.items()}
    with (package / edited).open("a") as file:
        file.write("\n# edited\n")
    after = {name: parts.code.__wrapped__(module) for name, module in FIGURES.items()}
    assert {name for name in FIGURES if before[name] != after[name]} == stale

"""Figures are made one after another below one page, and an error in one is the error of all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fechner import FechnerError, results
from fechner.paper import reproduce

KEPT = Path(__file__).parents[2] / "trainings"


def test_figures_have_folders_and_one_page(tmp_path: Path) -> None:
    said: list[str] = []
    trainings, out = tmp_path / "trainings", tmp_path / "out"
    trainings.mkdir()
    for name in ("plain3-upright-0.nc", "plain3-45-0.nc"):
        shutil.copy(KEPT / name, trainings)
    last = reproduce(["fig1", "trained"], out=out, trainings=trainings, say=said.append)
    assert last.attrs["figure"] == "trained"
    for name in ("fig1", "trained"):
        assert results.read(out / name / "data.nc").attrs["profile"] == "quick"
        assert (out / name / "claims.json").is_file()
        assert sum(s.startswith(f"{name}:") and "claims hold" in s for s in said) == 1
    assert (out / "index.html").stat().st_size > 100_000


def test_damaged_trainings_are_named(tmp_path: Path) -> None:
    trainings = tmp_path / "trainings"
    trainings.mkdir()
    (trainings / "broken.nc").write_text("no")
    with pytest.raises(FechnerError, match="'.*broken.nc' is damaged"):
        reproduce(["fig1", "trained"], out=tmp_path / "out", trainings=trainings, say=lambda text: None)

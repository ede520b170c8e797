"""Several figures at once give what one after another gives, and an error in one is the error of all."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from fechner import FechnerError, results
from fechner.paper import reproduce

KEPT = Path(__file__).parents[2] / "trainings"


def test_jobs_give_the_same(tmp_path: Path) -> None:
    said: list[str] = []
    few = tmp_path / "trainings"
    few.mkdir()
    for name in ("plain3-upright-0.nc", "plain3-45-0.nc"):
        shutil.copy(KEPT / name, few)
    reproduce(["fig1", "trained"], out=tmp_path / "two", trainings=few, jobs=2, say=said.append)
    reproduce(["fig1", "trained"], out=tmp_path / "one", trainings=few, say=lambda text: None)
    for name in ("fig1", "trained"):
        at_once, in_turn = (results.read(tmp_path / out / name / "data.nc") for out in ("two", "one"))
        for variable in at_once.data_vars:
            assert np.array_equal(at_once[variable], in_turn[variable], equal_nan=variable != "trainings"), variable
        claims = [(tmp_path / out / name / "claims.json").read_text() for out in ("two", "one")]
        assert claims[0] == claims[1]
        assert sum(s.startswith(f"{name}:") and "claims hold" in s for s in said) == 1
    assert (tmp_path / "two" / "index.html").stat().st_size > 100_000


def test_an_error_in_one_process_is_raised(tmp_path: Path) -> None:
    trainings = tmp_path / "trainings"
    trainings.mkdir()
    (trainings / "broken.nc").write_text("no")
    with pytest.raises(FechnerError, match="'.*broken.nc' is damaged"):
        reproduce(["fig1", "trained"], out=tmp_path / "out", trainings=trainings, jobs=2, say=lambda text: None)
    with pytest.raises(FechnerError, match="jobs must be a whole number of at least 1, got 0"):
        reproduce(["fig1"], out=tmp_path / "out", jobs=0)

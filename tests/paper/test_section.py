"""What the page shows of figures of the paper."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import xarray as xr

import fechner.paper  # noqa: F401 - it brings the figures of the paper
from fechner import FechnerError, results
from fechner.page import report

CLAIM = {
    "id": "a",
    "figure": "",
    "statement": "",
    "criterion": "",
    "measured": 1,
    "interval": [0, 1],
    "verdict": "holds",
}
DAMAGED = [
    "",
    '{"claims": [{"id": "a',
    "[3]",
    "{}",
    "[" * 100_000,
    *(
        json.dumps({"claims": [claim], "measurements": []})
        for claim in (
            3,
            {"id": "a"},
            CLAIM | {"id": 1},
            CLAIM | {"measured": "x"},
            CLAIM | {"interval": [0]},
            CLAIM | {"interval": 3},
            CLAIM | {"verdict": "perhaps"},
            CLAIM | {"verdict": True},
        )
    ),
    json.dumps({"claims": [], "measurements": [CLAIM]}),
    json.dumps({"claims": 3, "measurements": []}),
    json.dumps([CLAIM | {"holds": True}]),
]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_claims_file_is_named(text: str, tmp_path: Path) -> None:
    root = xr.Dataset(attrs=results.provenance("figure") | {"figure": "fig1"})
    results.save(xr.DataTree.from_dict({"/": root, "prediction": xr.Dataset()}), tmp_path / "data.nc")
    (tmp_path / "fig1.png").touch()
    (tmp_path / "claims.json").write_text(text)
    with pytest.raises(FechnerError, match=r"claims.json' is damaged .*delete it"):
        report([tmp_path], tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()

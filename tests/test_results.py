import os
from pathlib import Path

import pytest
import xarray as xr

from fechner import FechnerError, results


def test_round_trip_and_nothing_half_written(tmp_path: Path) -> None:
    data = xr.Dataset({"a": ("layer", [1.0, 2.0])}, {"layer": ["x", "y"]}, results.provenance())
    path = results.save(data, tmp_path / "new" / "curves.nc")
    assert results.read(path).identical(data)
    assert [p.name for p in path.parent.iterdir()] == ["curves.nc"]
    bad = data.assign_attrs(broken=object())
    with pytest.raises(Exception, match=".*"):
        results.save(bad, path)
    assert results.read(path).identical(data)
    assert [p.name for p in path.parent.iterdir()] == ["curves.nc"]


def test_bad_files(tmp_path: Path) -> None:
    (tmp_path / "text.nc").write_text("no")
    xr.Dataset({"a": 1}).to_netcdf(tmp_path / "foreign.nc", engine="h5netcdf")
    for name, message in {
        "none.nc": "no result file",
        "text.nc": "damaged",
        "foreign.nc": "not written by fechner",
    }.items():
        with pytest.raises(FechnerError, match=message):
            results.read(tmp_path / name)


def test_unwritable(tmp_path: Path) -> None:
    results.writable(tmp_path / "new" / "folder" / "curves.nc")
    assert not (tmp_path / "new").exists()
    with pytest.raises(FechnerError, match="is a folder"):
        results.writable(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(FechnerError, match="cannot make the folder"):
        results.writable(tmp_path / "file" / "curves.nc")
    if os.geteuid():
        tmp_path.chmod(0o500)
        with pytest.raises(FechnerError, match="cannot write"):
            results.writable(tmp_path / "curves.nc")

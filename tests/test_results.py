import datetime
import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import xarray as xr

import fechner
from fechner import FechnerError, circular, results


def test_round_trip_and_nothing_half_written(tmp_path: Path) -> None:
    data = xr.Dataset({"a": ("layer", [1.0, 2.0])}, {"layer": ["x", "y"]}, results.provenance("part"))
    path = results.save(data, tmp_path / "new" / "curves.nc")
    assert results.read(path).identical(data)
    assert [p.name for p in path.parent.iterdir()] == ["curves.nc"]
    bad = data.assign_attrs(broken=object())
    with pytest.raises(FechnerError, match="attribute 'broken' has a value of type 'object'; make it numbers"):
        results.save(bad, path)
    assert results.read(path).identical(data)
    assert [p.name for p in path.parent.iterdir()] == ["curves.nc"]


def test_a_result_of_several_grids_is_a_tree(tmp_path: Path) -> None:
    nodes = {"curves": xr.Dataset({"a": ("x", [1.0])}, {"x": [3]}), "more/b$": xr.Dataset({"a": ("x", [1.0, 2.0])})}
    tree = xr.DataTree.from_dict({"/": xr.Dataset(attrs=results.provenance("figure")), **nodes})
    path = results.save(tree, tmp_path / "tree.nc")
    assert results.read(path).identical(tree)
    good = path.read_bytes()
    for place in (100, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        with pytest.raises(FechnerError, match="is damaged: it has changed since it was written"):
            results.read(path)
    tree["curves"].attrs["odd"] = {"a": None}
    assert results.read(results.save(tree, path))["curves"].attrs["odd"] == '{"a": null}'
    tree["curves"].attrs["odd"] = object()
    with pytest.raises(FechnerError, match="this DataTree cannot be saved as NetCDF: its attribute 'odd'"):
        results.save(tree, path)
    assert results.read(path)["curves"].attrs["odd"] == '{"a": null}'


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


def test_older_files_have_their_period_from_the_convention() -> None:
    for name, along, period in (
        ("plain3-45-0.nc", "orientation", 180.0),
        ("resnet-hue90-0.nc", "hue", 360.0),
        ("cifar10-orientation-density.nc", "orientation", 180.0),
    ):
        path = Path(__file__).parents[1] / "trainings" / name
        for found in (results.read(path), xr.load_dataset(path, engine="h5netcdf")):
            assert "period" not in found[along].attrs
            assert circular.period_of(found[along]) == period
            fechner.draw(found)
            for other in ("saturation", "spatial_frequency"):
                assert other not in found.coords or circular.period_of(found[other]) is None


def test_unwritable(tmp_path: Path) -> None:
    results.writable(tmp_path / "new" / "folder" / "curves.nc")
    assert not (tmp_path / "new").exists()
    with pytest.raises(FechnerError, match="is a folder"):
        results.writable(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(FechnerError, match="cannot make the folder"):
        results.writable(tmp_path / "file" / "curves.nc")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FechnerError, match="cannot make the folder"):
        results.writable(tmp_path / "link" / "curves.nc")


@contextmanager
def without_privileges() -> Iterator[None]:
    """What is forbidden to others is allowed to root."""
    if os.geteuid():
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_permissions() -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name, mode in (("closed", 0o555), ("hidden", 0), ("open", 0o777), (".", 0o755)):
            (folder / name).mkdir(exist_ok=True)
            (folder / name).chmod(mode)
        kept = folder / "open" / "kept.nc"
        kept.write_text("kept")
        kept.chmod(0o444)
        with without_privileges():
            results.writable(folder / "open" / "new" / "curves.nc")
            for name, message in {
                "closed/curves.nc": "cannot write in '.*closed' .Permission denied",
                "closed/new/curves.nc": "cannot make the folder '.*new' .Permission denied",
                "hidden/curves.nc": "cannot write in '.*hidden' .Permission denied",
                "hidden/new/curves.nc": "cannot make the folder '.*new' .Permission denied",
                "open/kept.nc": "kept.nc' is read-only",
            }.items():
                with pytest.raises(FechnerError, match=message):
                    results.writable(folder / name)
        assert [p.name for p in kept.parent.iterdir()] == ["kept.nc"]


def test_processes_do_not_trip_over_each_other(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "curves.nc"
    with ThreadPoolExecutor(2) as both:
        list(both.map(results.writable, [path] * 1000))
    assert not list(tmp_path.iterdir())


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import xarray as xr
import fechner
from fechner import FechnerError, circular, results
from fechner.paper import claim as claims
from fechner.plot import style

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, resource.RLIM_INFINITY))
folder = Path(sys.argv[1])
data = xr.Dataset({"a": ("x", [1.0] * 10_000)}, attrs=results.provenance("part"))
claim = claims.Claim("a" * 30_000, "", "", "", 1, (0, 2), "holds")
for write, what, name in (
    (results.save, data, "curves.nc"),
    (results.save, data, "new.nc"),
    (claims.write, claims.Findings([claim], []), "claims.json"),
    (lambda what, path: style.write(what, path, ("png",)), style.new_figure(9, 9), "figure.png"),
):
    try:
        write(what, folder / name)
    except FechnerError as e:
        print(e)
"""


def test_a_full_disk(tmp_path: Path) -> None:
    data = xr.Dataset({"a": ("x", [1.0, 2.0])}, attrs=results.provenance("part"))
    results.save(data, tmp_path / "curves.nc")
    # In a process of its own, which HDF5 would end.
    words = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    names = {"curves.nc": "; what it held before is kept", "new.nc": "", "claims.json": "", "figure.png": ""}
    assert told == [
        f"cannot write '{tmp_path / name}' (File too large){kept}; make room or choose another output"
        for name, kept in names.items()
    ]
    assert [p.name for p in tmp_path.iterdir()] == ["curves.nc"]
    assert results.read(tmp_path / "curves.nc").a.values.tolist() == [1, 2]


def test_layout_is_checked(tmp_path: Path) -> None:
    angle = ("orientation", [0.0, 90.0], {"units": "degree"})
    names = ("density", "density_low", "density_high")
    attributes = results.provenance("density") | {"along": "orientation"}
    whole = xr.Dataset(dict.fromkeys(names, ("orientation", [1 / 180, 1 / 180])), {"orientation": angle}, attributes)
    results.check(whole)
    assert results.read(results.save(whole, tmp_path / "whole.nc")).identical(whole)
    for changed, message in (
        (whole.drop_vars("density_low"), "incomplete.*'density_low'"),
        (whole.drop_attrs(deep=False).assign_attrs(fechner_version="0.0.1", command="fechner statistics x"), "fechner 0.0.1 in an older layout.*make it again: fechner statistics x"),
        (whole.assign_attrs(layout=results.LAYOUT + 1), "newer than this one; upgrade"),
        (whole.assign_attrs(kind="telepathy"), "newer than this one"),
        (whole.assign_attrs(along=""), "no attribute along"),
        (whole.assign_attrs(along="hue"), "no values along 'hue'"),
        (whole.isel(orientation=slice(0)), "no values along 'orientation'"),
        (whole.assign_coords(orientation=[0.0, 90.0]), "'orientation' has no units"),
    ):  # fmt: skip
        path = results.save(changed, tmp_path / "changed.nc")
        with pytest.raises(FechnerError, match=message) as caught:
            results.read(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_truncated(tmp_path: Path) -> None:
    path = results.save(xr.Dataset({"a": ("x", [1.0] * 1000)}, attrs=results.provenance("part")), tmp_path / "a.nc")
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(FechnerError, match="damaged"):
        results.read(path)


def test_names_joined_to_those_of_a_file_are_whole(tmp_path: Path) -> None:
    short = xr.Dataset({"a": ("layer", [1.0])}, {"layer": ["fc"]}, results.provenance("part"))
    short = results.read(results.save(short, tmp_path / "short.nc"))
    both = xr.concat([short, short.assign_coords(layer=["features.12"])], "layer")
    assert results.read(results.save(both, tmp_path / "both.nc")).layer.values.tolist() == ["fc", "features.12"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, ""),
        (Path("a/b"), "a/b"),
        ({"a": 1, "b": Path("c"), "d": None}, '{"a": 1, "b": "c", "d": null}'),
        (True, 1),
        ([1, "a"], '[1, "a"]'),
        ({3, 1}, "[1, 3]"),
        ((), "[]"),
        (datetime.date(2020, 1, 2), "2020-01-02"),
        (torch.float64, "torch.float64"),
        (10**30, str(10**30)),
        ("latin-1: \udcff, and \0", "latin-1: \\udcff, and \\0"),
        (0.5, 0.5),
    ],
)
def test_attributes_that_netcdf_does_not_know(given: object, kept: object, tmp_path: Path) -> None:
    data = xr.Dataset({"a": ("x", [1.0], {"odd": given})}, attrs=results.provenance("part") | {"odd": given})
    found = results.read(results.save(data, tmp_path / "a.nc"))
    assert found.attrs["odd"] == kept
    assert found.a.attrs["odd"] == kept


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (xr.Dataset({"a": ("x", [{}])}), "cannot be saved as NetCDF: unable to infer dtype on variable 'a'"),
        (xr.Dataset({"a/b": 1}), "cannot be saved as NetCDF: Forward slashes"),
        (xr.Dataset({"a": ("x", [1.0], {"_FillValue": 1.0})}), "'_FillValue' of 'a' a meaning of its own; rename it"),
        (xr.Dataset({"a": ("x", [1.0], {"scale_factor": 2})}), "'scale_factor' of 'a' a meaning of its own"),
        (xr.DataArray([1.0]), "dataset must be a Dataset or a DataTree, got DataArray"),
        ("a.nc", "dataset must be a Dataset or a DataTree, got .a.nc."),
    ],
)
def test_what_cannot_be_saved(given: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(FechnerError, match=message):
        results.save(given, tmp_path / "a.nc")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_every_byte_counts(tmp_path: Path) -> None:
    """A byte that flips on the disk is found before HDF5 trips over it, which may hang or print a traceback."""
    data = xr.Dataset({"a": ("layer", np.arange(50.0))}, {"layer": [f"l{i}" for i in range(50)]})
    path = results.save(data.assign_attrs(results.provenance("part")), tmp_path / "a.nc")
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in [*rng.integers(0, len(good) - 47, 200).tolist(), len(good) - 1]:
        path.write_bytes(good[:place] + bytes([good[place] ^ 1 << int(rng.integers(8))]) + good[place + 1 :])
        with pytest.raises(FechnerError, match="is damaged"):
            results.read(path)
    path.write_bytes(good)
    # What another program changes is no damage, and HDF5 drops the checksum.
    with h5py.File(path, "a") as file:
        file.attrs["mine"] = "new"
    assert results.read(path).attrs["mine"] == "new"


def test_damage_to_what_has_no_checksum_leaves_nothing_on_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    xr.Dataset({"a": ("x", np.arange(50.0))}, attrs=results.provenance("part")).to_netcdf(path, engine="h5netcdf")
    good = path.read_bytes()
    refused = 0
    for length in np.linspace(1, len(good) - 1, 12).astype(int):
        for damaged in (good[:length], good[:length] + bytes([good[length] ^ 255]) + good[length + 1 :]):
            path.write_bytes(damaged)
            try:
                results.read(path)
            except FechnerError:
                refused += 1
    # What is only said while objects are cleared away would fail this test.
    gc.collect()
    assert 12 <= refused <= 24


def test_netcdf_3_is_read_and_its_newest_form_is_named(tmp_path: Path) -> None:
    data = xr.Dataset({"a": ("layer", [1.0, 2.0])}, {"layer": ["x", "yz"]}, results.provenance("part"))
    data.to_netcdf(tmp_path / "three.nc", engine="scipy")
    assert results.read(tmp_path / "three.nc").equals(data)
    (tmp_path / "five.nc").write_bytes(b"CDF\5" + bytes(100))
    with pytest.raises(FechnerError, match="CDF-5 format; convert it with nccopy -k nc4"):
        results.read(tmp_path / "five.nc")


def test_units_of_time_are_units(tmp_path: Path) -> None:
    data = xr.Dataset(coords={"duration": ("duration", [1.0, 2.0], {"units": "seconds"})})
    data = data.assign_attrs(results.provenance("part"))
    assert results.read(results.save(data, tmp_path / "a.nc")).identical(data)


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", '"{}"', "[" * 100_000, "\xff"])
def test_one_reader_of_json(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(FechnerError, match="a.json' is damaged .*; delete it") as caught:
        results.read_json(tmp_path / "a.json", dict, "delete it")
    assert "\n" not in str(caught.value)
    with pytest.raises(FechnerError, match="cannot read '.*b.json' .No such file.*; delete it"):
        results.read_json(tmp_path / "b.json", dict, "delete it")

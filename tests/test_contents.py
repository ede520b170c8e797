"""What a result cannot hold is refused by every reader in one line, which names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import fechner
import fechner.paper
from fechner import FechnerError, circular, contents, results
from fechner.errors import FechnerWarning
from fechner.learning import Exposure
from fechner.page import report
from fechner.stimuli import Gabor, parameters
from fechner.training.resampling import target

GRID = ("orientation", circular.grid(12, 180.0), {"units": "degree", "convention": circular.BARS})


def curves() -> xr.Dataset:
    """Two layers over pixels, three nuisance values."""
    samples = np.random.default_rng(0).uniform(1, 2, (3, 12, 3))
    mean = samples.mean(-1)
    root = np.sqrt(mean)
    variables = {
        "fisher_information": (("layer", "orientation"), mean),
        "fisher_information_samples": (("layer", "orientation", "phase"), samples),
        "relative_sensitivity": (("layer", "orientation"), root / root.mean(-1, keepdims=True)),
    }
    coordinates = {"layer": ["input", "a", "b"], "orientation": GRID, "depth": ("layer", [0.0, 0.5, 1.0])}
    return xr.Dataset(variables, coordinates, results.provenance("sensitivity") | {"along": "orientation"})


def prior() -> xr.Dataset:
    """A density with its interval, and without each of two photographs."""
    density = circular.normalize(np.arange(12) + 1.0, 180)
    variables = dict.fromkeys(("density", "density_low", "density_high"), ("orientation", density))
    variables["density_jackknife"] = (("group", "orientation"), np.stack([density, density[::-1]]))
    attributes = results.provenance("density") | {"along": "orientation", "photographs": 3}
    return xr.Dataset(variables, {"orientation": GRID}, attributes)


def changed(dataset: xr.Dataset, name: str, value: object, at: int | None = None) -> xr.Dataset:
    """A copy with one value of a variable replaced, or all."""
    made = dataset.copy(deep=True)
    if at is None:
        found = made[name]
        made[name] = (found.dims, np.full(found.shape, value), found.attrs)
    else:
        made[name].values.flat[at] = value
    return made


def exposed(density: xr.Dataset) -> None:
    Exposure(3, density).check("orientation", parameters(Gabor())["orientation"], 12)


CURVES: list[tuple[str, Callable[[xr.Dataset], xr.Dataset], str]] = [
    ("negative", lambda d: changed(d, "fisher_information", -1.0, 14), "'fisher_information' must be at least 0.* got -1 at layer a, orientation 30"),
    ("negative samples", lambda d: changed(d, "fisher_information_samples", -2.0, 0), "'fisher_information_samples' must be at least 0"),
    ("text", lambda d: changed(d, "fisher_information", "no"), "'fisher_information' must hold real numbers"),
    ("complex", lambda d: changed(d, "fisher_information", 1j), "'fisher_information' must hold real numbers, got complex128"),
    ("values are text", lambda d: d.assign_coords(orientation=("orientation", ["x"] * 12, {"units": "degree"})), "'orientation' must hold finite numbers"),
    ("a value is NaN", lambda d: d.assign_coords(orientation=("orientation", [np.nan, *GRID[1][1:]], {"units": "degree"})), "'orientation' must hold finite numbers"),
    ("no values", lambda d: d.drop_vars("orientation"), "no coordinate 'orientation'"),
    ("names are numbers", lambda d: d.assign_coords(layer=[1, 2, 3]), "names of the layers"),
    ("no names", lambda d: d.drop_vars("layer"), "names of the layers"),
    ("one layer", lambda d: d.isel(layer=0), r"keep (the dimension|it), as in .isel\(layer=\[0\]\)"),
    ("no layers", lambda d: d.isel(layer=[]), "no values along 'layer'|is empty"),
]  # fmt: skip
DENSITIES: list[tuple[str, Callable[[xr.Dataset], xr.Dataset], str]] = [
    ("NaN", lambda d: changed(d, "density", np.nan, 5), "must be finite, got nan at orientation 75"),
    ("infinite", lambda d: changed(d, "density", np.inf, 5), "must be finite, got inf at orientation 75"),
    ("negative", lambda d: changed(d, "density", -0.1, 5), "'density' must be at least 0.* got -0.1 at orientation 75"),
    ("zero", lambda d: changed(d, "density", 0.0), "the density of orientation is zero everywhere"),
    ("integral", lambda d: changed(d, "density", 2 / 180), "the density of orientation must integrate to 1, got 2; divide it by that"),
    ("text", lambda d: changed(d, "density", "no"), "'density' must hold real numbers"),
    ("half of the circle", lambda d: d.isel(orientation=slice(0, 6)), r"even grid of \[0, 180\) .* got 6 values from 0 to 75"),
    ("reversed", lambda d: d.isel(orientation=slice(None, None, -1)), "values of orientation must increase"),
    ("two of them", lambda d: xr.concat([d, d], "seed"), r"over orientation alone.*choose one, as in .isel\(seed=0\)"),
]  # fmt: skip


def in_one_line(message: str, run: Callable[[], object]) -> None:
    with pytest.raises(FechnerError, match=message) as caught:
        run()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("change", "message"), [c[1:] for c in CURVES], ids=[c[0] for c in CURVES])
def test_curves(change: Callable[[xr.Dataset], xr.Dataset], message: str, tmp_path: Path) -> None:
    bad = change(curves())
    in_one_line(message, lambda: fechner.draw(bad))
    in_one_line(message, lambda: fechner.compare(bad, prior()))
    in_one_line(message, lambda: fechner.difference(curves(), bad))
    path = results.save(bad, tmp_path / "bad.nc")
    in_one_line(message, lambda: report([path], tmp_path / "page.html"))
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(("change", "message"), [c[1:] for c in DENSITIES], ids=[c[0] for c in DENSITIES])
def test_densities(change: Callable[[xr.Dataset], xr.Dataset], message: str, tmp_path: Path) -> None:
    bad = change(prior())
    in_one_line(message, lambda: fechner.draw(bad))
    in_one_line(message, lambda: fechner.compare(curves(), bad))
    in_one_line(message, lambda: target(bad, "orientation"))
    in_one_line(message, lambda: exposed(bad))
    in_one_line(message, lambda: results.read(results.save(bad, tmp_path / "bad.nc")))


def test_whole_results_pass() -> None:
    contents.check(prior())
    contents.check(curves())


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"layout": "one"}, "attribute layout must be a whole number, got 'one'"),
        ({"layout": 1.5}, "attribute layout must be a whole number"),
        ({"layout": np.ones(2)}, "attribute layout must be a whole number"),
        ({"kind": "figure", "figure": "fig2"}, "a figure is a DataTree: use the whole tree, or make it again"),
        ({"along": "hue"}, "no values along 'hue'"),
        ({"along": 7}, "no values along '7'"),
        ({"kind": "components"}, "holds 'variance', and this one does not"),
        ({"kind": "training"}, "holds 'validation_accuracy', and this one does not"),
    ],
)
def test_attributes(attributes: dict[str, object], message: str, tmp_path: Path) -> None:
    bad = curves().assign_attrs(attributes)
    in_one_line(message, lambda: fechner.draw(bad))
    path = results.save(bad, tmp_path / "bad.nc")
    in_one_line(message, lambda: report([path], tmp_path / "page.html"))


@pytest.mark.parametrize(
    ("attributes", "node", "message"),
    [
        (
            {"kind": "sensitivity"},
            curves(),
            "holds several Datasets, and a result of kind 'sensitivity' is one: choose",
        ),
        ({"kind": ""}, curves(), "in an older layout"),
        (
            {},
            changed(prior(), "density", np.nan, 5),
            "node '/node': is incomplete or damaged: a density must be finite",
        ),
        (
            {},
            changed(curves(), "fisher_information", -1.0, 14).drop_attrs(),
            "node '/node': 'fisher_information' must be",
        ),
        ({"figure": "fig2"}, curves(), "data of kind 'fig2' are incomplete or damaged .*make them again"),
        ({"figure": "fig6"}, curves(), "data of kind 'fig6' are incomplete or damaged .*make them again"),
        ({}, curves(), "unknown figure ''"),
        ({"figure": "fig9"}, curves(), "unknown figure 'fig9'"),
    ],
)
def test_trees(attributes: dict[str, object], node: xr.Dataset, message: str, tmp_path: Path) -> None:
    root = xr.Dataset(attrs=results.provenance("figure") | attributes)
    bad = xr.DataTree.from_dict({"/": root, "node": node})
    in_one_line(message, lambda: fechner.draw(bad))
    path = results.save(bad, tmp_path / "bad.nc")
    in_one_line(message, lambda: report([path], tmp_path / "page.html"))


@pytest.mark.parametrize("stimulus", ["no JSON", "[1]", "1.5", 7, np.ones(2)])
def test_settings_that_are_none(stimulus: object) -> None:
    bad = curves().assign_attrs(stimulus=stimulus)
    in_one_line("attribute stimulus is damaged", lambda: fechner.compare(bad, prior()))


def test_what_is_not_known_of_a_layer_is_said_and_the_others_are_compared() -> None:
    whole = fechner.compare(curves(), prior())
    for at in (np.nan, np.inf):
        found = fechner.compare(changed(curves(), "fisher_information", at, 14), prior())
        assert contents.fields(found.attrs, "left_out") == {"a": f"its Fisher information is {at} at orientation 30"}
        one = found.sel(layer="a")
        for name in ("correlation", "null_p", "exponent", "ratio", "correlation_low", "correlation_over_input"):
            assert np.isnan(one[name]).all(), name
        kept = [n for n in found.data_vars if n != "relative_sensitivity"]
        assert found[kept].sel(layer=["input", "b"]).equals(whole[kept].sel(layer=["input", "b"]))
        fechner.draw(found)
    assert contents.fields(whole.attrs, "left_out") == {}


def test_a_shift_that_is_not_known_is_not_zero() -> None:
    for bad in (
        changed(curves(), "fisher_information", np.nan, 14),
        curves().where(curves().layer != "a", 0.0),
    ):
        found = fechner.difference(bad.assign_attrs(curves().attrs), curves())
        assert np.isnan(found["shift"].sel(layer="a"))
        assert np.isnan(found.aligned.sel(layer="a"))
        assert np.isfinite(found.aligned.sel(layer="b"))


def test_an_extra_dimension_is_chosen_or_averaged_as_the_error_says() -> None:
    both = xr.concat([curves(), curves()], "seed")
    for run in (
        lambda c: fechner.compare(c, prior()),
        lambda c: fechner.difference(c, curves()),
    ):
        in_one_line(r"has the dimension 'seed' too: choose one of 2, as in .isel\(seed=-1\)", lambda: run(both))
        run(both.isel(seed=-1))
        run(both.mean("seed", keep_attrs=True))


def test_marks_are_checked_and_may_be_averaged(tmp_path: Path) -> None:
    marks = {
        "uncertain": (("layer", "orientation"), np.zeros((3, 12), bool)),
        "resolved": ("layer", [True, True, False]),
    }
    good = curves().assign(marks)
    assert contents.unresolved(good) == {"b": "the grid of orientation does not resolve its curve"}
    contents.check(results.read(results.save(good, tmp_path / "good.nc")))
    both = xr.concat([good, good.assign(resolved=("layer", [True, False, False]))], "seed")
    assert set(contents.unresolved(both.mean("seed", keep_attrs=True))) == {"a", "b"}
    bad = good.assign(uncertain=(("layer", "orientation"), np.full((3, 12), 2)))
    in_one_line("'uncertain' must be from 0 to 1", lambda: contents.check(bad))
    in_one_line("'uncertain' must be from 0 to 1", lambda: fechner.draw(bad))
    flat = good.assign(uncertain=("orientation", np.zeros(12, bool)))
    in_one_line("'uncertain' has no dimension 'layer'", lambda: fechner.compare(flat, prior()))
    with pytest.warns(FechnerWarning, match="does not resolve the curves of b"):
        noted = fechner.difference(good, curves())
    assert noted.notes == "the grid of orientation does not resolve the curves of b"

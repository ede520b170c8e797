"""The report: everything in one file, from any results; nothing is written for bad ones."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import fechner
from fechner import Draws, FechnerError, results
from fechner.errors import printable
from fechner.page import report
from fechner.page.chart import chart as charted
from fechner.page.explore import charts

EMBEDDED = r'<script type="application/json">(.*?)</script>'
KEPT = Path(__file__).parents[2] / "trainings"


@pytest.fixture(scope="module")
def curves() -> xr.Dataset:
    network = fechner.load("resnet18_small", "init")
    return fechner.sensitivity(network, fechner.Gabor(size=32), values=12, average={"phase": Draws(4)}, progress=False)


@pytest.fixture(scope="module")
def prior() -> xr.Dataset:
    return fechner.image_statistics("scikit-image", feature="orientation", values=36, progress=False)


def embedded(page: Path) -> list[dict]:
    """The figures of a page, as plotly is handed them."""
    return [json.loads(text) for text in re.findall(EMBEDDED, page.read_text(), re.DOTALL)]


def references(figure: dict) -> list[dict]:
    """The traces that stay, whichever curve is chosen."""
    return [trace for trace in figure["data"] if "meta" not in trace]


def test_curves_stand_over_the_density_and_human_data(tmp_path: Path, curves: xr.Dataset, prior: xr.Dataset) -> None:
    results.save(curves, tmp_path / "curves.nc")
    results.save(prior, tmp_path / "prior.nc")
    page = report([tmp_path], tmp_path / "page.html", title="Mine <b>")
    text = page.read_text()
    assert "Mine &lt;b&gt;" in text
    assert "<b>" not in text.split("<main")[0]
    (figure,) = embedded(page)
    assert [r["name"] for r in references(figure)] == ["density in 9 photographs", "analytic prior (formula)"]
    assert "0.3–0.5 degree" in text
    layer = curves.layer.values.tolist().index("layer2")
    shown = figure["layout"]["meta"]["curves"][layer]
    assert shown["key"][-1] == "layer2"
    assert np.allclose(shown["y"], curves.relative_sensitivity[layer], rtol=1e-3)
    half = 1.96 * curves.relative_sensitivity_se[layer].values
    assert np.allclose(np.subtract(shown["high"], shown["y"]), half, rtol=0.02, atol=2e-3)
    density = prior.density.values
    # The line of a circle goes on to its first value.
    assert np.allclose(references(figure)[0]["y"], np.append(density, density[0]) / density.mean(), rtol=1e-3)
    # Nothing but links to the results leads out of the page.
    body = re.sub(EMBEDDED, "", text.split("<script>")[0])
    assert set(re.findall(r'<a href="([^"#]*)"', body)) - {""} == {"curves.nc", "prior.nc"}
    assert not re.findall(r'(?:src|href)="https?:', body)
    assert [p.name for p in tmp_path.iterdir() if "part" in p.name] == []


def test_trainings_are_stepped_through(tmp_path: Path) -> None:
    page = report([KEPT / "resnet-45-0.nc", KEPT / "resnet-hue90-0.nc"], tmp_path / "page.html")
    turned, hue = embedded(page)
    kept = results.read(KEPT / "resnet-45-0.nc")
    meta = turned["layout"]["meta"]
    assert meta["step"] == "epoch"
    assert meta["curves"][0]["steps"] == kept.epoch.values.tolist()
    assert len(meta["curves"][0]["y"]) == kept.sizes["epoch"]
    assert hue["layout"]["meta"]["axes"][0] == hue["layout"]["xaxis"]["title"]["text"] == "hue (degree)"


def test_learning_labels_is_stepped_through() -> None:
    from fechner.learning import Exposure, Perceptron, Task, learn_labels, sinusoidal

    learned = learn_labels(
        Perceptron((8,)), Exposure(6, sinusoidal(90)), Task(classes=12), 3, seeds=2, batch=16, progress=False
    )
    (chart,) = charts(learned)
    hidden = next(c for c in chart.figure.layout.meta["curves"] if c["key"] == ("relu1",))
    expected = learned.relative_sensitivity.sel(layer="relu1").mean("seed").transpose("step", "orientation")
    assert np.allclose(hidden["y"], expected, rtol=1e-3)
    assert chart.figure.data[-1].name == "density shown"


def test_bad_input(tmp_path: Path, curves: xr.Dataset) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "text.nc").write_text("no")
    results.save(curves, tmp_path / "curves.nc")
    out = tmp_path / "page.html"
    for found, to, message in (
        ([], out, "nothing to report"),
        ([empty], out, "nothing to report"),
        ([tmp_path / "gone"], out, "no result file or folder"),
        ([tmp_path / "curves.nc", tmp_path / "text.nc"], out, "damaged"),
        ([tmp_path / "curves.nc"], tmp_path / "page.pdf", "must end in .html"),
        ([tmp_path / "curves.nc"], empty, "is a folder"),
    ):
        with pytest.raises(FechnerError, match=message):
            report(found, to)
    assert not out.exists()


NAMES = ["<!--<script>", "</script><b>", "<a href='https://x.y'>l</a>", "$a_b$", "\x1b[31m", "&lt;"]


def test_names_are_text_and_no_two_elements_share_an_id(tmp_path: Path, curves: xr.Dataset) -> None:
    odd = curves.isel(layer=slice(0, 7)).assign_coords(layer=["input", *NAMES]).assign_attrs(network="<i>$n$\udcff")
    stems = ("charts", "claims", "main", "a.b", "a-b", "\udcff")
    for stem in stems:
        results.save(odd, tmp_path / f"{stem}.nc")
    page = report([tmp_path], tmp_path / "page.html")
    shown = embedded(page)
    assert len(shown) == len(stems)
    # What cannot be shown is spelled out, and plotly takes no part of a name for a tag, a link or an entity.
    names = ["input", *map(printable, NAMES)]
    assert [c["key"][-1] for c in shown[0]["layout"]["meta"]["curves"]] == names
    assert [html.unescape(c["label"]) for c in shown[0]["layout"]["meta"]["curves"]] == names
    assert not any("<" in c["label"] for c in shown[0]["layout"]["meta"]["curves"])
    text = page.read_text()
    body = re.sub(EMBEDDED, "", text.split("<script>")[0], flags=re.DOTALL)
    assert "&lt;i&gt;$n$\\udcff" in body
    assert "<i>" not in body
    assert "\x1b" not in body
    ids = re.findall(r' id="([^"]*)"', body)
    assert len(ids) == len(set(ids)) > 2 * len(stems)
    # Links within the page lead somewhere.
    assert set(re.findall(r'href="#([^"]*)"', body)) <= set(ids)
    # Nothing but the end of a figure ends its element, and nothing in it begins another.
    assert not any("<" in figure for figure in re.findall(EMBEDDED, text, re.DOTALL))


def test_curves_of_several_seeds_are_chosen_by_seed(curves: xr.Dataset) -> None:
    (chart,) = charts(xr.concat([curves, curves], "seed"))
    several = chart.figure.layout.meta["curves"]
    assert list(chart.controls) == ["seed", "layer"]
    assert {c["key"][0] for c in several} == {"0", "1"}
    assert len(several) == 2 * curves.sizes["layer"]


def test_a_silent_layer_has_no_curve(curves: xr.Dataset) -> None:
    (chart,) = charts(curves.assign(fisher_information=curves.fisher_information.where(curves.depth > 0, 0.0)))
    figure = json.loads(chart.json)
    silent, other = figure["layout"]["meta"]["curves"][:2]
    assert silent["y"] == [[None] * 12]
    assert silent["tops"][0] > 0
    assert other["y"][0][0] > 0


def test_ticks_of_a_logarithmic_axis_have_their_decade() -> None:
    frequencies = [0.5, 1.0, 2.0, 4.0]
    values = xr.DataArray(
        [frequencies], {"layer": ["a"], "spatial_frequency": frequencies}, ("layer", "spatial_frequency")
    )
    axis = charted("Layers", values, ["layer"]).figure.layout.xaxis
    assert axis.type == "log"
    assert {0.5, 1.0, 2.0, 5.0} <= set(axis.tickvals)


def test_uncertain_values_and_unresolved_layers_are_marked(curves: xr.Dataset) -> None:
    uncertain, resolved = np.zeros(curves.fisher_information.shape, bool), np.ones(curves.sizes["layer"], bool)
    uncertain[2, 3], resolved[4] = True, False
    marks = {"uncertain": (curves.fisher_information.dims, uncertain), "resolved": ("layer", resolved)}
    (chart,) = charts(curves.assign(marks))
    listed = json.loads(chart.json)["layout"]["meta"]["curves"]
    assert [c["dash"] for c in listed] == [["dot" if i == 4 else "solid"] for i in range(len(listed))]
    (points,) = listed[2]["uncertain"]
    assert [i for i, y in enumerate(points) if y is not None] == [3]
    assert points[3] == listed[2]["y"][0][3]
    assert all("uncertain" not in c for i, c in enumerate(listed) if i != 2)
    assert "integration error > 5 %" in [t.get("name") for t in json.loads(chart.json)["data"]]

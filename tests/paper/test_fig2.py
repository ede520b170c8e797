"""Figure 2: claims follow from the numbers, drawing computes nothing, finished parts are not measured again."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

import fechner
from fechner import FechnerError, circular, human
from fechner.interval import jackknife_t, leave_out
from fechner.paper import curves, reproduce, run, states
from fechner.paper import photographs as densities
from fechner.paper.claim import Claim
from fechner.paper.fig2 import claims as fig2_claims
from fechner.paper.fig2 import compute as fig2
from fechner.paper.fig2 import draw as fig2_draw
from fechner.plot import contact_sheet, style
from fechner.statistics import photographs
from fechner.stimuli import STIMULI, parameters, stimulus

TINY = fig2.Profile(("efficientnet_lite0",), values=8, phases=2, seeds=2, checked=("efficientnet_lite0",))


# Parameters that have no effect in a stimulus as it is by default.
IDLE = {"noise-low-pass": {"octaves"}}


def synthetic(ratios: dict[str, float], networks: tuple[str, ...] = curves.MAIN) -> xr.Dataset:
    """Curves with a known cardinal/oblique ratio in late layers, a little different in each network, and none in early ones."""
    rng = np.random.default_rng(1)
    orientation = np.arange(0, 180, 3.0)
    layers = ["input", *[f"blocks.{i}" for i in range(9)]]
    curve = ("layer", "orientation")
    measured = []
    for k, network in enumerate(networks):
        for state, ratio in ratios.items():
            for seed in range(1 if state == "pretrained" else 3):
                root = np.ones((10, 60))
                for i in range(1, 10):
                    strength = ratio ** ((1 + 0.02 * (k - 1)) * max(i - 3, 0) / 6)
                    root[i] = np.where(np.abs(orientation % 90 - 45) > 22.5, strength, 1)
                mean = root**2 * rng.uniform(0.98, 1.02, (10, 60))
                rel = np.sqrt(mean) / np.sqrt(mean).mean(-1, keepdims=True)
                stimuli = ("gabor", "gabor-published") if state == "pretrained" else ("gabor",)
                for name in stimuli:
                    labels = {"network": network, "weights": state, "seed": seed, "stimulus": name}
                    measured.append(
                        xr.Dataset(
                            {
                                "fisher_information": (curve, mean),
                                "relative_sensitivity": (curve, rel),
                                "uncertain": (curve, np.zeros((10, 60))),
                                "resolved": ("layer", np.ones(10, dtype=bool)),
                            },
                            {
                                "layer": layers,
                                "orientation": ("orientation", orientation, {"units": "degree", "period": 180.0}),
                            }
                            | {"depth": ("layer", np.linspace(0, 1, 10))}
                            | {k: ("layer", [v] * 10) for k, v in labels.items()},
                        )
                    )
    return xr.concat(measured, "layer", data_vars="all").assign_attrs(along="orientation")


def as_figure(curves: xr.Dataset) -> xr.DataTree:
    """The data of the figure that has these curves."""
    stimulus = xr.Dataset({"image": (("y", "x"), np.full((4, 4), 0.5)), "derivative": (("y", "x"), np.eye(4))})
    return densities.with_density("fig2", density(), curves=curves, stimulus=stimulus)


def density() -> xr.Dataset:
    """Twice as often within 22.5° of 0° and 90° as elsewhere, from photographs that scatter by a tenth."""
    theta = circular.grid(180, 180.0)
    p = np.where(np.abs(theta % 90 - 45) > 22.5, 2.0, 1.0)
    photographs = p * np.random.default_rng(0).uniform(0, 2, (100, 180))
    without = circular.normalize(leave_out(photographs), 180)
    p = photographs.sum(0)
    low, high = jackknife_t(circular.normalize(p, 180), without, scale="density")
    curves = {"density": circular.normalize(p, 180), "density_low": low, "density_high": high}
    return xr.Dataset(
        {n: ("orientation", c) for n, c in curves.items()} | {"density_jackknife": (("group", "orientation"), without)},
        {"orientation": ("orientation", theta, {"units": "degree", "period": 180.0})},
        {"along": "orientation", "photographs": 100, "images": "made up"},
    )


def judged(data: xr.Dataset) -> dict[str, Claim]:
    """The claims of the figure that has these curves, by their ids without the figure's name."""
    return {c.id.removeprefix("fig2-"): c for c in fig2_claims.claims(as_figure(data))}


def numbers(data: xr.Dataset) -> dict[str, float]:
    """The measurements of the figure that has these curves, likewise."""
    return {m.id.removeprefix("fig2-"): m.measured for m in fig2_claims.measurements(as_figure(data))}


def test_claims_recover_a_known_effect_over_networks() -> None:
    data = synthetic({"pretrained": 1.5, "init": 1.0, "shuffled": 1.0})
    claims = judged(data)
    assert [c.verdict for c in claims.values()] == ["holds"] * 6
    assert all("3 networks of the EfficientNet-Lite family" in c.criterion for c in claims.values())
    assert claims["late-pretrained"].measured == pytest.approx(1.5 ** (5 / 6), rel=0.01)
    assert claims["late-init"].measured == pytest.approx(1, abs=0.01)
    measurements = numbers(data)
    assert measurements["late-pretrained-all-values"] == pytest.approx(claims["late-pretrained"].measured)
    for network in curves.MAIN:
        assert measurements[f"{network}-depth"] > 0.8
        assert measurements[f"{network}-mirror"] == pytest.approx(0, abs=0.05)
        assert measurements[f"{network}-late-shuffled"] == pytest.approx(1, abs=0.01)
    json.dumps([asdict(c) for c in claims.values()])


def test_a_control_fails_the_claims() -> None:
    """Networks whose late layers prefer obliques after training, and cardinals before."""
    verdicts = {id_: c.verdict for id_, c in judged(synthetic({"pretrained": 0.7, "init": 1.4})).items()}
    assert verdicts.pop("follows-over-early") == "does not hold"
    assert set(verdicts.values()) == {"does not hold"}


def test_training_that_changes_nothing_has_no_gain() -> None:
    data = synthetic({"pretrained": 1.5, "init": 1.5})
    rng = np.random.default_rng(0)
    curve = rng.uniform(1, 2, data.sizes["orientation"])
    # Before training, the same curves were measured at every second value, and other values and layers are marked.
    initial = data.weights == "init"
    data["fisher_information"] = data.fisher_information * xr.DataArray(curve, dims="orientation")
    coarse = xr.DataArray(np.arange(data.sizes["orientation"]) % 2 > 0, dims="orientation") & initial
    data["fisher_information"] = data.fisher_information.where(~coarse)
    marks = rng.random(data.fisher_information.shape) < 0.2
    data["uncertain"] = (data.fisher_information.dims, marks.astype(float))
    data["resolved"] = data.resolved & ((data.layer != "blocks.8") | initial)
    claims = judged(data)
    for name in ("pretrained-over-init", "follows-over-init"):
        assert claims[name].measured == pytest.approx(1 if name.startswith("pre") else 0, abs=0.01)
        assert claims[name].verdict != "holds"


def test_one_network_decides_nothing() -> None:
    claims = judged(synthetic({"pretrained": 1.5, "init": 1.0}, curves.MAIN[:1]))
    assert {c.verdict for c in claims.values()} == {"undecided"}


def test_sensitivity_at_exact_cardinals_is_measured() -> None:
    data = synthetic({"pretrained": 1.5})
    at = data.orientation.isin([0.0, 90.0])
    data["fisher_information"] = data.fisher_information.where(~at, data.fisher_information / 4)
    assert numbers(data)["efficientnet_lite0-mirror"] == pytest.approx(-1, abs=0.05)


def test_what_is_marked_counts_nowhere() -> None:
    """Wild values and layers that are marked leave claims as they are; a network without late layers is left out."""
    data = synthetic({"pretrained": 1.5, "init": 1.0})
    expected = judged(data)["late-pretrained"]
    wild = (data.orientation == 45) & (data.weights == "pretrained")
    layer = (data.layer == "blocks.8") & (data.weights == "pretrained")
    data["fisher_information"] = data.fisher_information.where(~(wild | layer), 100.0)
    unmarked = judged(data)["late-pretrained"]
    data["uncertain"] = data.uncertain.where(~wild, 1.0)
    data["resolved"] = data.resolved & ~layer
    claim = judged(data)["late-pretrained"]
    assert unmarked.measured < 1 < claim.measured < expected.measured  # without the last layer, which has most
    assert claim.verdict == "holds"
    data["resolved"] = data.resolved & ((data.network != curves.MAIN[1]) | (data.weights == "init"))
    assert "2 networks" in judged(data)["late-pretrained"].criterion
    fig2_draw.draw(as_figure(data))


def test_parts_at_fewer_orientations_are_judged_at_those() -> None:
    data = synthetic({"pretrained": 1.5, "init": 1.0})
    missing = xr.DataArray(np.arange(60) % 3 > 0, dims="orientation") & (data.weights == "init")
    for name in ("fisher_information", "relative_sensitivity", "uncertain"):
        data[name] = data[name].where(~missing)
    assert curves.select(data, weights="init").sizes["orientation"] == 20
    assert {c.verdict for c in judged(data).values()} == {"holds"}
    fig2_draw.draw(as_figure(data))
    # The page draws straight lines between them.
    (chart,) = states.charts(as_figure(data.assign_attrs(kind="sensitivity")))
    assert chart.controls["network"] == curves.MAIN[0]


def test_pooling_controls_are_measured() -> None:
    data = synthetic({"init": 1.3}, ("alexnet",))
    weaker = synthetic({"init": 1.1}, ("alexnet_no_overlap",))
    both = xr.concat([data, weaker], "layer", data_vars="minimal")
    measurements = {m.id: m for m in fig2_claims.measurements(as_figure(both))}
    assert not fig2_claims.claims(as_figure(both))
    assert measurements["fig2-alexnet_no_overlap-init"].interval[0] > 0


@pytest.mark.parametrize("networks", [curves.MAIN, (*curves.MAIN[:1], "resnet18", "alexnet", "vgg11")])
def test_figures_draw_from_the_dataset(networks: tuple[str, ...], tmp_path: Path) -> None:
    data = synthetic({"pretrained": 1.5, "init": 1.0, "shuffled": 0.9}, networks)
    for name, figure in fig2_draw.draw(as_figure(data)).items():
        for path in style.write(figure, tmp_path / name):
            assert path.stat().st_size > 10_000


def test_a_layer_without_sensitivity_is_left_out() -> None:
    data = synthetic({"pretrained": 1.5, "init": 1.0, "shuffled": 1.0})
    dead = (data.layer == "blocks.8") & (data.weights == "init")
    for name, value in (("fisher_information", 0.0), ("relative_sensitivity", np.nan)):
        data[name] = data[name].where(~dead, value)
    assert judged(data)["late-init"].verdict == "holds"
    fig2_draw.draw(as_figure(data))


def test_missing_weights_are_marked(tmp_path: Path) -> None:
    figure = fig2_draw.draw_main(as_figure(synthetic({"init": 1.0, "shuffled": 0.9})))
    texts = [t.get_text() for f in figure.subfigs for a in f.axes for t in a.texts]
    assert "weights\nnot available" in texts


@pytest.mark.slow
def test_reproduce_resumes_and_redraws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fig2.PROFILES, "quick", TINY)
    said: list[str] = []
    stopped = curves.sensitivity

    def interrupted(network, *args, **kw):
        if network.weights == "shuffled":
            raise KeyboardInterrupt
        return stopped(network, *args, layers="blocks.1?", progress=False, **kw)

    monkeypatch.setattr(curves, "sensitivity", interrupted)
    with pytest.raises(KeyboardInterrupt):
        reproduce(["fig2"], "quick", tmp_path, say=said.append)
    kept = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "fig2" / "parts").iterdir()}
    assert len(kept) == 3
    monkeypatch.setattr(
        curves, "sensitivity", lambda n, *a, **kw: stopped(n, *a, layers="blocks.1?", progress=False, **kw)
    )
    data = reproduce(["fig2"], "quick", tmp_path, resume=True, say=said.append)
    assert sum("finished before" in s for s in said) == 3
    for name, time in kept.items():
        assert (tmp_path / "fig2" / "parts" / name).stat().st_mtime_ns == time
    assert {p.name for p in (tmp_path / "fig2").iterdir()} == {
        "parts", "data.nc", "claims.json", "fig2.svg", "fig2.png", "fig2_supplement.svg", "fig2_supplement.png",
    }  # fmt: skip
    claims = json.loads((tmp_path / "fig2" / "claims.json").read_text())["claims"]
    # One network decides nothing.
    assert {c["verdict"] for c in claims} == {"undecided"}
    assert {"id", "figure", "statement", "criterion", "measured", "interval", "verdict"} == set(claims[0])
    assert data["curves"].sizes["orientation"] == 8
    # Other settings are not mistaken for finished parts.
    part = fig2.plan(TINY)[0]
    path = tmp_path / "fig2" / "parts" / part.file
    settings = run.Run("quick", tmp_path / "fig2", resume=True, say=said.append)
    for values, phases, known in ((8, 2, True), (180, 2, False), (8, 10, False)):
        expected = part.expected(curves.Sweep("orientation", values, {"phase": phases}))
        copy = shutil.copy(path, tmp_path / "part.nc")
        result = run.cached(copy, settings, expected, lambda: xr.Dataset({"again": 1}), curves.__name__)
        assert ("again" not in result) == known


@pytest.mark.slow
def test_networks_without_weights_are_left_out_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name, weights, seed):
        if weights != "init":
            raise FechnerError("no internet")
        return fechner.load(name, weights, seed)

    monkeypatch.setattr(curves, "load", load)
    monkeypatch.setitem(fig2.PROFILES, "quick", fig2.Profile(("resnet18",), values=4, phases=2, seeds=2))
    said: list[str] = []
    data = fig2.compute(run.Run("quick", tmp_path / "fig2", say=said.append))["curves"]
    assert json.loads(data.attrs["unavailable"]) == {"resnet18": "no internet"}
    assert set(data.weights.values) == {"init"}
    assert sum("left out" in s for s in said) == 1


@pytest.mark.slow
def test_random_weights_that_overflow_leave_the_other_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name, weights, seed):
        network = fechner.load(name, weights, seed)
        if weights == "shuffled" and seed == 1:
            next(network.parameters()).data.fill_(float("inf"))
        return network

    monkeypatch.setattr(curves, "load", load)
    listed = [curves.Part("efficientnet_lite0", "shuffled", seed, "gabor") for seed in (0, 1, 2)]
    data = curves.measure(listed, curves.Sweep("orientation", 4, {}), run.Run("quick", tmp_path, say=lambda text: None))
    assert set(data.seed.values) == {0, 2}
    assert "returns NaN" in json.loads(data.attrs["unusable"])["efficientnet_lite0-shuffled-1-gabor.nc"]


@pytest.mark.slow
def test_what_changed_is_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    settings = run.Run("quick", tmp_path / "fig2", resume=True, say=said.append)
    file = tmp_path / "mine.pt"
    part, sweep = curves.Part("resnet18_small", str(file), 0, "gabor"), curves.Sweep("orientation", 4, {})
    measured = curves.sensitivity
    monkeypatch.setattr(
        curves, "sensitivity", lambda n, *a, **kw: measured(n, *a, layers="conv1", progress=False, **kw)
    )

    def again() -> bool:
        said.clear()
        curves.measure([part], sweep, settings)
        return not any("finished before" in s for s in said)

    torch.save(fechner.load("resnet18_small", "init", 0).model.state_dict(), file)
    assert [again(), again()] == [True, False]
    torch.save(fechner.load("resnet18_small", "init", 1).model.state_dict(), file)
    assert [again(), again()] == [True, False]
    monkeypatch.setattr(run, "code", lambda module: "of another version")
    assert [again(), again()] == [True, False]


def test_photographs_that_were_added_are_measured(tmp_path: Path) -> None:
    folder = tmp_path / "photographs"
    folder.mkdir()
    settings = run.Run("quick", tmp_path / "out" / "fig2", images=folder, resume=True, say=lambda text: None)
    inside = [Path(p.source) / p.name for p in photographs()]
    counts = []
    for path in inside[:2]:
        shutil.copy(path, folder)
        counts.append(densities.density("hue", settings).attrs["photographs"])
    assert counts == [1, 2]


def test_profiles_measure_what_is_asked_for() -> None:
    quick = fig2.plan(fig2.PROFILES["quick"])
    assert {p.weights for p in quick} == {"pretrained", "init", "shuffled"}
    assert {p.network for p in quick if p.integration_error} == set(curves.MAIN)
    assert fig2.PROFILES["quick"].values >= 36
    assert fig2.PROFILES["quick"].phases >= 20
    assert len({p.file for p in fig2.plan(fig2.PROFILES["paper"])}) == len(fig2.plan(fig2.PROFILES["paper"]))


@pytest.mark.parametrize("name", ["all", *STIMULI])
def test_contact_sheets(name: str, tmp_path: Path) -> None:
    sheet = contact_sheet.of_all() if name == "all" else contact_sheet.of_one(stimulus(name), name)
    (written,) = style.write(sheet, tmp_path / "sheet", ("png",))
    assert written.stat().st_size > 10_000
    shown = np.stack([np.asarray(axes.images[0].get_array()) for axes in sheet.axes])
    rows = shown.reshape(-1, 6, *shown.shape[1:])
    labels = STIMULI if name == "all" else {*parameters(stimulus(name))} - {"pixels_per_degree"} - IDLE.get(name, set())
    assert len(rows) == len(labels)
    assert min(float(np.abs(row - row[0]).max()) for row in rows) > 1e-3


def test_reference_panel_shows_the_cited_numbers() -> None:
    axes = style.new_figure(3, 2).subplots()
    fig2_draw.draw_reference(density(), axes)
    assert human.read("orientation-discrimination").low.values.tolist() == [0.3, 0.6]
    assert {t.get_text() for t in axes.get_legend().get_texts()} >= {"analytic prior (assumed)"}  # type: ignore[union-attr]


def test_unknown_figure() -> None:
    with pytest.raises(FechnerError, match="unknown figure 'fig9'"):
        reproduce(["fig9"])

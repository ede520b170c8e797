"""Figure 6 in small: everything is written, kept and judged; claims follow from the numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from fechner import circular, results
from fechner.learning import Exposure, Flips, Perceptron, Task, learn_labels, sinusoidal
from fechner.paper import reproduce
from fechner.paper.fig6 import claims as fig6_claims
from fechner.paper.fig6 import compute as fig6
from fechner.paper.fig6 import draw as fig6_draw
from fechner.paper.fig6 import draw_rearing as fig6_rearing
from fechner.paper.fig6 import sequels as fig6_sequels
from fechner.paper.run import Run, code

TINY = fig6.Profile((12, 8), 32, 12, 2, 1, 3, fig6_sequels.Sequels(40, 6, (0, 2), 16, (0.8, 1.0), 6))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, xr.DataTree]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(fig6.PROFILES, "quick", TINY)
        out = tmp_path_factory.mktemp("fig6")
        data = reproduce(["fig6"], "quick", out, say=lambda text: None)
        said: list[str] = []
        fig6.compute(Run("quick", out / "fig6", resume=True, say=said.append))
    assert sum("finished before" in s for s in said) == len(fig6.CONDITIONS) + len(fig6_sequels.MAKERS)
    return out / "fig6", data


def test_reproduce_small_and_resume(made: tuple[Path, xr.DataTree]) -> None:
    folder, data = made
    for part in (folder / "parts").iterdir():
        assert results.read(part).attrs["code"] == code("fechner.paper.fig6.compute")
    assert list(data.children) == ["conditions", *fig6_sequels.MAKERS]
    assert data["conditions"].sizes["condition"] == 7
    assert data["conditions"].sizes["seed"] == 2
    assert {p.name for p in folder.iterdir()} == {
        "parts", "data.nc", "claims.json", "fig6.svg", "fig6.png", "fig6_supplement.svg", "fig6_supplement.png",
        "fig6_rearing.svg", "fig6_rearing.png",
    }  # fmt: skip
    written = json.loads((folder / "claims.json").read_text())
    assert [len(written[name]) for name in ("claims", "measurements")] == [7, 11]


def test_conditions_differ_only_in_what_they_say(made: tuple[Path, xr.DataTree]) -> None:
    conditions = made[1]["conditions"].to_dataset()
    data = conditions.isel(exposure=0)
    grid = data.orientation.values
    for name in fig6.CHANNELS:
        assert data.density.sel(condition=f"b-{name}").values == pytest.approx(np.full(60, 1 / 180))
        assert data.density.sel(condition=f"d-{name}").values == pytest.approx(sinusoidal(90.0)(grid))
        assert data.noise.sel(condition=f"b-{name}").equals(
            data.noise.sel(condition=f"d-{name}").assign_coords(condition=f"b-{name}")
        )
    assert (data.noise.sel(condition="c") == 0).all()
    for name in ("erasure", "flips"):
        total = data.density.sel(condition=f"d-{name}") * data.information.sel(condition=f"d-{name}")
        assert float(total.max() / total.min()) == pytest.approx(1, abs=1e-4)
    flips = data.sel(condition="d-flips")
    assert flips.effective_density.values == pytest.approx((flips.density * Flips().signal(flips.noise)).values)
    # Before learning, all conditions are the same networks.
    first = conditions.fisher_information.isel(step=0)
    assert all(np.array_equal(first.sel(condition=c).values, first[0].values) for c in fig6.CONDITIONS)


def test_bursts_come_into_the_published_density() -> None:
    shown: list[list[Exposure]] = []

    def learner(exposures: list[Exposure], snapshots: list[int], **settings: Any) -> xr.Dataset:
        shown.append(exposures)
        task = Task(classes=6, average={"phase": 1})
        return learn_labels(Perceptron((4,)), exposures, task, snapshots, batch=8, seeds=1, progress=False)

    fig6_sequels.burst(learner, fig6_sequels.Sequels(0, 6, (0, 2, 5), 8, (), 0))
    assert [[e.steps for e in one] for one in shown] == [[6], [1, 5], [2, 1, 3], [5, 1]]
    theta = np.arange(180.0)
    published = (2 - np.cos(2 * np.deg2rad(theta))) / (2 * np.pi) * np.pi / 180
    for one in shown:
        for exposure in one:
            density = exposure.density_at(theta)
            inside = (theta >= 15) & (theta < 45)
            expected = np.where(inside, 1 / 30, 0) if exposure.steps == 1 else published
            assert density == pytest.approx(expected)


def test_claims_follow_from_the_numbers(made: tuple[Path, xr.DataTree]) -> None:
    tree = made[1].copy(deep=True)
    data = tree["conditions"].dataset
    grid = data.orientation.values
    favoured = np.where(circular.near(grid, [90.0], 180.0, 45.0), 4.0, 1.0) * np.array([[1.0], [1.1]])
    for condition in fig6.CONDITIONS:
        curve = 1 / favoured if condition.startswith("b") else favoured
        if condition == "d-erasure":
            curve = np.array([[1.0], [1.1]]) * np.ones(60)
        for step in data.step.values[1:]:
            data.fisher_information.loc[{"condition": condition, "step": step, "layer": fig6.LAYER}] = curve
    claims = {c.id: c for c in fig6_claims.claims(tree)}
    assert claims["fig6-b"].measured == claims["fig6-c"].measured == pytest.approx(np.log(2), rel=0.01)
    assert {claims[f"fig6-{name}"].verdict for name in ("b", "c", "d-flips", "d-erasure")} == {"holds"}
    # Equivalence is no lack of evidence: a preference beyond the margin fails it.
    data.fisher_information.loc[{"condition": "d-erasure"}] = data.fisher_information.sel(condition="d-flips").values
    claims = {c.id: c for c in fig6_claims.claims(tree)}
    assert claims["fig6-d-erasure"].verdict == "does not hold"
    measurements = {m.id: m for m in fig6_claims.measurements(tree)}
    assert "is 1.00 × as much" in measurements["fig6-d-erasure-final"].statement


def test_a_switch_that_changes_nothing_is_no_effect_of_the_switch(made: tuple[Path, xr.DataTree]) -> None:
    tree = made[1].copy(deep=True)
    reared = tree["rearing"].dataset
    control = reared.fisher_information.sel(order="A throughout").values
    reared.fisher_information.loc[{"order": "A then B"}] = control
    switch = {c.id: c for c in fig6_claims.claims(tree)}["fig6-switch"]
    # Slopes before and after differ, because learning slows down; the control does so too.
    assert any(s.before != s.after for s in fig6_claims.switch_slopes(tree["rearing"].to_dataset()))
    assert switch.measured == 0
    assert switch.verdict != "holds"
    middle = int(reared.step[-1]) // 2
    before = reared.step.values <= middle
    assert np.array_equal(
        made[1]["rearing"].fisher_information.sel(order="A then B").values[:, before],
        made[1]["rearing"].fisher_information.sel(order="A throughout").values[:, before],
    )


def test_toy_follows_its_closed_form(made: tuple[Path, xr.DataTree]) -> None:
    toy = made[1]["toy"].to_dataset()
    assert float(abs(toy.learned - toy.predicted).max()) < 0.03
    flat, other = (toy.learned.sel(spectrum=s).isel(step=-1) for s in ("flat", "not flat"))
    assert float(flat.std()) < 1e-6
    assert float(other.sel(orientation=90.0) - other.sel(orientation=0.0)) > 0.3


def test_images_of_rearing_are_relative_to_the_mean_over_orientation(made: tuple[Path, xr.DataTree]) -> None:
    reared = made[1]["rearing"].to_dataset().copy(deep=True)
    shape = np.where(circular.near(reared.orientation.values, [90.0], 180.0, 45.0), 9.0, 1.0)
    # Seeds of different scale count alike.
    reared.fisher_information.loc[{"order": "B then A", "layer": fig6.LAYER}] = (
        np.array([1.0, 100.0])[:, None, None] * shape
    )
    image = fig6_rearing.reared_sensitivity(reared, "B then A")
    assert image.dims == ("step", "orientation")
    assert image.values == pytest.approx(np.tile(np.sqrt(shape) / np.sqrt(shape).mean(), (reared.sizes["step"], 1)))


def test_drawing_computes_nothing(made: tuple[Path, xr.DataTree]) -> None:
    figures = fig6_draw.draw(made[1])
    assert set(figures) == {"fig6", "fig6_supplement", "fig6_rearing"}
    # Two orders of rearing, the control and the colour scale.
    assert len(figures["fig6_rearing"].axes) == 4
    # Seven images, each with its profile, two panels of theory, and the colour scale.
    assert len(figures["fig6"].axes) == 17

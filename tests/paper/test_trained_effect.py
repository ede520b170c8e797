"""What mirroring does to late layers, on curves made up with a known preference and a known dip."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from fechner import FechnerError, results
from fechner.paper.run import Run
from fechner.paper.trained import effect
from fechner.paper.trained.claims import claims, measurements
from fechner.paper.trained.compute import compute
from fechner.paper.trained.files import Setup, coordinates, reduced
from fechner.paper.trained.pairs import density, setups, trained_alike

THETA = np.arange(36) * 5.0
LAYERS = ["input", *(f"layer{i}" for i in range(3))]


def curve(octaves: float, dip: float, turned: float) -> xr.DataArray:
    """J whose √ is 2^octaves higher within 20° of 0° and 90° than elsewhere, and 2^dip lower at these; all turned."""
    away = np.abs((THETA - turned + 45) % 90 - 45)
    return xr.DataArray(4.0 ** (octaves * (away <= 20) + dip * (away < 2)), {"orientation": THETA}, ("orientation",))


@given(st.floats(-2, 2), st.floats(-4, 0))
def test_the_effect_beside_the_axes_does_not_see_the_dip(octaves: float, dip: float) -> None:
    upright, rotated = curve(octaves, dip, 0), curve(octaves, dip, 45)
    assert float(effect.moved(upright, rotated, effect.BESIDE)) == pytest.approx(4**octaves)
    assert float(effect.dip(upright, rotated)) == pytest.approx(2**dip)
    around = float(effect.moved(upright, rotated))
    assert around == pytest.approx((2**octaves * (2 + 2**dip) / 3) ** 2)


def training(condition: str, dip: float, seed: int, size: int = 32, mirror: bool = True) -> xr.Dataset:
    """All of a network like `curve` with one octave, but for 5 % of noise."""
    rng = np.random.default_rng([seed, size, condition == "upright", mirror])
    turned = 45.0 if condition == "rotation 45" else 0.0
    samples = curve(1.0, dip, turned).values[:, None, None] * np.exp(0.05 * rng.normal(size=(4, 36, 2, 2)))
    dims = ("layer", "orientation", "phase", "spatial_frequency")
    steps = xr.Dataset(
        {
            "fisher_information": (("step", *dims[:2]), np.stack([samples.mean((2, 3))] * 3)),
            "fisher_information_samples": (("step", *dims), np.stack([np.ones_like(samples), samples, samples])),
            "validation_accuracy": ("epoch_end", [0.8]),
            "validation_loss": ("epoch_end", [0.5]),
            "loss": ("epoch_end", [0.5]),
        },
        {
            "layer": LAYERS,
            "depth": ("layer", np.linspace(0, 1, 4)),
            "orientation": ("orientation", THETA, {"units": "degree", "period": 180.0}),
            "phase": [0.0, 90.0],
            "spatial_frequency": [1.0, 2.0],
            "step": [0, 5, 10],
            "epoch": ("step", [0.0, 0.5, 1.0]),
        },
    )
    recipe = json.dumps({"epochs": 12, "mirror": mirror})
    return steps.assign_attrs(
        results.provenance("training")
        | {
            "along": "orientation",
            "network": "net",
            "condition": condition,
            "seed": seed,
            "size": size,
            "recipe": recipe,
        }
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Trainings as `fechner train` leaves them, each in a folder of its own."""
    for condition in ("upright", "rotation 45"):
        for seed in range(3):
            results.save(training(condition, -2.0, seed), tmp_path / f"{condition}-{seed}" / "training.nc")
            results.save(
                training(condition, 0.0, seed, mirror=False), tmp_path / f"{condition}-{seed}-not" / "training.nc"
            )
        results.save(training(condition, -2.0, 0, 64), tmp_path / f"{condition}-64.nc")
    return Run("quick", tmp_path, trainings=tmp_path, say=lambda text: None)


def test_variants_stay_apart_and_mirroring_is_found_to_be_the_cause_of_the_dip(run: Run) -> None:
    tree = compute(run)
    part = tree["orientation"]
    assert setups(part) == [Setup("net"), Setup("net", size=64), Setup("net", mirrored=False)]
    assert [setup.label for setup in setups(part)] == ["net", "net, 64 pixels", "net, not mirrored"]
    assert trained_alike(part) == [Setup("net")]
    assert [one.id for one in claims(tree)] == ["trained-net-cause"]
    measured = {one.id.removeprefix("trained-"): one for one in measurements(tree)}
    for name in ("net", "net-64-pixels", "net-not-mirrored"):
        assert measured[f"{name}-beside"].measured == pytest.approx(4, rel=0.1)
    low, high = measured["net-dip"].interval
    assert high < 0.3
    low, high = measured["net-not-mirrored-dip"].interval
    assert low < 1 < high
    assert measured["net-not-mirrored-dip"].sampled == "95 % t-interval over 3 pairs of trainings"
    assert measured["net-not-mirrored-cause"].measured == pytest.approx(4, rel=0.1)
    assert measured["net-64-pixels-beside"].sampled == ""


@pytest.mark.parametrize("dimension", ["layer", "spatial_frequency", "epoch"])
def test_the_effect_along_what_it_may_depend_on(run: Run, dimension: str) -> None:
    ratio = effect.moved_along(compute(run)["orientation"], Setup("net"), dimension)
    assert ratio.dims == (dimension,)
    expected = [1, 4] if dimension == "epoch" else np.full(len(ratio), 4)
    assert ratio.values == pytest.approx(np.array(expected), rel=0.1)


def test_what_figures_need_of_a_training_is_taken_once() -> None:
    whole = training("upright", 0.0, 0)
    kept = reduced(whole)
    assert kept.epoch.values.tolist() == [0, 1]
    assert kept.fisher_information_recorded.values == pytest.approx(
        whole.fisher_information_samples[[0, 2]].mean("phase").values, rel=1e-6
    )
    assert reduced(kept).identical(kept)
    found = coordinates(whole.attrs | {"size": 64, "recipe": '{"mirror": false, "epochs": 6}'})
    assert found == Setup("net", False, 64, 6)._asdict() | {"condition": "upright", "seed": 0}
    assert Setup("net", False, 64, 6).label == "net, not mirrored, 64 pixels, 6 epochs"


def test_two_trainings_that_nothing_tells_apart_are_refused(run: Run) -> None:
    results.save(training("upright", 0.0, 1), run.trainings / "again.nc")
    with pytest.raises(FechnerError, match=r"'again' and 'upright-1' are both trainings of net, upright, with seed 1"):
        compute(run)


def test_a_density_is_turned_with_the_images() -> None:
    upright = xr.Dataset(
        {"density": ("orientation", np.arange(36.0), {"units": "1/degree"})},
        {"orientation": ("orientation", THETA, {"units": "degree", "period": 180.0})},
        {"along": "orientation"},
    )
    part = xr.DataTree.from_dict({"density": upright})
    turned = density(part, 45.0)
    assert turned.density.values.tolist() == np.roll(np.arange(36.0), 9).tolist()
    assert turned.orientation.attrs == upright.orientation.attrs
    assert turned.attrs["along"] == "orientation"
    assert density(xr.DataTree(), 45.0) is None

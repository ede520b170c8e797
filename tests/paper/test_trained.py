"""The figure of trained networks, from results made up with a known shift, and from those kept in the repository."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from fechner import FechnerError, results
from fechner.paper import claim, reproduce
from fechner.paper.run import Run
from fechner.paper.trained.claims import claims
from fechner.paper.trained.compute import compute
from fechner.paper.trained.pairs import setups, trainings

KEPT = Path(__file__).parents[2] / "trainings"
THETA = np.arange(36) * 5.0
LAYERS = ["input", *(f"layer{i}" for i in range(6))]


def training(condition: str, shift: float, seed: int, network: str = "net") -> xr.Dataset:
    """Late layers prefer cardinal orientations, turned by `shift`; early ones prefer nothing."""
    rng = np.random.default_rng([seed, int(10 * shift), condition == "upright"])
    strength = np.array([0, 0, 0, 0.1, 0.3, 0.4, 0.4])[:, None, None, None]
    angle = np.deg2rad(THETA - shift)[:, None, None]
    root = 1 + strength * (np.cos(4 * angle) + 0.3 * np.cos(2 * angle)) + 0.02 * rng.normal(size=(7, 36, 4, 2))
    recorded = np.stack([np.ones((7, 36, 2)), root.mean(2), root.mean(2), root.mean(2), root.mean(2)]) ** 2
    dims = ("layer", "orientation", "phase", "spatial_frequency")
    return xr.Dataset(
        {
            "fisher_information": (dims[:2], (root**2).mean((2, 3))),
            "fisher_information_samples": (dims, root**2),
            "fisher_information_recorded": (("epoch", "layer", "orientation", "spatial_frequency"), recorded),
            "validation_accuracy": ("epoch_end", [0.5, 0.8]),
        },
        {
            "layer": LAYERS,
            "depth": ("layer", np.linspace(0, 1, len(LAYERS))),
            "orientation": ("orientation", THETA, {"units": "degree", "period": 180.0}),
            "phase": [0.0, 90.0, 180.0, 270.0],
            "spatial_frequency": [1.0, 2.0],
            "epoch": [0.0, 1.0, 2.0, 3.0, 4.0],
        },
        results.provenance("training")
        | {"along": "orientation", "network": network, "condition": condition, "seed": seed},
    )


def density() -> xr.Dataset:
    """Images hold cardinal orientations more often."""
    curve = ("orientation", (1 + 0.5 * np.cos(np.deg2rad(4 * THETA))) / 180, {"units": "1/degree"})
    grid = ("orientation", THETA, {"units": "degree", "period": 180.0})
    bounds = dict.fromkeys(("density", "density_low", "density_high"), curve)
    return xr.Dataset(bounds, {"orientation": grid}, results.provenance("density") | {"along": "orientation"})


def save(folder: Path, network: str, shifts: dict[str, float], seeds: int) -> None:
    for condition, shift in shifts.items():
        for seed in range(seeds):
            results.save(training(condition, shift, seed, network), folder / f"{network}-{condition}-{seed}.nc")


def test_the_causal_test_finds_what_is_there_and_fails_where_it_is_not(tmp_path: Path) -> None:
    folder, out = tmp_path / "runs", tmp_path / "out"
    save(folder, "resnet18_small", {"upright": 0.0, "rotation 45": 45.0, "rotation 22.5": 22.5}, 3)
    save(folder, "unmoved", {"upright": 0.0, "rotation 45": 0.0}, 3)
    save(folder, "opposite", {"upright": 45.0, "rotation 45": 0.0}, 3)
    save(folder, "single", {"upright": 0.0, "rotation 45": 45.0}, 1)
    results.save(density(), folder / "density.nc")
    tree = reproduce(["trained"], out=out, trainings=folder, say=lambda text: None)
    assert {setup.label for setup in setups(tree["orientation"])} == {"resnet18_small", "unmoved", "opposite", "single"}
    findings = claim.read(out / "trained" / "claims.json")
    judged = {one.id.removeprefix("trained-"): one for one in findings.claims}
    assert {name: one.verdict for name, one in judged.items()} == {
        "resnet18_small-cause": "holds",
        "resnet18_small-shift-45-orientation": "holds",
        "resnet18_small-follows-45-orientation": "holds",
        "unmoved-cause": "undecided",
        "opposite-cause": "does not hold",
        "single-cause": "undecided",
    }
    cardinal = np.isin(THETA % 90, [0, 5, 85])
    root = 1 + 0.4 * (np.cos(np.deg2rad(4 * THETA)) + 0.3 * np.cos(np.deg2rad(2 * THETA)))
    ratio = root[cardinal].mean() / root[np.roll(cardinal, 9)].mean()
    assert judged["resnet18_small-cause"].measured == pytest.approx(ratio**2, rel=0.1)
    assert judged["unmoved-cause"].measured == pytest.approx(1, abs=0.03)
    assert "over 3 pairs of trainings lies above 1" in judged["unmoved-cause"].criterion
    assert "of which a single one has none" in judged["single-cause"].criterion
    measured = {one.id.removeprefix("trained-"): one for one in findings.measurements}
    assert measured["resnet18_small-early"].measured == pytest.approx(1, abs=0.03)
    # Four-fold symmetry apart, a curve that is turned by 22.5° is found there.
    assert measured["resnet18_small-shift-22.5-orientation"].measured == pytest.approx(22.5, abs=1.5)
    assert measured["opposite-follows-45-orientation"].measured < -0.9
    assert measured["single-beside"].sampled == ""
    for name in ("trained", "trained_along", "trained_when"):
        assert (out / "trained" / f"{name}.png").stat().st_size > 10_000


def test_pairs_may_be_measured_at_different_phases(tmp_path: Path) -> None:
    save(tmp_path, "net", {"upright": 0.0, "rotation 45": 45.0}, 2)
    for path in tmp_path.glob("*-1.nc"):
        fewer = results.read(path).load().isel(phase=slice(2))
        results.save(fewer, path)
    tree = compute(Run("quick", tmp_path, trainings=tmp_path, say=lambda text: None))
    assert [one.sizes["phase"] for one in trainings(tree["orientation"])] == [4, 2, 4, 2]
    assert claims(tree)[0].verdict != "does not hold"


def test_curves_that_were_not_recorded_along_training_are_drawn_and_judged(tmp_path: Path) -> None:
    for condition, shift in (("upright", 0.0), ("rotation 45", 45.0)):
        one = training(condition, shift, 0)[["fisher_information", "fisher_information_samples"]]
        results.save(one.assign_attrs(kind="sensitivity"), tmp_path / "runs" / f"{condition}.nc")
    reproduce(["trained"], out=tmp_path / "out", trainings=tmp_path / "runs", say=lambda text: None)
    findings = claim.read(tmp_path / "out" / "trained" / "claims.json")
    assert [one.id for one in findings.claims] == ["trained-net-cause"]
    assert {p.name for p in (tmp_path / "out" / "trained").glob("*.png")} == {"trained.png", "trained_when.png"}


def test_without_trainings_all_leaves_it_out_and_asking_for_it_says_why(tmp_path: Path) -> None:
    with pytest.raises(FechnerError, match="no results of trainings in"):
        reproduce(["trained"], out=tmp_path / "out", trainings=tmp_path, say=lambda text: None)


def test_results_kept_in_the_repository(tmp_path: Path) -> None:
    tree = reproduce(["trained"], out=tmp_path, trainings=KEPT, say=lambda text: None)
    assert "resnet18_small" in [setup.label for setup in setups(tree["orientation"])]
    assert sum(p.stat().st_size for p in KEPT.glob("*.nc")) < 4e6
    for training in (*trainings(tree["orientation"]), *trainings(tree["hue"])):
        assert "/" not in training.attrs["command"].replace("/last.ckpt", "")

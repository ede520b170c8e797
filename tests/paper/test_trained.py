"""The figure of trained networks, from results made up with a known shift, and from those kept in the repository."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from fechner import FechnerError, results
from fechner.paper import reproduce
from fechner.paper.trained.pairs import setups, trainings

KEPT = Path(__file__).parents[2] / "trainings"
THETA = np.arange(36) * 5.0
LAYERS = ["input", *(f"layer{i}" for i in range(6))]


def training(condition: str, shift: float, seed: int) -> xr.Dataset:
    """Late layers prefer cardinal orientations, turned by `shift`; early ones prefer nothing."""
    rng = np.random.default_rng([seed, int(10 * shift)])
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
        | {"along": "orientation", "network": "net", "condition": condition, "seed": seed},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for condition, shift in (("upright", 0.0), ("rotation 45", 45.0), ("rotation 22.5", 22.5)):
        for seed in range(3):
            results.save(training(condition, shift, seed), tmp_path / "runs" / f"{condition}-{seed}.nc")
    return tmp_path / "runs"


def test_claims_find_the_effect_that_is_there(folder: Path, tmp_path: Path) -> None:
    tree = reproduce(["trained"], out=tmp_path / "out", trainings=folder, say=lambda text: None)
    assert [setup.label for setup in setups(tree["orientation"])] == ["net"]
    found = {c["id"]: c for c in json.loads((tmp_path / "out" / "trained" / "claims.json").read_text())}
    for name in ("cardinal", "oblique", "late", "output", "late-1", "late-2", "late-epoch-1", "shift-45-orientation"):
        assert found[f"trained-net-{name}"]["holds"], found[f"trained-net-{name}"]
    # Four-fold symmetry apart, a curve that is turned by 22.5° is found there.
    assert found["trained-net-shift-22.5-orientation"]["measured"] == pytest.approx(22.5, abs=1.5)
    assert not found["trained-net-early"]["holds"]
    assert found["trained-net-early"]["measured"] == pytest.approx(0, abs=0.03)
    for name in ("trained", "trained_along"):
        assert (tmp_path / "out" / "trained" / f"{name}.png").stat().st_size > 10_000


def test_curves_that_were_not_recorded_along_training_are_drawn_and_judged(tmp_path: Path) -> None:
    for network in ("net", "measured"):
        for condition, shift in (("upright", 0.0), ("rotation 45", 45.0)):
            one = training(condition, shift, 0).assign_attrs(network=network)
            if network == "measured":
                one = one[["fisher_information", "fisher_information_samples"]].assign_attrs(kind="sensitivity")
            results.save(one, tmp_path / "runs" / f"{network}-{condition}.nc")
    tree = reproduce(["trained"], out=tmp_path / "out", trainings=tmp_path / "runs", say=lambda text: None)
    assert [setup.label for setup in setups(tree["orientation"])] == ["measured", "net"]
    found = {c["id"] for c in json.loads((tmp_path / "out" / "trained" / "claims.json").read_text())}
    assert "trained-measured-beside" in found
    assert "trained-measured-shift-45-orientation" in found


def test_without_trainings_all_leaves_it_out_and_asking_for_it_says_why(tmp_path: Path) -> None:
    with pytest.raises(FechnerError, match="no results of trainings in"):
        reproduce(["trained"], out=tmp_path / "out", trainings=tmp_path, say=lambda text: None)


def test_results_kept_in_the_repository(tmp_path: Path) -> None:
    tree = reproduce(["trained"], out=tmp_path, trainings=KEPT, say=lambda text: None)
    assert "resnet18_small" in [setup.label for setup in setups(tree["orientation"])]
    assert sum(p.stat().st_size for p in KEPT.glob("*.nc")) < 4e6
    for training in (*trainings(tree["orientation"]), *trainings(tree["hue"])):
        assert "/" not in training.attrs["command"].replace("/last.ckpt", "")

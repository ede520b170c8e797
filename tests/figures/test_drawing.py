"""Every kind of result has a figure, and what is no result says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import fechner
from fechner import FechnerError, results
from fechner.figures.style import write
from fechner.learning import Exposure, LinearNetwork, Perceptron, Phase, Task, learn, learn_labels, sinusoidal

KEPT = Path(__file__).parents[2] / "trainings"


@pytest.fixture(scope="module")
def made() -> dict[str, xr.Dataset]:
    curves = [
        fechner.sensitivity(
            fechner.load("resnet18_small", "init", seed),
            fechner.Gabor(size=32),
            values=12,
            average={"phase": 2},
            progress=False,
        )
        for seed in (0, 1)
    ]
    prior = fechner.image_statistics(feature="orientation", values=12, bootstraps=20, progress=False)
    pca = fechner.statistics.principal_components(number=200, size=8, progress=False)
    network = LinearNetwork("tied", scale=0.05)
    return {
        "sensitivity": curves[0],
        "density": prior,
        "comparison": fechner.compare(curves[0], prior, bootstraps=20),
        "difference": fechner.difference(curves, curves[::-1], bootstraps=20),
        "training": results.read(KEPT / "resnet-45-0.nc"),
        "components": pca,
        "linear learning": learn(network, Phase(pca.variance.values, 200), range(0, 201, 50), progress=False),
        "label learning": learn_labels(
            Perceptron((8,)), Exposure(6, sinusoidal(90)), Task(classes=12), 3, seeds=1, batch=16, progress=False
        ),
    }


def test_every_kind_is_drawn_before_and_after_saving(made: dict[str, xr.Dataset], tmp_path: Path) -> None:
    assert set(made) == set(results.KINDS) - {"figure", "part"}
    for kind, dataset in made.items():
        assert dataset.attrs["kind"] == kind
        again = results.read(results.save(dataset, tmp_path / f"{kind}.nc"))
        for i, found in enumerate((dataset, again)):
            (path,) = write(fechner.draw(found), tmp_path / f"{kind}-{i}", ("png",))
        assert path.stat().st_size > 8_000
        assert path.read_bytes() == (tmp_path / f"{kind}-0.png").read_bytes()


def test_sensitivity_recorded_while_learning_is_an_image(made: dict[str, xr.Dataset]) -> None:
    curves = made["sensitivity"]
    recorded = xr.concat([curves, curves], "step", combine_attrs="override").assign_coords(step=[0, 10])
    axes = fechner.draw(recorded).axes
    assert axes[0].get_xlabel() == "step"
    assert axes[0].get_ylabel() == "orientation (degree)"


def test_what_is_no_result(made: dict[str, xr.Dataset]) -> None:
    with pytest.raises(FechnerError, match="no result of fechner: it has no attribute .kind."):
        fechner.draw(xr.Dataset({"a": 1}))
    with pytest.raises(FechnerError, match="this Dataset is incomplete.*'density_low'"):
        fechner.draw(made["density"].drop_vars("density_low"))
    with pytest.raises(FechnerError, match="'part' have no figure"):
        fechner.draw(xr.Dataset({"a": ("x", np.ones(2))}, attrs=results.provenance("part")))

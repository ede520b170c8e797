"""Every kind of result has a figure, and what is no result says so."""

from __future__ import annotations

import html
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import fechner
from fechner import FechnerError, results
from fechner.learning import Exposure, LinearNetwork, Perceptron, Stage, Task, learn, learn_labels, sinusoidal
from fechner.plot.style import write

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
    prior = fechner.image_statistics("scikit-image", feature="orientation", values=12, progress=False)
    pca = fechner.statistics.principal_components(number=200, size=8, progress=False)
    network = LinearNetwork("tied", scale=0.05)
    return {
        "sensitivity": curves[0],
        "density": prior,
        "comparison": fechner.compare(curves[0], prior),
        "difference": fechner.difference(curves, curves[::-1]),
        "training": results.read(KEPT / "resnet-45-0.nc"),
        "components": pca,
        "linear learning": learn(network, Stage(pca.variance.values, 200), range(0, 201, 50), progress=False),
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


def test_curves_of_several_seeds_are_averaged_within_their_range(made: dict[str, xr.Dataset]) -> None:
    one = made["sensitivity"]
    other = one.assign(
        relative_sensitivity=one.relative_sensitivity[:, ::-1].assign_coords(orientation=one.orientation)
    )
    (axes, _) = fechner.draw(xr.concat([one, other], "seed")).axes
    assert axes.get_title().endswith("mean and range over 2 × seed")
    relative = np.stack([one.relative_sensitivity.values, other.relative_sensitivity.values])
    assert np.allclose(axes.lines[3].get_ydata()[1:-1], relative.mean(0)[3])
    drawn = axes.collections[3].get_paths()[0].vertices[:, 1]
    assert drawn.max() == pytest.approx(relative.max(0)[3].max())
    assert drawn.min() == pytest.approx(relative.min(0)[3].min())


def test_no_line_across_what_was_not_measured(made: dict[str, xr.Dataset]) -> None:
    part = made["sensitivity"].isel(orientation=slice(0, 5))
    assert fechner.draw(part).axes[0].lines[0].get_xdata().tolist() == part.orientation.values.tolist()
    assert len(fechner.draw(made["sensitivity"]).axes[0].lines[0].get_xdata()) == 14


def test_a_layer_without_a_curve_is_named(made: dict[str, xr.Dataset]) -> None:
    curves = made["sensitivity"]
    missing = curves.assign(relative_sensitivity=curves.relative_sensitivity.where(curves.layer != "fc"))
    assert [t.get_text() for t in fechner.draw(missing).axes[0].texts] == ["no curve: fc"]


ODD = ["$a_b$", "$\\frac$", "100 $", "\x1b[31m\n", "_x"]


@pytest.mark.parametrize("kind", ["sensitivity", "difference", "comparison", "training", "label learning"])
def test_names_are_no_formulas(kind: str, made: dict[str, xr.Dataset], tmp_path: Path) -> None:
    """`$a_b$` in a figure is six characters."""
    dataset = made[kind]
    few = dataset.isel(layer=slice(0, 1 + len(ODD))) if kind != "label learning" else dataset
    few = few.assign_coords(layer=["input", *ODD[: few.sizes["layer"] - 1]])
    few = few.assign_attrs(network="$n_1$", weights="[$w$]", settings='{"a": "$x$"}')
    (path,) = write(fechner.draw(few), tmp_path / kind, ("svg",))
    shown = html.unescape(path.read_text())
    if kind in ("sensitivity", "comparison"):
        assert ">$n_1$, [$w$]<" in shown
    if kind in ("training", "label learning"):
        assert f">{'layer ' if kind == 'training' else ''}{'_x' if kind == 'training' else '$a_b$'}<" in shown
    if kind == "difference":
        for name in ("$a_b$", "$\\frac$", "100 $", "\\x1b[31m\\n", "_x"):
            assert f">{name}<" in shown


@pytest.mark.parametrize(
    ("shape", "patch"),
    [((8, 8), (8, 8)), ((64,), (8, 8)), ((4, 6), (4, 6)), ((3, 5, 5), (5, 5)), ((7,), None), ((6, 6, 3), (6, 6))],
)
def test_components_of_arrays_are_patches_of_their_own_shape(
    shape: tuple[int, ...], patch: tuple[int, int] | None, tmp_path: Path
) -> None:
    data = np.random.default_rng(0).random((300, *shape))
    pca = fechner.statistics.principal_components(data, progress=False)
    for found in (pca, results.read(results.save(pca, tmp_path / "pca.nc"))):
        _, *cells = fechner.draw(found).axes
        if patch is None:
            assert np.allclose(cells[0].lines[0].get_ydata(), pca.components[0])
        else:
            expected = pca.components.values[1].reshape(-1, *patch).mean(0)
            assert np.allclose(cells[1].images[0].get_array(), expected)


def marked(curves: xr.Dataset) -> xr.Dataset:
    """Curves with two uncertain values in one layer, and one layer that the grid does not resolve."""
    uncertain, resolved = np.zeros(curves.fisher_information.shape, bool), np.ones(curves.sizes["layer"], bool)
    uncertain[2, [3, 7]], resolved[4] = True, False
    return curves.assign(uncertain=(curves.fisher_information.dims, uncertain), resolved=("layer", resolved))


def test_uncertain_values_are_hollow_and_unresolved_layers_dotted(made: dict[str, xr.Dataset]) -> None:
    curves = marked(made["sensitivity"])
    seeds = xr.concat([curves.assign(uncertain=~curves.uncertain & False), curves], "seed")
    for dataset in (curves, seeds):
        axes = fechner.draw(dataset.assign_attrs(curves.attrs)).axes[0]
        (points,) = (c for c in axes.collections if c.get_label() == "integration error > 5 %")
        expected = [curves.orientation.values[[3, 7]], curves.relative_sensitivity[2, [3, 7]]]
        assert np.allclose(points.get_offsets().T, expected)
        assert len(points.get_facecolors()) == 0
        assert [i for i, line in enumerate(axes.lines) if line.get_linestyle() == ":"] == [4]
        texts = [t.get_text() for t in axes.get_legend().get_texts()]
        assert texts == ["integration error > 5 %", "not resolved by the grid"]
    plain = made["sensitivity"].drop_vars(["uncertain", "resolved"])
    assert fechner.draw(plain).axes[0].get_legend() is None

"""Figure 5 at a small size: real photographs, real learning; readouts against independent derivations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
import xarray as xr

import fechner
from fechner import FechnerError, results
from fechner.learning import LinearNetwork, Stage, learn, readouts
from fechner.paper import reproduce
from fechner.paper.fig5 import claims as fig5_claims
from fechner.paper.fig5 import compute as fig5
from fechner.paper.fig5 import draw as fig5_draw
from fechner.paper.fig5 import draw_readouts as fig5_readouts
from fechner.paper.run import Run, code
from fechner.plot.style import new_figure
from fechner.statistics import principal_components
from fechner.statistics.patches import sample_patches


@pytest.fixture(scope="module")
def pca() -> xr.Dataset:
    return principal_components(number=2000, size=8)


def test_reproduce_small_and_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (fig5, fig5_draw):
        monkeypatch.setattr(module, "SIZE", 8)
    monkeypatch.setattr(fig5, "PATCHES", 5000)
    monkeypatch.setitem(fig5.PROFILES, "quick", {"tied": 6000, "2": 6000, "3": 6000})
    monkeypatch.setattr(fig5, "NETWORKS", {n: LinearNetwork(w.depth, scale=0.05) for n, w in fig5.NETWORKS.items()})
    said: list[str] = []
    data = reproduce(["fig5"], "quick", tmp_path, say=said.append)
    folder = tmp_path / "fig5"
    assert data["components"].sizes["component"] == 64
    assert list(fig5.learning(data)) == list(data["learning"].children) == ["tied", "2", "3"]
    written = json.loads((folder / "claims.json").read_text())
    claims = {c["id"]: c for c in written["claims"]}
    assert 0.5 < claims["fig5-power-law"]["measured"] < 2
    assert claims["fig5-order"]["measured"] > 0.9
    assert "3 random starts" in claims["fig5-order"]["criterion"]
    assert {m["id"] for m in written["measurements"]} > {"fig5-exponent", "fig5-order-2", "fig5-last-elbow"}
    assert {p.name for p in folder.iterdir()} == {
        "parts", "data.nc", "claims.json", "fig5.svg", "fig5.png", "fig5_supplement.svg", "fig5_supplement.png",
        "fig5_readouts.svg", "fig5_readouts.png",
    }  # fmt: skip
    for part in (folder / "parts").iterdir():
        assert results.read(part).attrs["code"] == code("fechner.paper.fig5.compute")
    again = fig5.compute(Run("quick", folder, resume=True, say=said.append))
    assert again.equals(data)
    assert sum("finished before" in s for s in said) == 10
    # Parts of other settings are made anew.
    monkeypatch.setitem(fig5.PROFILES, "quick", {"tied": 5000, "2": 6000, "3": 6000})
    fig5.compute(Run("quick", folder, resume=True, say=said.append))
    assert sum("finished before" in s for s in said) == 17


@pytest.fixture
def small_patches(monkeypatch: pytest.MonkeyPatch) -> npt.NDArray[np.float64]:
    """Patches (n, 3, 8, 8) whose channels differ, and a figure 5 of a few steps of them."""
    for module in (fig5, fig5_draw):
        monkeypatch.setattr(module, "SIZE", 8)
    monkeypatch.setitem(fig5.PROFILES, "quick", {"tied": 50, "2": 50, "3": 50})
    rng = np.random.default_rng(0)
    grey = sample_patches(None, 400, 8).reshape(-1, 1, 8, 8)
    return (0.1 + 0.8 * grey + rng.uniform(-0.1, 0.1, (400, 3, 8, 8))).clip(0, 1)


def test_a_file_of_patches_in_the_published_layout_is_averaged_to_grey(
    small_patches: npt.NDArray[np.float64], tmp_path: Path
) -> None:
    torch.save(torch.as_tensor(small_patches), tmp_path / "crops.pt")
    run = Run("quick", tmp_path / "fig5", tmp_path / "crops.pt", say=lambda text: None)
    data = fig5.compute(run)
    grey = small_patches.mean(1).reshape(400, 64)
    assert data["components"].variance.values == pytest.approx(
        np.linalg.eigvalsh(np.cov(grey.T, bias=True))[::-1], abs=1e-9
    )
    assert data.attrs["patches"] == 400
    assert data.attrs["images"] == str(tmp_path / "crops.pt")
    assert all((np.abs(grey - p).max(1) < 1e-7).any() for p in data["patches"].patch.values)


def test_readouts_are_drawn_from_what_is_stored(small_patches: npt.NDArray[np.float64], tmp_path: Path) -> None:
    np.save(tmp_path / "crops.npy", small_patches)
    data = fig5.compute(Run("quick", tmp_path / "fig5", tmp_path / "crops.npy", say=lambda text: None))
    components, patches = data["components"].to_dataset(), data["patches"].to_dataset()
    assert components.leading_components.shape == (fig5.LEADING, 64)
    # Reconstruction is a projection: what it leaves is orthogonal to every component that it retains.
    lost = patches.patch.values - patches.retained.values
    assert components.leading_components.values[: fig5.RETAINED] @ lost.T == pytest.approx(0, abs=1e-9)
    assert np.abs(lost).max() > 1e-3
    assert len(fig5_readouts.draw_readouts(data).axes) == 6 + fig5.LEADING


def test_the_loss_of_fifty_components_is_the_variance_of_the_others() -> None:
    pca = xr.Dataset({"variance": ("component", np.arange(64.0, 0, -1))})
    patches = xr.Dataset({name: (("example", "pixel"), np.zeros((1, 64))) for name in ("patch", "retained")})
    axes = new_figure(2, 2).subplots()
    fig5_readouts.draw_retained(pca, patches, axes)
    assert axes.texts[0].get_text().endswith(f"{sum(range(1, 15)) / 64:.4f}")


def test_acuity_is_drawn_relative_to_its_last_value() -> None:
    frequency, reached = np.arange(1.0, 40.0), np.array([5.0, 10.0, 20.0])
    information = (fig5_claims.CRITERION * frequency / reached[:, None]) ** -2.0
    network = xr.Dataset(
        {"fisher_information_samples": (("step", "spatial_frequency", "phase"), information[..., None])},
        {"step": [0, 10, 40], "spatial_frequency": frequency, "phase": [0.0]},
    )
    axes = new_figure(2, 2).subplots()
    fig5_readouts.draw_development({"tied": network}, axes)
    assert axes.lines[0].get_xydata() == pytest.approx(np.array([[0, 0.25], [0.25, 0.5], [1, 1]]), rel=1e-6)
    # The oldest children are those of 79 months, with 32.4 cycles/degree.
    assert axes.lines[-1].get_xydata() == pytest.approx(np.array([[7 / 79, 8.4 / 32.4], [1, 1]]))
    axes = new_figure(2, 2).subplots()
    fig5_readouts.draw_discrimination({"tied": network}, axes)
    # A threshold in proportion to frequency is a constant percentage.
    assert axes.lines[0].get_ydata() == pytest.approx(100 * fig5_claims.CRITERION / 20)


def test_files_that_figure_5_cannot_be_made_of_are_refused_at_once(
    small_patches: npt.NDArray[np.float64], tmp_path: Path
) -> None:
    cases = {
        "large": (small_patches * 255, "run from .* to 2.*; figure 5 needs them in \\[0, 1\\], or as bytes"),
        "small": (small_patches[..., :4, :4], "have 8 × 8 pixels, those of '.*small.npy' 16 in all"),
        "few": (small_patches[:64], "holds 64 patches; figure 5 needs more than 64"),
        "odd": (small_patches[:, :2], "must have the shape .*got \\(400, 2, 8, 8\\)"),
    }
    for name, (array, message) in cases.items():
        np.save(tmp_path / f"{name}.npy", array)
        with pytest.raises(FechnerError, match=message):
            reproduce(["fig5"], out=tmp_path / "out", images=tmp_path / f"{name}.npy")
    np.save(tmp_path / "bytes.npy", (small_patches * 255).astype(np.uint8))
    fig5.check(tmp_path / "bytes.npy")
    with pytest.raises(FechnerError, match="of which only fig5 is made; fig2 need whole photographs: name fig5 alone"):
        reproduce(["fig2", "fig5"], out=tmp_path / "out", images=tmp_path / "bytes.npy")
    with pytest.raises(FechnerError, match="no file of patches '.*gone.pt'"):
        reproduce(["fig5"], out=tmp_path / "out", images=tmp_path / "gone.pt")
    assert not (tmp_path / "out").exists()


def test_grating_has_the_published_form() -> None:
    images = fig5.grating(torch.tensor([0.0, 100 / 32]), torch.tensor([90.0, 0.0]))  # type: ignore[arg-type]
    assert images.shape == (2, 1, 32, 32)
    assert torch.allclose(images[0], torch.ones_like(images[0]))
    assert float(images[1, 0, 0].mean()) == pytest.approx(0.5)
    assert float(images[1, 0, 0, 7]) == pytest.approx(0.5 + 0.5 * np.sin(2 * np.pi * 7.5 / 32))


def test_fisher_information_of_maps_is_the_derivative(pca: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fig5, "SIZE", 8)
    learned = learn(
        LinearNetwork("tied", scale=0.1), Stage(pca.variance.values, 300), [0, 100, 300], dtype=torch.float64
    )
    found = readouts.fisher_information_of_maps(
        learned, pca, fig5.grating, "spatial_frequency", [3.0, 9.0], {"phase": [0.0, 40.0]}
    )
    assert found.dims == ("step", "spatial_frequency", "phase")
    basis, step = pca.components.values, 1e-4
    for s in range(3):
        end = basis.T @ learned.end_to_end.values[s] @ basis
        for i, f in enumerate((3.0, 9.0)):
            sides = (
                fig5.grating(torch.tensor([f - step, f + step], dtype=torch.float64), torch.tensor([40.0, 40.0]))
                .flatten(1)
                .numpy()
            )  # type: ignore[arg-type]
            expected = np.square(end @ (sides[1] - sides[0]) / (2 * step)).sum()
            assert float(found[s, i, 1]) == pytest.approx(expected, rel=1e-5)


def test_fisher_information_of_maps_to_orientation_and_bad_sizes(pca: xr.Dataset) -> None:
    learned = learn(LinearNetwork(1, scale=0.1), Stage(pca.variance.values, 50), [50])
    shown = fechner.stimuli.Grating(size=8, pixels_per_degree=8.0, radius=0.4)
    found = readouts.fisher_information_of_maps(learned, pca, shown, "orientation", [0.0, 45.0, 90.0], {"phase": 4})
    assert found.shape == (1, 3, 4)
    assert (found > 0).all()
    with pytest.raises(FechnerError, match="the stimulus has 100 pixels, the patches 64"):
        readouts.fisher_information_of_maps(learned, pca, fechner.stimuli.Grating(size=10), "orientation", [0.0], {})
    with pytest.raises(FechnerError, match="unknown parameter"):
        readouts.fisher_information_of_maps(learned, pca, shown, "hue", [0.0], {})


def test_learning_steps_are_interpolated() -> None:
    maps = np.stack([np.diag(d) for d in ([0.0, 0.1], [0.4, 0.2], [0.8, 0.3])])
    learned = xr.Dataset(
        {"end_to_end": (("step", "output", "component"), maps)}, {"step": [0, 10, 20], "component": [1, 2]}
    )
    assert readouts.learning_step(learned).values == pytest.approx([12.5, np.nan], nan_ok=True)
    assert readouts.learning_step(learned, 0.1).values == pytest.approx([2.5, 0.0])
    assert readouts.misalignment(learned).values == pytest.approx(0)
    turned = learned.copy(deep=True)
    turned["end_to_end"][:, 0, 1] = 5.0
    assert (readouts.misalignment(turned) > 0.9).all()


def test_elbow_and_acuity() -> None:
    f = np.arange(1.0, 40.0)
    for at in (5.0, 12.5, 30.0):
        assert readouts.elbow(f, 0.2 + 0.03 * np.maximum(f - at, 0)) == pytest.approx(at, abs=0.05)
    assert readouts.acuity(f, 0.01 * f, 0.155) == pytest.approx(15.5)
    # Acuity may fall as well as rise, and may not be there.
    assert readouts.acuity(f, 0.02 * f, 0.155) == pytest.approx(7.75)
    assert np.isnan(readouts.acuity(f, 1 + f, 0.155))
    assert readouts.acuity(f, 0 * f, 0.155) == 39
    assert fig5_claims.acuities(f, np.stack([0.01 * f, 0.02 * f])) == pytest.approx([15.625, 7.8125])


def test_a_broken_power_law_bends() -> None:
    ranks = np.arange(1.0, 1025)
    broken = np.where(ranks < 50, ranks**-1.0, 50.0 * ranks**-2.0)
    assert fig5_claims.bend(ranks**-1.4) == pytest.approx(1, abs=1e-6)
    assert fig5_claims.bend(broken) == pytest.approx(2, rel=0.05)
    # A straight line through all of it would not tell.
    assert np.corrcoef(np.log(ranks[4:512]), np.log(broken[4:512]))[0, 1] ** 2 > 0.95


def test_a_threshold_that_is_flat_and_then_rises_is_told_from_a_parabola() -> None:
    f, steps = np.arange(1.0, 30.0), np.arange(3)
    noise = 1e-3 * np.random.default_rng(0).normal(size=(3, 29))
    assert fig5_claims.hinge_over_parabola(f, steps, 0.5 + 0.05 * np.maximum(f - 12, 0) + noise) < -1
    assert fig5_claims.hinge_over_parabola(f, steps, 0.5 + 0.001 * f**2 + noise) > 1


def test_acuity_that_saturates_does_not_grow_linearly() -> None:
    f, steps = np.arange(1.0, 60.0), np.arange(1, 20)
    noise = 0.1 * np.random.default_rng(0).normal(size=19)
    reached = {"linear": 2.0 * steps + noise, "root": 9.0 * np.sqrt(steps) + noise}
    curves = {name: fig5_claims.CRITERION * f / at[:, None] for name, at in reached.items()}
    assert fig5_claims.linearity(f, steps, curves["linear"]) < 0
    assert fig5_claims.linearity(f, steps, curves["root"]) > 0

"""Comparison of curves with densities: known exponents and correlations are recovered, flat curves explain nothing."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from fechner import FechnerError, Gabor, circular, compare, human, image_statistics, sensitivity
from fechner.agreement import contrast
from fechner.comparison import records
from fechner.interval import leave_out
from fechner.plot import comparison as drawing
from fechner.plot import style

MEANING: dict[str, dict[str, Any]] = {
    "orientation": {"units": "degree", "period": 180.0, "convention": circular.BARS},
    "hue": {"units": "degree", "period": 360.0, "convention": circular.HSV},
}


def curves_of(
    roots: np.ndarray, along: str = "orientation", noise: float = 0.0, n: int = 8, **attrs: str
) -> xr.Dataset:
    """Curves of √J (layer, value) after flat pixels, with nuisance samples that scatter by `noise`."""
    roots = np.concatenate([np.ones((1, roots.shape[1])), roots])
    samples = roots[..., None] ** 2 * np.exp(noise * np.random.default_rng(0).standard_normal((*roots.shape, n)))
    samples[0] = 1
    mean = samples.mean(-1)
    names = ["input", *[f"layer{i}" for i in range(1, len(roots))]]
    meaning = MEANING[along]
    return xr.Dataset(
        {
            "fisher_information": (("layer", along), mean),
            "fisher_information_samples": (("layer", along, "phase"), samples),
            "relative_sensitivity": (("layer", along), np.sqrt(mean) / np.sqrt(mean).mean(-1, keepdims=True)),
        },
        {"layer": names, "depth": ("layer", np.linspace(0, 1, len(names)))}
        | {along: (along, circular.grid(roots.shape[1], meaning["period"]), meaning)},
        {"along": along, "network": "n", "weights": "w", "stimulus": "{}"} | attrs,
    )


def prior_of(density: np.ndarray, along: str = "orientation", without: np.ndarray | None = None) -> xr.Dataset:
    meaning = MEANING[along]
    data = {"density": (along, density)} | (
        {} if without is None else {"density_jackknife": (("group", along), without)}
    )
    return xr.Dataset(
        data,
        {along: (along, circular.grid(len(density), meaning["period"]), meaning)},
        {"along": along, "photographs": 7},
    )


def lobes(n: int) -> np.ndarray:
    """A density with two unequal peaks."""
    theta = np.deg2rad(circular.grid(n, 180.0))
    return circular.normalize(np.exp(np.cos(2 * theta) + 0.8 * np.cos(4 * theta)), 180)


@settings(max_examples=settings().max_examples // 7)
@given(q=st.floats(-1, 3), n=st.sampled_from([12, 36, 45]))
def test_exponent_and_correlation_of_a_power(q: float, n: int) -> None:
    p = lobes(180)
    on_grid = circular.rebin(p, circular.grid(n, 180.0), 180)
    found = compare(curves_of(np.stack([on_grid ** (q / 2), on_grid])), prior_of(p))
    one = found.sel(reference="7 photographs")
    assert float(one.exponent.sel(layer="layer1")) == pytest.approx(q, abs=1e-9)
    assert float(one.correlation.sel(layer="layer2")) == pytest.approx(1)
    assert float(one.null_p.sel(layer="layer2")) == pytest.approx(1 / n)
    assert float(one.correlation.sel(layer="input")) == 0
    assert found.flat.values[0]


def test_correlation_is_numpys_and_the_baseline_is_subtracted() -> None:
    rng = np.random.default_rng(1)
    p = lobes(60)
    roots = rng.uniform(1, 2, (2, 60))
    curves = curves_of(roots)
    curves.fisher_information[0] = rng.uniform(1, 4, 60)
    curves = curves.drop_vars("fisher_information_samples")
    one = compare(curves, prior_of(p)).sel(reference="7 photographs")
    expected = [np.corrcoef(np.sqrt(curves.fisher_information.values[i]), p)[0, 1] for i in range(3)]
    assert one.correlation.values == pytest.approx(expected)
    assert one.correlation_over_input.values == pytest.approx(np.array(expected) - expected[0])


def test_intervals_cover_the_truth() -> None:
    """√J ∝ p with scatter over draws: q = 2 lies inside the interval, about 95 % of the time."""
    p = lobes(36)
    covered = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        samples = p[:, None] ** 2 * rng.gamma(50, 1 / 50, (36, 20))
        curves = curves_of(np.sqrt(samples.mean(-1))[None], n=20)
        curves["fisher_information_samples"] = curves.fisher_information_samples.rename(phase="draw")
        curves.fisher_information_samples[1] = samples
        one = compare(curves, prior_of(p)).isel(reference=0, layer=1)
        covered.append(float(one.exponent_low) <= 2 <= float(one.exponent_high))
    assert 0.9 < np.mean(covered) < 0.99


def test_a_grid_of_nuisance_values_contributes_no_interval_and_draws_do() -> None:
    root = np.roll(lobes(36), 4)[None]
    rng = np.random.default_rng(0)
    measured = curves_of(root, noise=0.3)
    drawn = measured.assign(fisher_information_samples=measured.fisher_information_samples.rename(phase="draw"))
    photographs = lobes(36) * rng.gamma(5, 1 / 5, (100, 36))
    without = circular.normalize(leave_out(photographs), 180)
    density = circular.normalize(photographs.sum(0), 180)
    width = {}
    for name, curves, prior in (
        ("nothing", measured, prior_of(density)),
        ("photographs", measured, prior_of(density, without=without)),
        ("draws", drawn, prior_of(density)),
        ("both", drawn, prior_of(density, without=without)),
    ):
        one = compare(curves, prior).isel(reference=0, layer=1)
        width[name] = float(one.correlation_high) - float(one.correlation_low)
        # Errors in p bias the exponent, so that it has no interval over photographs.
        assert np.isfinite(one.exponent_low) == (name == "draws")
    assert np.isnan(width.pop("nothing"))
    few = compare(measured, prior_of(density, without=without[:50])).isel(reference=0, layer=1)
    assert np.isnan(few.correlation_low)
    assert max(width["photographs"], width["draws"]) < width["both"] < width["photographs"] + width["draws"]


def test_two_different_curves_have_different_ratios() -> None:
    theta = circular.grid(60, 180.0)
    root = np.where(circular.near(theta, [0, 90], 180, 7.5), 3.0, 1.0)
    found = compare(curves_of(root[None]), prior_of(lobes(60)))
    assert found.ratio.values[:, 1] == pytest.approx(3)
    assert np.isnan(contrast(np.ones(2), "orientation", np.array([0.0, 90.0]), np.ones(2)))
    hue = np.ones(36)
    hue[:9] = 5
    found = compare(curves_of(hue[None], "hue"), prior_of(circular.normalize(hue, 360), "hue"))
    assert float(found.ratio[0, 1]) == pytest.approx(5)


def test_formulas_of_the_same_feature_are_compared_too() -> None:
    theta = circular.grid(60, 180.0)
    curves = curves_of(human.analytic_orientation_prior(theta)[None])
    found = compare(curves, prior_of(lobes(60)))
    assert found.reference.values.tolist() == ["7 photographs", "analytic prior"]
    assert float(found.correlation.sel(reference="analytic prior", layer="layer1")) == pytest.approx(1, abs=1e-3)
    hues = circular.grid(72, 360.0)
    found = compare(curves_of(human.cielab_hue_distance(hues)[None], "hue"), prior_of(np.full(360, 1 / 360.0), "hue"))
    assert float(found.correlation.sel(reference="CIELAB distance", layer="layer1")) > 0.98


def test_records_and_figure(tmp_path) -> None:
    without = circular.normalize(lobes(90) * np.random.default_rng(0).gamma(50, 1 / 50, (100, 90)), 180)
    curves = curves_of(np.stack([lobes(36), lobes(36) ** 0.5]), noise=0.1)
    found = compare(curves, prior_of(lobes(90), without=without))
    listed = json.loads(json.dumps(records(found), allow_nan=False))
    assert len(listed) == 6
    assert listed[1]["layer"] == "layer1"
    assert listed[2]["correlation_interval"][0] < listed[2]["correlation"] < listed[2]["correlation_interval"][1]
    assert listed[2]["exponent_interval"] == [None, None]
    (path,) = style.write(drawing.draw(found), tmp_path / "c", ("png",))
    assert path.stat().st_size > 10_000


def test_a_part_of_the_circle_is_interpolated_and_has_no_null() -> None:
    p = lobes(180)
    curves = curves_of(p[None, ::5]).isel(orientation=slice(0, 12))
    one = compare(curves, prior_of(p)).isel(reference=0)
    assert float(one.correlation[1]) == pytest.approx(1)
    assert np.isnan(one.null_p).all()


def spatial(frequencies: np.ndarray, density: np.ndarray, scale: str = "100.0") -> xr.Dataset:
    coordinate = ("spatial_frequency", frequencies, {"units": "cycle/degree", "pixels_per_degree": scale})
    return xr.Dataset(
        {"density": ("spatial_frequency", density)}, {"spatial_frequency": coordinate}, {"along": "spatial_frequency"}
    )


def test_spatial_frequency_is_compared_on_logarithmic_axes() -> None:
    f = np.array([2.0, 4, 8, 16])
    curves = xr.Dataset(
        {n: (("layer", "spatial_frequency"), np.stack([np.ones(4), 1 / f**2])) for n in ("fisher_information", "relative_sensitivity")},
        {"layer": ["input", "a"], "depth": ("layer", [0.0, 1]), "spatial_frequency": ("spatial_frequency", f, {"units": "cycle/degree"})},
        {"along": "spatial_frequency", "stimulus": '{"pixels_per_degree": 100.0}'},
    )  # fmt: skip
    fine = np.geomspace(1, 50, 30)
    found = compare(curves, spatial(fine, 1 / fine))
    assert found.exponent.values[:, 1] == pytest.approx(2, abs=1e-6)
    assert found.reference.values.tolist() == ["density", "Weber's law"]
    with pytest.raises(FechnerError, match=r"runs from 2 to 16 .* only from 0.866 to 11.5"):
        compare(curves, spatial(np.geomspace(1, 10, 9), np.ones(9)))
    with pytest.raises(FechnerError, match="100 pixels/degree, the density 50"):
        compare(curves, spatial(fine, 1 / fine, "50"))


def test_what_does_not_match_is_refused() -> None:
    curves, prior = curves_of(lobes(36)[None]), prior_of(lobes(36))
    with pytest.raises(FechnerError, match="give the curves first"):
        compare(prior, curves)
    with pytest.raises(FechnerError, match="it has no density"):
        compare(curves, curves)
    with pytest.raises(FechnerError, match="along orientation, the density is that of hue"):
        compare(curves, prior_of(np.ones(36) / 360, "hue"))
    radians = prior.assign_coords(
        orientation=("orientation", np.deg2rad(prior.orientation.values), {"units": "radian"})
    )
    with pytest.raises(FechnerError, match="orientation in different units: 'degree' and 'radian'"):
        compare(curves, radians)
    gradient = prior.copy()
    gradient.orientation.attrs["convention"] = "of the gradient"
    with pytest.raises(FechnerError, match="in different conventions"):
        compare(curves, gradient)
    with pytest.raises(FechnerError, match="at least 4 values"):
        compare(curves.isel(orientation=slice(0, 3)), prior)
    with pytest.raises(FechnerError, match="lack the pixels"):
        compare(curves.isel(layer=slice(1, 2)), prior)


def test_the_order_of_values_does_not_matter() -> None:
    torch.manual_seed(0)
    network = nn.Conv2d(3, 4, 5).eval()
    measured = sensitivity(network, Gabor(size=32), values=6, average={}, progress=False)
    prior = image_statistics(progress=False, workers=0)
    one, other = (compare(m, prior) for m in (measured, measured.isel(orientation=[3, 0, 5, 1, 4, 2])))
    for name in ("correlation", "exponent", "null_p"):
        assert other[name].values == pytest.approx(one[name].values, nan_ok=True)


def test_marked_values_are_left_out_and_unresolved_layers_have_no_measures() -> None:
    p = lobes(36)
    root = p / p.mean()
    wrong = root.copy()
    wrong[[0, 18]] = 50.0
    uncertain = np.zeros((4, 36), bool)
    uncertain[1, [0, 18]] = uncertain[3, :33] = True
    marks = {"uncertain": (("layer", "orientation"), uncertain), "resolved": ("layer", [True, True, False, True])}
    curves = curves_of(np.stack([wrong, root, root]))
    compared = compare(curves.assign(marks), prior_of(p))
    one = compared.isel(reference=0)
    assert float(one.correlation[1]) == pytest.approx(1)
    assert float(one.exponent[1]) == pytest.approx(2)
    near = np.isin(curves.orientation.values, [5, 85, 95, 175])
    oblique = circular.near(curves.orientation.values, [45, 135], 180, 7.5)
    assert float(one.ratio[1]) == pytest.approx(root[near].mean() / root[oblique].mean())
    left_out = json.loads(compared.left_out)
    assert left_out == {
        "layer2": "the grid of orientation does not resolve its curve",
        "layer3": "fewer than half of its values are certain",
    }
    for name in ("correlation", "exponent", "ratio", "null_p"):
        assert np.isnan(one[name][2:]).all(), name
    assert compared.uncertain.equals(curves.assign(marks).uncertain)

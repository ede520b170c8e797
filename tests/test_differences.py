"""Shifts against curves that are shifted by a known angle; intervals against their definition, and in test_coverage.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import nn

import fechner
from fechner import FechnerError, circular, contents, results
from fechner.differences import difference
from fechner.page.explore import charts
from fechner.stimuli import CentreSurround, Family, Parameter

THETA = np.arange(36) * 5.0


def curves(shift: float, noise: float = 0.0, seed: int = 0, along: str = "orientation") -> xr.Dataset:
    """One peak and a smaller one, for four nuisance values; and a flat layer."""
    rng = np.random.default_rng(seed)
    angle = 2 * np.pi * (THETA - shift) / 180
    root = 1 + 0.4 * np.cos(angle) + 0.2 * np.cos(2 * angle + 0.5)
    samples = root[:, None] * np.array([0.9, 1.0, 1.1, 1.3]) + noise * rng.normal(size=(36, 4))
    both = np.stack([np.ones((36, 4)), samples]) ** 2
    return xr.Dataset(
        {
            "fisher_information": (("layer", along), both.mean(-1)),
            "fisher_information_samples": (("layer", along, "phase"), both),
        },
        {"layer": ["input", "late"], along: (along, THETA, {"units": "degree", "period": 180.0})},
        {"along": along},
    )


@given(st.floats(-89, 89))
def test_a_known_shift_is_found(shift: float) -> None:
    found = difference(curves(shift), curves(0.0))
    assert float(found["shift"][1]) == pytest.approx(shift, abs=0.13)
    assert float(found.aligned[1]) == pytest.approx(1, abs=1e-3)
    assert np.isnan(found["shift"][0])
    assert float(found.difference.mean("orientation")[1]) == pytest.approx(0, abs=1e-12)


def test_a_single_pair_has_a_shift_and_no_interval() -> None:
    found = difference(curves(45.0, 0.05), curves(0.0, 0.05, seed=1)).sel(layer="late")
    assert float(found["shift"]) == pytest.approx(45, abs=2)
    assert np.isnan(found[["shift_low", "shift_high", "difference_low", "difference_high"]].to_array()).all()


@given(st.integers(4, 40), st.integers(0, 20), st.integers(0, 2**31))
def test_correlations_at_shifts_of_the_grid_are_those_of_the_curves(count: int, steps: int, seed: int) -> None:
    upright = 1 + np.random.default_rng(seed).random(count)
    manipulated = np.roll(upright, steps)
    grid = np.arange(count) * 180 / count
    one, other = (
        xr.Dataset(
            {"fisher_information": (("layer", "orientation"), c[None] ** 2)},
            {"layer": ["late"], "orientation": ("orientation", grid, {"period": 180.0})},
            {"along": "orientation"},
        )
        for c in (manipulated, upright)
    )
    found = difference(one, other)
    assert float(found.aligned[0]) == pytest.approx(1, abs=0.05)
    assert float(circular.distance(found["shift"][0], steps * 180 / count, 180)) < 0.5 * 180 / count


def test_bands_are_those_of_students_t() -> None:
    pairs = [[curves(s, 0.1, i + 10 * k) for i in range(4)] for k, s in enumerate((20.0, 0.0))]
    found = difference(*pairs).sel(layer="late")
    by_seed = found.difference_by_seed.values
    low, high = stats.t.interval(0.95, 3, by_seed.mean(0), stats.sem(by_seed, axis=0))
    assert found.difference_low.values == pytest.approx(low)
    assert found.difference_high.values == pytest.approx(high)
    assert np.isnan(difference(curves(1.0), curves(0.0)).difference_low).all()


def stated(curves: xr.Dataset, **attributes: object) -> xr.Dataset:
    """The same curves, whose coordinate states something else."""
    changed = curves.orientation.assign_attrs(curves.orientation.attrs | attributes)
    return curves.assign_coords(orientation=changed)


def four_spots(rotation: Annotated[float, Parameter("degree", period=90.0)]) -> torch.Tensor:
    """Four bright spots around the centre, a quarter turn apart, the first at an angle."""
    x = torch.linspace(-1, 1, 16)
    seen = torch.deg2rad(4 * rotation)[:, None, None]
    angle, radius = torch.atan2(-x[:, None], x[None, :]), torch.hypot(x[:, None], x[None, :])
    spots = 0.5 + 0.5 * torch.exp(-radius) * torch.cos(4 * angle - seen)
    return spots[:, None].expand(-1, 3, -1, -1)


@pytest.mark.parametrize(
    ("stimulus", "along", "period"),
    [
        (CentreSurround(size=16, pixels_per_degree=8.0, spatial_frequency=1.0), "surround_orientation", 180.0),
        (four_spots, "rotation", 90.0),
    ],
)
def test_any_circular_parameter_has_shifts_and_closed_curves(
    stimulus: Family, along: str, period: float, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU(), nn.Flatten(), nn.Linear(576, 3), nn.Sigmoid()).eval()
    measured = fechner.sensitivity(network, stimulus, along, 12, average={}, progress=False)
    turned = measured.copy(data={n: v.roll({along: 3}) if along in v.dims else v for n, v in measured.items()})
    found = difference(turned, measured)
    assert found["shift"][-1] == pytest.approx(period / 4, abs=0.01 * period)
    for shown in (measured, found, results.read(results.save(found, tmp_path / "found.nc"))):
        assert shown[along].attrs["period"] == period
        axes = fechner.draw(shown).axes[0]
        assert axes.get_xlim() == (0, period)
        assert axes.lines[0].get_xdata()[[0, -1]] == pytest.approx([-period / 12, period])
        assert [c.figure.layout.xaxis.range for c in charts(shown)] == [(0, period)]


def test_bad_input() -> None:
    good = curves(0.0)
    half = good.isel(orientation=slice(0, 18))
    cases: list[tuple[object, object, str]] = [
        ([good, good], good, "in pairs, got 2 manipulated and 1 upright"),
        ([], [], "in pairs, got 0"),
        (half, half, "even grid of a whole circle"),
        (good, good.isel(layer=[1]), "not of the same layers"),
        (good, good.isel(phase=[1]), "different nuisance values"),
        (good, curves(0.0, along="hue"), "not all along orientation"),
        (good, xr.Dataset(), "no curves of"),
        (good.drop_attrs().assign_attrs(good.attrs), good, "has no attribute period"),
        (good, stated(good, period=360.0), "differ in the period of orientation, '180.0' and '360.0'"),
        (stated(good, convention="of the bars"), stated(good, convention="across"), "differ in the convention of"),
        (good.expand_dims(step=3), good, "choose one"),
        ([good, curves(1.0)], [good, good.copy(deep=True)], "the upright curves 2 are given twice"),
    ]
    for one, other, message in cases:
        with pytest.raises(FechnerError, match=message):
            difference(one, other)  # type: ignore[arg-type]


def test_draws_are_the_sample_and_values_of_a_grid_within_them_are_none() -> None:
    rng = np.random.default_rng(0)
    information = 1 + rng.random((2, 12, 6))
    orientation = ("orientation", 15.0 * np.arange(12), {"units": "degree", "period": 180.0})

    def curves(samples: np.ndarray, *dims: str, **drawn: object) -> xr.Dataset:
        return xr.Dataset(
            {
                "fisher_information": (("layer", "orientation"), information.mean(-1)),
                "fisher_information_samples": (("layer", "orientation", *dims), samples),
            },
            {"layer": ["input", "late"], "orientation": orientation, **drawn},
            results.provenance("sensitivity") | {"along": "orientation"},
        )

    drawn = {"phase": ("draw", rng.random(6))}
    plain = curves(information, "draw", **drawn)
    # The same draws, each at ten values of a grid that change nothing.
    repeated = curves(np.repeat(information[..., None], 10, -1), "draw", "contrast", **drawn)
    assert np.allclose(contents.draws(repeated), contents.draws(plain))
    assert contents.draws(curves(information, "phase")).shape == (2, 12, 0)
    other = curves(information, "draw", phase=("draw", rng.random(6)))
    with pytest.raises(FechnerError, match="averaged over different nuisance values"):
        fechner.difference(plain, other)

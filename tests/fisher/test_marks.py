"""The error of integration over nuisances, and the resolution of the grid, against closed forms and simulations."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pytest
import torch
from torch import nn

from fechner import Draws, FechnerError, Gabor, Midpoints, load, sensitivity
from fechner.errors import FechnerWarning
from fechner.fisher.marks import roughness
from fechner.networks import Network
from fechner.stimuli import Parameter

GABOR = Gabor(size=32, pixels_per_degree=16)
QUIET = {"progress": False, "layers": "all"}


@pytest.fixture
def linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 5, bias=False)).double().eval()


def test_two_phases_of_a_linear_network_are_wrong_by_half_of_the_estimate(linear: nn.Module) -> None:
    """J is a constant and one harmonic of twice the phase, so that three phases are exact and two alias it."""
    kw = {"values": 6, "dtype": torch.float64, **QUIET}
    two, three = (sensitivity(linear, GABOR, average={"phase": count}, **kw) for count in (2, 3))
    scale = three.fisher_information.max("orientation")
    error = two.fisher_information_error
    assert (
        float(np.abs(error - 2 * np.abs(two.fisher_information - three.fisher_information)).max() / scale.min()) < 1e-9
    )
    assert float((error / scale).sel(layer="1").max()) > 0.1
    assert float((three.fisher_information_error / scale).max()) < 1e-9
    assert two.uncertain.equals(two.fisher_information_error > 0.05 * two.fisher_information)


def test_the_midpoint_rule_over_contrast_has_its_closed_form(linear: nn.Module) -> None:
    """J is proportional to squared contrast: the rule gives 1/3 − 1/12n², and the trapezoids half a step off 1/3 + 1/6n²."""
    kw = {"values": [20.0], "dtype": torch.float64, **QUIET}
    whole = sensitivity(linear, GABOR, average={"contrast": [1.0], "phase": 1}, **kw).fisher_information
    for spec, count in ((4, 4), (Midpoints(0.0, 1.0, 10), 10)):
        curves = sensitivity(linear, GABOR, average={"contrast": spec, "phase": [0.0]}, **kw)
        assert np.allclose(curves.fisher_information, whole * (1 / 3 - 1 / (12 * count**2)))
        assert np.allclose(curves.fisher_information_error, whole / (4 * count**2))
        assert curves.contrast.values[0] == pytest.approx(0.5 / count)


def test_what_is_no_rule_has_no_error(small: Network) -> None:
    for average in ({}, {"phase": [0.0, 10.0]}, {"phase": Draws(3)}, {"phase": [0.0]}):
        assert "fisher_information_error" not in sensitivity(small, GABOR, values=3, average=average, **QUIET)
    even, number = (sensitivity(small, GABOR, values=3, average={"phase": p}, **QUIET) for p in ([0, 120, 240], 3))
    assert np.array_equal(even.fisher_information_error, number.fisher_information_error)
    without = sensitivity(small, GABOR, values=3, average={"phase": 3}, integration_error=False, **QUIET)
    assert {"fisher_information_error", "uncertain"}.isdisjoint(without)
    assert np.array_equal(without.fisher_information, number.fisher_information)


def test_the_error_of_one_value_is_not_known_and_said_so(small: Network) -> None:
    with pytest.warns(
        FechnerWarning, match="the integration error over phase is not known, because a grid has one value"
    ):
        curves = sensitivity(small, GABOR, values=3, average={"phase": 1}, **QUIET)
    assert np.isnan(curves.fisher_information_error).all()
    assert not curves.uncertain.any()


Circle = Annotated[torch.Tensor, Parameter("degree", period=360.0)]


def aliased(angle: torch.Tensor, a: Circle, b: Circle) -> torch.Tensor:
    """Images whose derivative by the angle has a squared length of 1 + ½ cos 8(a + b), but for a factor."""
    size = torch.sqrt(1 + 0.5 * torch.cos(8 * torch.deg2rad(a + b)))
    return (0.5 + 1e-3 * angle * size)[:, None, None, None].expand(-1, 3, 32, 32)


def test_what_depends_on_the_sum_of_two_parameters_is_not_hidden(linear: nn.Module) -> None:
    """Two grids of 8 alias cos 8(a + b), and shifted together they would do so alike."""
    both = {"a": 8, "b": 8}
    curves = sensitivity(linear, aliased, "angle", [1.0, 2.0], both, dtype=torch.float64, **QUIET)
    assert curves.uncertain.all()
    with pytest.warns(FechnerWarning, match="error over b is not known"):
        one = sensitivity(linear, aliased, "angle", [1.0, 2.0], {"a": 8, "b": 1}, dtype=torch.float64, **QUIET)
    assert one.uncertain.all()


def test_draws_stay_while_grids_are_shifted(small: Network) -> None:
    kw = {"values": 4, **QUIET}
    drawn = sensitivity(small, GABOR, average={"contrast": Draws(3), "phase": 4}, seed=1, **kw)
    other = [
        sensitivity(small, GABOR, average={"contrast": [float(c)], "phase": np.arange(4) * 90.0 + 45}, **kw)
        for c in drawn.contrast
    ]
    expected = np.abs(drawn.fisher_information - sum(o.fisher_information for o in other) / 3)
    assert np.allclose(
        drawn.fisher_information_error, expected, rtol=1e-3, atol=1e-6 * float(drawn.fisher_information.max())
    )
    assert "fisher_information_se" in drawn


def test_uncertain_values_are_counted_in_the_notes(small: Network) -> None:
    with pytest.warns(FechnerWarning) as caught:
        curves = sensitivity(small, GABOR, values=12, average={"phase": 2}, **QUIET)
    count, layers = int(curves.uncertain.sum()), int(curves.uncertain.any("orientation").sum())
    assert count
    note = next(str(w.message) for w in caught if "exceeds" in str(w.message))
    assert f"exceeds 5% of J at {count} values of {layers} layer" in note
    assert "average over more values of phase" in note
    assert note.removeprefix("small: ") in curves.notes


def test_a_grid_that_cannot_be_shifted_says_what_to_do(small: Network) -> None:
    average = {"spatial_frequency": Midpoints(7.0, 8.1, 2), "phase": [0.0]}
    with pytest.raises(FechnerError, match=r"the grid half a step off.*Nyquist.*integration_error=False"):
        sensitivity(small, GABOR, values=3, average=average, **QUIET)
    assert "uncertain" not in sensitivity(small, GABOR, values=3, average=average, integration_error=False, **QUIET)


@pytest.mark.parametrize(
    ("low", "high", "count"), [(1.0, 1.0, 3), (0.9, 0.5, 3), (0.5, 0.9, 0), (0.0, np.inf, 3), ("a", 1, 3)]
)
def test_midpoints_are_checked(low: object, high: object, count: object) -> None:
    with pytest.raises(FechnerError, match="must be"):
        Midpoints(low, high, count)


def test_roughness_of_noise_is_one_and_of_smooth_curves_is_zero() -> None:
    rng = np.random.default_rng(0)
    grids = {
        "circle": (np.arange(36) * 5.0, 180.0),
        "part of a circle": (np.arange(20) * 5.0, 180.0),
        "line": (np.arange(20.0), None),
        "uneven": (np.geomspace(1, 8, 20), None),
    }
    for name, (values, period) in grids.items():
        noise = np.exp(0.3 * rng.standard_normal((2000, len(values))))
        assert roughness(noise, values, period).mean() == pytest.approx(1, abs=0.1), name
        smooth = 5 + np.cos(2 * np.pi * values / (period or 2 * values[-1]))
        assert roughness(smooth, values, period) < 1e-3, name
        order = rng.permutation(len(values))
        assert np.allclose(roughness(noise[:, order], values[order], period), roughness(noise, values, period)), name
    assert roughness(5 + 1e-3 * noise, values).max() == 0
    assert np.isnan(roughness(np.append(noise[0, 1:], np.nan), values))
    assert roughness(np.zeros(20), values) == 0


def test_resolution_is_judged_from_eight_values_on(small: Network) -> None:
    few, enough = (sensitivity(small, GABOR, values=n, average={"phase": 2}, **QUIET) for n in (7, 8))
    assert "resolved" not in few
    assert enough["resolved"].dims == ("layer",)
    assert enough["resolved"].dtype == bool
    assert enough["resolved"].values[0]


@pytest.mark.slow
def test_shuffled_weights_make_curves_that_no_usual_grid_resolves() -> None:
    kw = {"values": 36, "average": {"phase": 4}, "layers": "blocks", "integration_error": False, "progress": False}
    with pytest.warns(FechnerWarning, match="does not resolve the curves of .* layers"):
        shuffled = sensitivity(load("efficientnet_lite0", "shuffled"), Gabor(), **kw)
    # With 36 values it is noticed of most layers, and with 60 of all.
    assert float(shuffled["resolved"].isel(layer=slice(4, None)).mean()) < 0.8
    assert sensitivity(load("efficientnet_lite0", "init"), Gabor(), **kw)["resolved"].all()

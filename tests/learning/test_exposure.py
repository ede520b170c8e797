"""Sampling from any density on the circle, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr
from scipy import stats

from fechner import FechnerError, circular, human
from fechner.learning import Erasure, Exposure, band, sinusoidal
from fechner.learning.exposure import Density
from fechner.stimuli import Parameter

ORIENTATION = Parameter("degree", period=180.0, convention=circular.BARS)
MEASURED = xr.Dataset(
    {"density": ("orientation", circular.normalize([3.0, 1.0, 2.0, 1.0, 0.0, 1.0], 180.0))},
    {"orientation": circular.grid(6, 180.0)},
)


@pytest.mark.parametrize(
    "density",
    ["uniform", sinusoidal(90.0), sinusoidal(20.0), human.analytic_orientation_prior, band(15.0, 45.0), band(170.0, 190.0), MEASURED],
    ids=["uniform", "published", "shifted", "analytic", "band", "band around 0", "measured"],
)  # fmt: skip
def test_samples_follow_the_density(density: Density) -> None:
    exposure = Exposure(1, density)
    exposure.check("orientation", ORIENTATION, 60)
    sample = exposure.sampler("orientation", 180.0, torch.device("cpu"))
    drawn, noise = sample(torch.rand(40_000, generator=torch.Generator().manual_seed(0)))
    assert float(drawn.min()) >= 0
    assert float(drawn.max()) < 180
    assert (noise == 0).all()
    fine = np.linspace(0, 180, 18_001)
    middle = (fine[1:] + fine[:-1]) / 2
    cumulative = np.append(0, np.cumsum(exposure.density_at(middle))) * 0.01
    test = stats.kstest(drawn.numpy(), lambda x: np.interp(x, fine, cumulative / cumulative[-1]))
    assert test.pvalue > 0.001


def test_values_without_density_are_never_drawn() -> None:
    sample = Exposure(1, band(15.0, 45.0)).sampler("orientation", 180.0, torch.device("cpu"))
    drawn, _ = sample(torch.linspace(0, 1 - 2**-24, 100_001))
    assert float(drawn.min()) >= 15
    assert float(drawn.max()) <= 45


def test_noise_is_that_of_the_value_drawn() -> None:
    ramp = np.linspace(0, 1, 181)[:-1]
    forms = (lambda x: x / 180, ramp)
    for noise in forms:
        exposure = Exposure(1, channel=Erasure(), noise=noise)
        drawn, found = exposure.sampler("orientation", 180.0, torch.device("cpu"))(torch.linspace(0.01, 0.99, 99))
        assert found.numpy() == pytest.approx(drawn.numpy() / 180, abs=3e-4)


def test_other_circles() -> None:
    exposure = Exposure(1, lambda hue: (1 + np.cos(np.deg2rad(hue))) / 360)
    exposure.check("hue", Parameter("degree", period=360.0), 60)
    drawn, _ = exposure.sampler("hue", 360.0, torch.device("cpu"))(torch.linspace(0, 0.999, 1000))
    assert float(drawn.max()) > 300


@pytest.mark.parametrize(
    ("exposure", "message"),
    [
        (Exposure(1, lambda x: np.cos(np.deg2rad(x)) / 180), "not negative, got -0.00555.* at orientation 179.95"),
        (Exposure(1, lambda x: np.full_like(x, np.nan)), "must be finite"),
        (Exposure(1, lambda x: np.ones_like(x)), r"must integrate to 1 over \[0, 180\), got 180; divide it by 180"),
        (Exposure(1, lambda x: np.zeros_like(x)), "got 0"),
        (Exposure(1, "uniform", Erasure(), 1.2), r"must lie in \[0, 1\], got 1.2"),
        (Exposure(1, "uniform", Erasure(), lambda x: -x), r"must lie in \[0, 1\], got -179.95"),
        (Exposure(1, "uniform", None, 0.2), "needs a channel"),
        (Exposure(1, "uniform", Erasure(10)), "channel has 10 classes and the task 60"),
        (Exposure(1, xr.Dataset({"spam": 1.0})), "a density along orientation, this one has spam"),
    ],
)
def test_what_cannot_be_shown(exposure: Exposure, message: str) -> None:
    with pytest.raises(FechnerError, match=message):
        exposure.check("orientation", ORIENTATION, 60)


def test_a_density_of_another_hue_is_refused() -> None:
    hue = Parameter("degree", period=360.0, convention=circular.CIELCH)
    measured = MEASURED.rename(orientation="hue").assign_coords(
        hue=("hue", circular.grid(6, 360.0), {"convention": circular.HSV})
    )
    with pytest.raises(
        FechnerError, match="hue is 'CIELAB hue angle.*' in the stimulus and 'HSV hue of sRGB' in the density"
    ):
        Exposure(1, measured / 2).check("hue", hue, 60)


def test_bad_exposures() -> None:
    with pytest.raises(FechnerError, match="steps must be a whole number of at least 1, got 0"):
        Exposure(0)
    with pytest.raises(FechnerError, match="'uniform' or a function or a Dataset, got 'published'"):
        Exposure(1, "published")  # type: ignore[arg-type]
    with pytest.raises(FechnerError, match="low < high"):
        band(45.0, 15.0)

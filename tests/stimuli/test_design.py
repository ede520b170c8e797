"""What is presented: resolved and checked once, and read as tensors and coordinates in one order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy import stats

from fechner import FechnerError, Gabor
from fechner.stimuli import Contrast, Design, Draws, Length, Midpoints, Stimulus

GABOR = Gabor(size=16)
LIKE = torch.empty(0, dtype=torch.float64)


def test_what_is_measured_comes_back_where_its_stimulus_was() -> None:
    design = Design(GABOR, "orientation", [0.0, 10.0, 25.0], {"phase": 4, "contrast": [0.2, 0.7]})
    presented = design.tensors(LIKE)
    assert {len(v) for v in presented.values()} == {3 * 4 * 2}
    # A measure that is different for every stimulus.
    measured = sum(w * presented[n].numpy() for n, w in {"orientation": 1.0, "phase": 100.0, "contrast": 1e5}.items())
    arranged = design.arranged(np.stack([measured, -measured]))
    assert arranged.shape == (2, 3, 4, 2)
    mesh = np.meshgrid(design.values, design.grids["phase"], design.grids["contrast"], indexing="ij")
    assert np.allclose(arranged[0], mesh[0] + 100 * mesh[1] + 1e5 * mesh[2])
    assert np.allclose(arranged[1], -arranged[0])
    runs = design.runs(LIKE, design.values)
    assert all(torch.equal(torch.cat([run[n] for run in runs]), presented[n]) for n in presented)


def test_without_nuisances_there_is_one_run() -> None:
    design = Design(GABOR, "orientation", 3, {})
    assert design.nuisances == [{}]
    assert design.arranged(np.arange(3.0)[None]).tolist() == [[0, 1, 2]]
    assert Design(GABOR, "orientation", 3).grids["phase"].size == 20
    assert Design(GABOR, "phase", 3).dims == ()


def test_half_a_step_off_shifts_one_rule_at_a_time() -> None:
    average = {"phase": 4, "contrast": Midpoints(0.2, 0.8, 3), "sigma": [0.1, 0.2], "spatial_frequency": [2.0]}
    design = Design(GABOR, "orientation", 3, average)
    phase, contrast = design.half_a_step_off()
    assert phase.grids["phase"].tolist() == [45.0, 135.0, 225.0, 315.0]
    assert phase.grids["contrast"].tolist() == design.grids["contrast"].tolist()
    assert contrast.grids["contrast"] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert contrast.grids["phase"].tolist() == design.grids["phase"].tolist()
    assert contrast.grids["sigma"].tolist() == [0.1, 0.2]
    assert contrast.shape == (4, 4, 2, 1)
    # The trapezoid rule is exact for a line; the ends count half.
    values = np.broadcast_to(contrast.grids["contrast"][:, None, None], (3, 4, 4, 2, 1))
    assert contrast.mean(values) == pytest.approx(np.full(3, 0.5))
    assert contrast.mean(values**2) == pytest.approx(np.full(3, (0.02 + 0.16 + 0.36 + 0.32) / 3))


def test_draws_are_uniform_and_drawn_together() -> None:
    design = Design(GABOR, "orientation", 2, {"phase": Draws(2000), "contrast": Draws(2000)}, seed=3)
    assert design.dims == ("draw",)
    assert design.shape == (2000,)
    assert stats.kstest(design.drawn["phase"], stats.uniform(0, 360).cdf).pvalue > 1e-3
    assert stats.kstest(design.drawn["contrast"], stats.uniform(0, 1).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(design.drawn["phase"], design.drawn["contrast"])[0, 1]) < 0.1
    assert design.coordinates()["phase"][0] == "draw"


@pytest.mark.parametrize(
    ("along", "values", "average", "message"),
    [
        ("hue", 3, {}, "unknown parameter of the stimulus 'hue'"),
        ("phase", 3, {"phase": 2}, "'phase' cannot be both the parameter measured and one averaged over"),
        ("orientation", 3, {"fase": 2}, "unknown parameter of the stimulus 'fase'.*phase"),
        (
            "orientation",
            3,
            {"phase": Draws(2), "contrast": Draws(3)},
            "give them the same count, got phase 2, contrast 3",
        ),
        ("orientation", 10**11, {}, "100000000000 stimuli"),
        ("orientation", 10**6, {"phase": Draws(10**6)}, "1000000 × 1000000 stimuli"),
        ("contrast", [0.5, 1.5], {}, r"contrast must lie in \[0, 1\]"),
        ("orientation", 3, {"spatial_frequency": [9.0, 51.0]}, "above the Nyquist limit"),
        ("orientation", "many", {}, "values of orientation must be a number of values or a list of numbers"),
        ("orientation", 3, ["phase"], "average must be a mapping"),
        ("phase", 3, {"draw": 2}, "unknown parameter of the stimulus 'draw'"),
    ],
)
def test_all_of_it_is_checked(along: str, values: object, average: dict[str, object], message: str) -> None:
    with pytest.raises(FechnerError, match=message):
        Design(GABOR, along, values, average)


@pytest.mark.parametrize("count", [0, -1, 2.5, "3", True])
def test_draws_are_counted(count: object) -> None:
    with pytest.raises(FechnerError, match="count must be a whole number of at least 1"):
        Draws(count)


@dataclass(frozen=True)
class Annulus(Stimulus):
    """Two radii, of which the inner one must be less; with a parameter whose name results use themselves."""

    inner: Length = 0.02
    outer: Length = 0.2
    depth: Contrast = 0.5

    def check(self, values: Mapping[str, np.ndarray]) -> None:
        super().check(values)
        if (values["inner"] >= values["outer"]).any():
            raise FechnerError("inner must be less than outer")

    def luminance(self) -> torch.Tensor:
        x, y = self.grid()
        r = torch.hypot(x, y)
        return 0.5 + 0.4 * self.depth * (
            torch.sigmoid((r - self.inner) / 0.02) - torch.sigmoid((r - self.outer) / 0.02)
        )


def test_rules_see_every_combination_that_is_presented() -> None:
    stimulus = Annulus(size=16)
    assert Design(stimulus, "inner", [0.02, 0.04], {"outer": [0.05, 0.1, 0.15]}).shape == (3,)
    # Side by side each inner radius is less than its outer one; the third is not less than the first outer one.
    with pytest.raises(FechnerError, match="inner must be less than outer"):
        Design(stimulus, "inner", [0.02, 0.06, 0.09], {"outer": [0.05, 0.1, 0.15]})


def test_names_that_results_use_are_refused_before_anything_is_measured() -> None:
    for along, average in (("depth", {}), ("inner", {"depth": [0.2, 0.5]})):
        with pytest.raises(FechnerError, match="results use the name 'depth' themselves; give this parameter"):
            Design(Annulus(size=16), along, [0.03, 0.04], average)

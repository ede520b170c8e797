"""Measures of history against curves made to have them."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from fechner import FechnerError, circular
from fechner.learning import history


def curves(values: list[list[float]]) -> xr.DataArray:
    return xr.DataArray(values, {"seed": [0, 1], "step": [0, 10, 20]}, ("seed", "step"))


@given(ratio=st.floats(0.2, 5))
def test_preference_is_the_log_of_a_ratio_of_roots(ratio: float) -> None:
    orientation = circular.grid(60, 180.0)
    root = np.where(circular.near(orientation, [0.0], 180.0, 30.0), ratio, 1.0)
    data = xr.Dataset(
        {"fisher_information": (("layer", "orientation"), [root**2])}, {"layer": ["x"], "orientation": orientation}
    )
    assert float(history.preference(data, 0.0, 90.0, "x")) == pytest.approx(np.log(ratio))
    assert float(history.preference(data, 178.0, 90.0, "x", 20.0)) == pytest.approx(np.log(ratio))
    with pytest.raises(FechnerError, match="layer 'y' was not recorded; there are x"):
        history.preference(data, 0.0, 90.0, "y")
    with pytest.raises(FechnerError, match="no recorded orientation"):
        history.preference(data, 1.5, 90.0, "x", 1.0)


def test_hysteresis_of_a_lasting_a_forgotten_and_a_reversed_impression() -> None:
    first = curves([[0, 2, 2], [0, 1, 0]])
    assert history.hysteresis(first, -first, 10).tolist() == [1.0, 0.0]
    reversed_ = curves([[0, 1, -0.5], [0, 1, -1]])
    assert history.hysteresis(reversed_, -reversed_, 10).tolist() == [-0.5, -1.0]
    with pytest.raises(FechnerError, match="step 15, of the switch, was not recorded"):
        history.hysteresis(first, first, 15)


def test_slopes_have_the_right_standard_errors() -> None:
    rng = np.random.default_rng(0)
    x = np.arange(0, 41)
    line = np.where(x <= 20, 0.2 * x, 4 - 0.6 * (x - 20))
    found = [history.slopes(x, line + rng.normal(0, 0.3, 41), 20, 20) for _ in range(400)]
    for name, expected in (("before", 0.2), ("after", -0.6), ("ratio", -3.0)):
        values, errors = (np.array([getattr(f, n) for f in found]) for n in (name, f"{name}_se"))
        assert values.mean() == pytest.approx(expected, rel=0.02)
        assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(), rel=0.15)
    with pytest.raises(FechnerError, match="at least 3 recordings are needed after step 40"):
        history.slopes(x, line, 40, 20)

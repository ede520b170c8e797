import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fechner import circular

angles = st.floats(-1000, 1000)


@given(st.integers(1, 400), st.sampled_from([180.0, 360.0]))
def test_grid_is_half_open_and_even(n: int, period: float) -> None:
    grid = circular.grid(n, period)
    assert len(grid) == n
    assert grid[0] == 0
    assert grid[-1] < period
    assert np.allclose(np.diff(np.append(grid, period)), period / n)


@given(angles, angles, st.integers(-3, 3))
def test_distance_is_symmetric_bounded_and_periodic(a: float, b: float, turns: int) -> None:
    d = circular.distance(a, b, 180.0)
    assert 0 <= d <= 90
    assert d == circular.distance(b, a, 180.0)
    assert d == pytest.approx(circular.distance(a + 180 * turns, b, 180.0), abs=1e-6)


def test_near_wraps() -> None:
    assert circular.near([0, 6, 90, 170, 175], [0.0], 180, 7.5).tolist() == [True, True, False, False, True]

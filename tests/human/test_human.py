import numpy as np
import pytest
from scipy.integrate import quad

from fechner import FechnerError, human


def test_every_entry_has_units_and_source() -> None:
    for name in human.available():
        data = human.read(name)
        assert data.low.attrs["units"]
        assert (data.low <= data.high).all()
        assert all(len(s) > 20 for s in data.source.values)
        assert all(data.how.values)


def test_unknown_name() -> None:
    with pytest.raises(FechnerError, match="did you mean: orientation-discrimination"):
        human.read("orientation")


def test_analytic_prior_is_a_density_per_degree() -> None:
    total = quad(lambda t: float(human.analytic_orientation_prior(t)), 0, 180, points=[90])[0]
    assert total == pytest.approx(1)
    assert np.argmin(human.analytic_orientation_prior(np.arange(180))) in (45, 135)


def test_cielab_distance_per_degree_of_hue() -> None:
    hue = np.arange(0, 360, 1.0)
    distance = human.cielab_hue_distance(hue)
    around = np.concatenate([distance[-2:], distance, distance[:2]])
    peaks = [h for h in range(360) if around[h + 2] == around[h : h + 5].max() and around[h + 2] > 2]
    assert peaks == pytest.approx([45, 210, 338], abs=1)
    assert distance[peaks] == pytest.approx([2.53, 3.44, 2.47], abs=0.01)
    assert distance[[118, 241]] == pytest.approx(0.12, abs=0.02)
    assert distance.min() > 0.1
    # The whole way round is the same length, whatever the step.
    assert human.cielab_hue_distance(np.arange(0, 360, 0.5), step=0.5).mean() == pytest.approx(
        distance.mean(), rel=1e-3
    )
    with pytest.raises(FechnerError, match="saturation must be"):
        human.cielab_hue_distance(hue, saturation=2)

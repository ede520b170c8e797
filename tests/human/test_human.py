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

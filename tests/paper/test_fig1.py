"""Figure 1: predictions follow from the density by their exponents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from fechner.paper import fig1
from fechner.paper.run import Run
from fechner.plot.style import new_figure, write


def test_predictions_claims_and_figure(tmp_path: Path) -> None:
    data = fig1.compute(Run("quick", tmp_path / "fig1", say=lambda _: None))
    prediction = data["prediction"].to_dataset()
    p = prediction.relative_sensitivity.sel(q=2.0)
    for q in fig1.EXPONENTS:
        root = prediction.relative_sensitivity.sel(q=q)
        assert float(root.mean()) == pytest.approx(1)
        assert stats.linregress(np.log(p), np.log(root)).slope == pytest.approx(q / 2)
        assert (prediction.relative_threshold.sel(q=q) * root).std() < 1e-12
    (claim,) = fig1.claims(data)
    assert claim.interval[0] < claim.measured < claim.interval[1]
    assert data["density"].density.size == 180
    (path,) = write(fig1.draw(data)["fig1"], tmp_path / "f", ("png",))
    assert path.stat().st_size > 10_000
    # What the photographs gave is kept for the next figure, and not measured again.
    said: list[str] = []
    fig1.compute(Run("quick", tmp_path / "fig2", say=said.append))
    assert not said


def test_people_are_drawn_by_their_analytic_form_and_the_threshold_of_a_text() -> None:
    axes = new_figure(2, 2).subplots()
    fig1.draw_people(axes)
    form, marks = (np.asarray(line.get_ydata(), float) for line in axes.lines)
    # Relative to its mean, and twice as sensitive at the meridians as between them.
    assert form[:-1].mean() == pytest.approx(1, rel=1e-4)
    assert form[0] / form[90] == pytest.approx(2)
    assert marks == pytest.approx(form[[0, 180, 360]])
    # The right axis says that 0.6 degrees are the threshold there.
    (right,) = axes.child_axes
    assert right._functions[0](marks[0]) == pytest.approx(1 / 0.6)  # type: ignore[attr-defined]

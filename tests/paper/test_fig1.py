"""Figure 1: predictions follow from the density by their exponents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from fechner.paper import fig1
from fechner.paper.run import Run
from fechner.plot.style import write


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

"""A claim's criterion and verdict come from its estimate and its bound alone, and survive being written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from fechner.paper.catalogue import FIGURES
from fechner.paper.claim import Bound, Estimate, Findings, above, below, judge, measured, read, within, write

SEEDS = np.array([0.9, 1.0, 1.1, 1.05])


@pytest.mark.parametrize(
    ("bound", "verdict", "words"),
    [
        (above(0.8), "holds", "the whole {} lies above 0.8"),
        (above(1), "undecided", "the whole {} lies above 1"),
        (above(1.3), "does not hold", "the whole {} lies above 1.3"),
        (below(1.3), "holds", "the whole {} lies below 1.3"),
        (below(1), "undecided", "the whole {} lies below 1"),
        (below(0.8), "does not hold", "the whole {} lies below 0.8"),
        (within(0.8, 1.3), "holds", "the whole {} lies between 0.8 and 1.3"),
        (within(0.8, 1.1), "undecided", "the whole {} lies between 0.8 and 1.1"),
        (within(0.2, 0.4), "does not hold", "the whole {} lies between 0.2 and 0.4"),
        (within(1.3, 2), "does not hold", "the whole {} lies between 1.3 and 2"),
    ],
)
def test_the_verdict_is_that_of_the_interval(bound: Bound, verdict: str, words: str) -> None:
    claim = judge("fig2-late", "late layers prefer it", "ratio", Estimate.over(SEEDS, "seeds"), bound)
    assert claim.criterion == f"ratio; {words.format('95 % t-interval over 4 seeds')}"
    assert claim.figure == "fig2"
    assert claim.verdict == verdict


def test_the_interval_over_seeds_is_students() -> None:
    estimate = Estimate.over(SEEDS, "seeds")
    expected = stats.ttest_1samp(SEEDS, 0).confidence_interval()
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high))
    assert estimate.value == pytest.approx(SEEDS.mean())


def test_one_seed_has_no_interval_and_decides_nothing() -> None:
    for bound in (above(0), above(2), below(9), within(0, 9)):
        assert judge("fig2-one", "", "", Estimate.over([1.0], "seeds"), bound).verdict == "undecided"
        assert judge("fig2-one", "", "", Estimate.alone(1.0), bound).verdict == "undecided"


def test_a_measurement_names_what_was_sampled_where_it_has_an_interval() -> None:
    assert measured("fig2-late", "ratio", Estimate.over(SEEDS, "seeds")).sampled == "95 % t-interval over 4 seeds"
    assert measured("fig2-late", "ratio", Estimate.over([1.0], "seeds")).sampled == ""
    assert measured("fig2-late", "ratio", 1.0).measured == 1


def test_a_ratio_is_estimated_by_its_logarithm() -> None:
    logs = Estimate.over(np.log(SEEDS), "seeds")
    ratio = logs.exp()
    assert [ratio.low, ratio.value, ratio.high] == pytest.approx(np.exp([logs.low, logs.value, logs.high]))


def test_findings_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "claims.json"
    claims = [judge(f"fig2-{n}", "é", "ratio", Estimate.over(SEEDS, "seeds"), above(n)) for n in (0, 2)]
    write(Findings(claims, [measured("fig2-a", "é", Estimate.over(SEEDS, "seeds"))]), path)
    assert read(path) == Findings(claims, [measured("fig2-a", "é", Estimate.over(SEEDS, "seeds"))])
    # What is unknown is null, because JSON has no NaN.
    write(Findings([], [measured("fig2-a", "", float("nan")), measured("fig2-b", "", 2.0)]), path)
    assert "NaN" not in path.read_text()
    unknown, known = read(path).measurements
    assert np.isnan(unknown.measured)
    assert (known.measured, known.sampled) == (2, "")
    assert np.isnan(known.interval).all()


def test_the_reason_of_a_claim_is_the_first_that_fits() -> None:
    figure = FIGURES["fig2"]
    initial, follows = (
        judge(f"fig2-{name}", "", "", Estimate.over(SEEDS, "seeds"), above(2)) for name in ("late-init", "follows")
    )
    assert figure.reason(initial) == "Few networks make wide intervals."
    assert figure.reason(follows).startswith("Few networks make wide intervals: one whose late layers")

"""A claim's criterion and verdict come from its estimate and its bound alone, and survive being written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from fechner.paper.catalogue import FIGURES
from fechner.paper.claim import Bound, Estimate, above, below, equals, judge, read, within, write

SEEDS = np.array([0.9, 1.0, 1.1, 1.05])


@pytest.mark.parametrize(
    ("bound", "holds", "words"),
    [
        (above(0.8), True, "the whole {} lies above 0.8"),
        (above(1), False, "the whole {} lies above 1"),
        (below(1.3), True, "the whole {} lies below 1.3"),
        (below(1), False, "the whole {} lies below 1"),
        (within(0.8, 1.3), True, "the whole {} lies between 0.8 and 1.3"),
        (within(0.8, 1.1), False, "the whole {} lies between 0.8 and 1.1"),
        (equals(1, 0, "°"), True, "the {} holds 1° and not 0°"),
        (equals(1.1, 1.05), False, "the {} holds 1.1 and not 1.05"),
        (equals(1, 181, "°", 180), False, "the {} holds 1° and not 181°"),
    ],
)
def test_the_verdict_is_that_of_the_interval(bound: Bound, holds: bool, words: str) -> None:
    claim = judge("fig2-late", "late layers prefer it", "ratio", Estimate.over(SEEDS, "seeds"), bound)
    assert claim.criterion == f"ratio; {words.format('95 % t-interval over 4 seeds')}"
    assert claim.figure == "fig2"
    assert claim.holds is holds


def test_the_interval_over_seeds_is_students() -> None:
    estimate = Estimate.over(SEEDS, "seeds")
    expected = stats.ttest_1samp(SEEDS, 0).confidence_interval()
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high))
    assert estimate.value == pytest.approx(SEEDS.mean())


def test_one_seed_has_no_interval_and_carries_no_claim() -> None:
    for bound in (above(0), below(9), within(0, 9), equals(1, 0)):
        assert not judge("fig2-one", "", "", Estimate.over([1.0], "seeds"), bound).holds


def test_a_choice_among_many_has_a_wider_interval() -> None:
    replicates = np.random.default_rng(0).normal(size=10_000)
    one, chosen = (Estimate.bootstrap(0.0, replicates, "phases", choices=n) for n in (1, 20))
    assert chosen.low < one.low < one.high < chosen.high
    assert "choice among 20" in chosen.interval
    assert stats.norm.cdf(one.high) == pytest.approx(0.975, abs=0.01)
    assert stats.norm.cdf(chosen.high) == pytest.approx(1 - 0.025 / 20, abs=0.002)


def test_a_ratio_is_estimated_by_its_logarithm() -> None:
    logs = Estimate.over(np.log(SEEDS), "seeds")
    ratio = logs.exp()
    assert [ratio.low, ratio.value, ratio.high] == pytest.approx(np.exp([logs.low, logs.value, logs.high]))


def test_claims_are_read_as_they_were_written(tmp_path: Path) -> None:
    claims = [judge(f"fig2-{n}", "é", "ratio", Estimate.over(SEEDS, "seeds"), above(n)) for n in (0, 2)]
    write(claims, tmp_path / "claims.json")
    assert read(tmp_path / "claims.json") == claims


def test_the_reason_of_a_claim_is_the_first_that_fits() -> None:
    figure = FIGURES["fig3"]
    follows, random = (
        judge(f"fig3-resnet18-{name}", "", "", Estimate.over(SEEDS, "seeds"), above(2))
        for name in ("follows", "follows-over-init")
    )
    assert figure.reason(random).startswith("Three seeds")
    assert figure.reason(follows).startswith("The paper measured ResNet18")

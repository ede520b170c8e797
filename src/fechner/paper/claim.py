"""A claim of the paper, and the one way in which all of them are judged.

A figure computes an `Estimate`, a value with its 95 % interval, and says where it must lie for a sentence of the paper to
hold: a bound. `judge` makes a `Claim` of both, whose criterion and verdict follow from them alone:

>>> effect = Estimate.over([1.5, 1.7, 1.6], "seeds")
>>> claim = judge("fig2-late", "late layers prefer cardinal orientations", "cardinal over oblique √J", effect, above(1))
>>> claim.criterion
'cardinal over oblique √J; the whole 95 % t-interval over 3 seeds lies above 1'
>>> claim.holds
True

A further kind of interval is a further constructor of `Estimate`, a further condition a further `Bound`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fechner.errors import FechnerError, first_line, printable
from fechner.interval import interval_in_words, jackknife_t, over_seeds, t_half_width
from fechner.outputs import whole
from fechner.results import read_json

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Claim:
    """`measured` and `interval` are in the units that `criterion` names; `holds` follows from them."""

    id: str
    figure: str
    statement: str
    criterion: str
    measured: float
    interval: tuple[float, float]
    holds: bool


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval, and what was sampled for the interval, in words.

    >>> Estimate(0.5, 0.25, 1.0, "95 % jackknife interval over photographs")
    Estimate(value=0.5, low=0.25, high=1.0, interval='95 % jackknife interval over photographs')
    """

    value: float
    low: float
    high: float
    interval: str

    @classmethod
    def over(cls, values: npt.ArrayLike, repetitions: str) -> Estimate:
        """Mean of a few independent values, such as those of seeds, with Student's t-interval.

        >>> Estimate.over([1.0, 2.0, 3.0], "seeds").interval
        '95 % t-interval over 3 seeds'
        """
        values = np.asarray(values, float)
        mean, half = values.mean(), t_half_width(values)
        return cls._of(mean, mean - half, mean + half, f"95 % t-interval over {len(values)} {repetitions}")

    @classmethod
    def bootstrap(cls, value: float, replicates: npt.ArrayLike, resampled: str, choices: int = 1) -> Estimate:
        """A value, and the percentiles of its bootstrap replicates; one that is NaN makes them NaN.

        >>> Estimate.bootstrap(2.0, np.linspace(1, 3, 201), "photographs")
        Estimate(value=2.0, low=1.05, high=2.95, interval='95 % bootstrap interval over photographs')

        A value that was chosen as the most extreme of several `choices` has a wider interval, by Bonferroni's correction.
        """
        tail = 0.025 / choices
        low, high = np.quantile(np.asarray(replicates, float), [tail, 1 - tail])
        corrected = f" (Bonferroni-corrected for the choice among {choices})" if choices > 1 else ""
        return cls._of(value, low, high, f"95 % bootstrap interval over {resampled}{corrected}")

    @classmethod
    def jackknife(cls, value: float, without: npt.ArrayLike, groups: str, scale: str = "identity") -> Estimate:
        """A value, and its interval from the values without each group in turn, as `interval.jackknife_t` gives it.

        >>> Estimate.jackknife(3.0, [3.5, 3.25, 3.0, 2.75, 2.5], "photographs").interval
        '95 % jackknife interval over photographs'
        """
        return cls._of(value, *jackknife_t(value, without, scale=scale), f"95 % jackknife interval over {groups}")

    @classmethod
    def of_trainings(cls, measure: Callable[..., npt.ArrayLike], *samples: Array) -> Estimate:
        """Mean over seeds of a measure of curves J (seed, …, nuisance value), as `interval.over_seeds` gives it."""
        return cls._of(*over_seeds(measure, *samples), interval_in_words(len(samples[0])))

    @classmethod
    def _of(cls, value: float, low: float, high: float, interval: str) -> Estimate:
        return cls(float(value), float(low), float(high), interval)

    def exp(self) -> Estimate:
        """The same of a ratio whose logarithm was estimated."""
        value, low, high = np.exp([self.value, self.low, self.high])
        return self._of(value, low, high, self.interval)

    def __add__(self, shift: float) -> Estimate:
        return replace(self, value=self.value + shift, low=self.low + shift, high=self.high + shift)


@dataclass(frozen=True)
class Bound:
    """Where all of an interval must lie, or a number that it must hold; `text` says it of the interval."""

    text: str
    holds: Callable[[float, float], bool]


def above(bound: float) -> Bound:
    """All of the interval lies above a number.

    >>> above(0).holds(0.1, 0.3), above(0).holds(-0.1, 0.3)
    (True, False)
    """
    return Bound(f"the whole {{}} lies above {bound:g}", lambda low, high: low > bound)


def below(bound: float) -> Bound:
    """All of the interval lies below a number."""
    return Bound(f"the whole {{}} lies below {bound:g}", lambda low, high: high < bound)


def within(least: float, most: float) -> Bound:
    """All of the interval lies between two numbers.

    >>> within(0.9, 1.1).holds(0.95, 1.0), within(0.9, 1.1).holds(0.95, 1.2)
    (True, False)
    """
    return Bound(f"the whole {{}} lies between {least:g} and {most:g}", lambda low, high: least < low and high < most)


def equals(expected: float, excluded: float, units: str = "", period: float | None = None) -> Bound:
    """The interval holds one number and not another, nor that a period away.

    >>> equals(45, 0, "°", 180).holds(40.0, 50.0), equals(45, 0, "°", 180).holds(-10.0, 100.0)
    (True, False)
    """
    others = [excluded] if period is None else [excluded - period, excluded, excluded + period]
    return Bound(
        f"the {{}} holds {expected:g}{units} and not {excluded:g}{units}",
        lambda low, high: low <= expected <= high and not any(low <= other <= high for other in others),
    )


def judge(id_: str, statement: str, quantity: str, estimate: Estimate, bound: Bound) -> Claim:
    """The claim that a quantity lies where the bound says; the id begins with the figure's name and a dash."""
    return Claim(
        id_,
        id_.partition("-")[0],
        statement,
        f"{quantity}; {bound.text.format(estimate.interval)}",
        estimate.value,
        (estimate.low, estimate.high),
        bool(bound.holds(estimate.low, estimate.high)),
    )


def write(claims: Sequence[Claim], path: Path) -> None:
    """Write claims.json, whole or not at all."""
    with whole(path) as part:
        part.write_text(json.dumps([asdict(c) for c in claims], indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path) -> list[Claim]:
    """Read claims.json; `FechnerError` if it is damaged."""
    remedy = "delete it, and claims are judged anew"
    claims = []
    for entry in read_json(path, list, remedy):
        try:
            claim = Claim(**entry)
            low, high = claim.interval
            texts = (claim.id, claim.figure, claim.statement, claim.criterion)
            claim = replace(claim, measured=float(claim.measured), interval=(float(low), float(high)))
            if not all(isinstance(t, str) for t in texts) or not isinstance(claim.holds, bool):
                raise TypeError("a claim has texts, numbers, and whether it holds")
        except (TypeError, ValueError, OverflowError) as e:
            raise FechnerError(f"'{path}' is damaged ({printable(first_line(e))}); {remedy}") from None
        claims.append(claim)
    return claims

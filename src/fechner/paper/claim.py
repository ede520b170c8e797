"""A claim of the paper and the one way in which all of them are judged; and measurements, which are not judged.

A figure computes an `Estimate`, a value with its 95 % interval, and says where it must lie for a sentence of the paper to
hold: a `Bound`. `judge` makes a `Claim` of both, whose criterion and verdict follow from them alone:

>>> effect = Estimate.over([1.5, 1.7, 1.6], "seeds")
>>> claim = judge("fig2-late", "late layers prefer cardinal orientations", "cardinal over oblique √J", effect, above(1))
>>> claim.criterion
'cardinal over oblique √J; the whole 95 % t-interval over 3 seeds lies above 1'
>>> claim.verdict
'holds'

A claim is a sentence of the paper, and its criterion is fixed before anyone looks. What else is worth knowing is a
`Measurement`. A further kind of interval is a further constructor of `Estimate`, a further condition a further `Bound`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from fechner.errors import FechnerError, first_line, printable
from fechner.interval import interval_in_words, jackknife_t, t_half_width
from fechner.outputs import whole
from fechner.results import read_json

Array = npt.NDArray[np.float64]
Verdict = Literal["holds", "does not hold", "undecided"]
# Where the values of repetitions are averaged: the way there, and back.
Scale = tuple[Callable[[Any], Any], Callable[[Any], Any]]
AS_IT_IS: Scale = (np.asarray, np.asarray)
LOG: Scale = (np.log, np.exp)
FISHERS_Z: Scale = (np.arctanh, np.tanh)


@dataclass(frozen=True)
class Claim:
    """`measured` and `interval` are in the units that `criterion` names; `verdict` follows from them."""

    id: str
    figure: str
    statement: str
    criterion: str
    measured: float
    interval: tuple[float, float]
    verdict: Verdict


@dataclass(frozen=True)
class Measurement:
    """A number that is worth knowing and claims nothing; `sampled` says what its interval is over, if it has one."""

    id: str
    figure: str
    statement: str
    sampled: str
    measured: float
    interval: tuple[float, float]


class Findings(NamedTuple):
    """What a figure says: its claims, and its further measurements."""

    claims: list[Claim]
    measurements: list[Measurement]


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval, and what was sampled for the interval, in words; NaN where there is no interval.

    >>> Estimate(0.5, 0.25, 1.0, "95 % jackknife interval over photographs")
    Estimate(value=0.5, low=0.25, high=1.0, interval='95 % jackknife interval over photographs')
    """

    value: float
    low: float
    high: float
    interval: str

    @classmethod
    def over(cls, values: npt.ArrayLike, repetitions: str, scale: Scale = AS_IT_IS) -> Estimate:
        """Mean of a few independent values, such as those of seeds, with Student's t-interval; none over a single value.

        >>> Estimate.over([1.0, 2.0, 3.0], "seeds").interval
        '95 % t-interval over 3 seeds'

        Both are computed on a scale: `LOG` for ratios, `FISHERS_Z` for correlations.

        >>> Estimate.over([1.0, 4.0], "seeds", LOG).value
        2.0
        """
        to, back = scale
        scaled: Array = to(np.asarray(values, float))
        mean, half = scaled.mean(), t_half_width(scaled)
        low, high = back(mean - half), back(mean + half)
        return cls._of(back(mean), low, high, interval_in_words(len(scaled), repetitions))

    @classmethod
    def alone(cls, value: float) -> Estimate:
        """A value without an interval, because nothing was sampled.

        >>> Estimate.alone(2.0)
        Estimate(value=2.0, low=nan, high=nan, interval='')
        """
        return cls._of(value, math.nan, math.nan, "")

    @classmethod
    def jackknife(cls, value: float, without: npt.ArrayLike, groups: str, scale: str = "identity") -> Estimate:
        """A value, and its interval from the values without each group in turn, as `interval.jackknife_t` gives it.

        >>> Estimate.jackknife(3.0, [3.5, 3.25, 3.0, 2.75, 2.5], "photographs").interval
        '95 % jackknife interval over photographs'
        """
        return cls._of(value, *jackknife_t(value, without, scale=scale), f"95 % jackknife interval over {groups}")

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
    """Between which two numbers all of an interval must lie; `text` says it of the interval.

    >>> [above(0).verdict(low, high) for low, high in ((0.1, 0.3), (-0.3, -0.1), (-0.1, 0.3))]
    ['holds', 'does not hold', 'undecided']
    """

    text: str
    least: float
    most: float

    def verdict(self, low: float, high: float) -> Verdict:
        """What follows of an interval: undecided where it reaches over an end of the bound, or there is none."""
        # An end of the interval may be infinite where the bound has none.
        above_least, below_most = (
            self.least < low or low == self.least == -math.inf,
            high < self.most or high == self.most == math.inf,
        )
        if above_least and below_most:
            return "holds"
        if high <= self.least or self.most <= low:
            return "does not hold"
        return "undecided"


def above(bound: float) -> Bound:
    """All of the interval lies above a number."""
    return Bound(f"the whole {{}} lies above {bound:g}", bound, math.inf)


def below(bound: float) -> Bound:
    """All of the interval lies below a number."""
    return Bound(f"the whole {{}} lies below {bound:g}", -math.inf, bound)


def within(least: float, most: float) -> Bound:
    """All of the interval lies between two numbers, which is a test of equivalence.

    >>> within(0.9, 1.1).verdict(0.95, 1.0), within(0.9, 1.1).verdict(0.95, 1.2)
    ('holds', 'undecided')
    """
    return Bound(f"the whole {{}} lies between {least:g} and {most:g}", least, most)


def judge(id_: str, statement: str, quantity: str, estimate: Estimate, bound: Bound) -> Claim:
    """The claim that a quantity lies where the bound says; the id begins with the figure's name and a dash."""
    return Claim(
        id_,
        _figure(id_),
        statement,
        f"{quantity}; {bound.text.format(estimate.interval or '95 % interval')}",
        estimate.value,
        (estimate.low, estimate.high),
        bound.verdict(estimate.low, estimate.high),
    )


def measured(id_: str, statement: str, estimate: Estimate | float) -> Measurement:
    """A measurement by the same rules; a number alone has no interval.

    >>> measured("fig2-early", "cardinal over oblique √J in early layers", 1.02).interval
    (nan, nan)
    """
    known = estimate if isinstance(estimate, Estimate) else Estimate.alone(estimate)
    sampled = known.interval if math.isfinite(known.low) else ""
    return Measurement(id_, _figure(id_), statement, sampled, known.value, (known.low, known.high))


def write(findings: Findings, path: Path) -> None:
    """Write claims.json, whole or not at all; null stands for an unknown number."""
    content = {name: [_encoded(asdict(one)) for one in ones] for name, ones in findings._asdict().items()}
    with whole(path) as part:
        part.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def read(path: Path) -> Findings:
    """Read claims.json; `FechnerError` if it is damaged."""
    remedy = "delete it, and claims are judged anew"
    content = read_json(path, dict, remedy)
    try:
        if set(content) != set(Findings._fields):
            raise TypeError(f"expected {' and '.join(Findings._fields)}")
        findings = Findings(
            [_decoded(Claim, one) for one in content["claims"]],
            [_decoded(Measurement, one) for one in content["measurements"]],
        )
        if unknown := {c.verdict for c in findings.claims} - set(get_args(Verdict)):
            raise TypeError(f"the verdict {min(unknown)!r} is unknown")
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as e:
        raise FechnerError(f"'{path}' is damaged ({printable(first_line(e))}); {remedy}") from None
    return findings


def _figure(id_: str) -> str:
    return id_.partition("-")[0]


def _encoded(entry: dict[str, Any]) -> dict[str, Any]:
    numbers = (entry["measured"], *entry["interval"])
    value, low, high = (number if math.isfinite(number) else None for number in numbers)
    return entry | {"measured": value, "interval": [low, high]}


def _decoded(kind: type[Claim] | type[Measurement], entry: dict[str, Any]) -> Any:
    value, low, high = (math.nan if n is None else float(n) for n in (entry["measured"], *entry["interval"]))
    one = kind(**{**entry, "measured": value, "interval": (low, high)})
    if not all(isinstance(text, str) for name, text in asdict(one).items() if name not in ("measured", "interval")):
        raise TypeError("a claim has texts, numbers, and a verdict")
    return one

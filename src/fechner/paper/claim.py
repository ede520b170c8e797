"""A claim of the paper, how it is tested, and what was measured: computed, with an interval, and free to fail."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fechner.errors import FechnerError, first_line, printable
from fechner.interval import t_half_width
from fechner.outputs import whole
from fechner.results import read_json


@dataclass(frozen=True)
class Claim:
    """`measured` and `interval` are in the units that `criterion` names; `holds` follows from them alone."""

    id: str
    figure: str
    statement: str
    criterion: str
    measured: float
    interval: tuple[float, float]
    holds: bool


def t_interval(values: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean of a few independent values, such as seeds, with its 95 % t-interval."""
    mean, half = values.mean(), t_half_width(values)
    return float(mean), float(mean - half), float(mean + half)


def write(claims: Sequence[Claim], path: Path) -> None:
    """Write claims.json, whole or not at all."""
    with whole(path) as part:
        part.write_text(json.dumps([asdict(c) for c in claims], indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path) -> list[Claim]:
    """Read claims.json; `FechnerError` if it is damaged."""
    remedy = "delete it, and claims are judged anew"
    found = []
    for given in read_json(path, list, remedy):
        try:
            claim = Claim(**given)
            low, high = claim.interval
            texts = (claim.id, claim.figure, claim.statement, claim.criterion)
            claim = replace(claim, measured=float(claim.measured), interval=(float(low), float(high)))
            if not all(isinstance(t, str) for t in texts) or not isinstance(claim.holds, bool):
                raise TypeError("a claim has texts, numbers, and whether it holds")
        except (TypeError, ValueError, OverflowError) as e:
            raise FechnerError(f"'{path}' is damaged ({printable(first_line(e))}); {remedy}") from None
        found.append(claim)
    return found

"""A claim of the paper, how it is tested, and what was measured: computed, with an interval, and free to fail."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


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


def write(claims: Sequence[Claim], path: Path) -> None:
    """Write claims.json."""
    path.write_text(json.dumps([asdict(c) for c in claims], indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

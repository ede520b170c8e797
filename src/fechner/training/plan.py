"""What decides the result of a training, and whether a folder holds one that can be gone on with."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from fechner import outputs, results
from fechner.errors import FechnerError
from fechner.training.condition import Condition
from fechner.training.recipe import Recipe

CHECKPOINT, SETTINGS = "last.ckpt", "settings.json"


@dataclass(frozen=True)
class Plan:
    """What decides the result of a training: kept in settings.json, compared by `resume`, and recorded with the result."""

    network: str
    weights: str
    condition: Condition
    recipe: Recipe
    images: str
    classes: tuple[str, ...]
    size: int
    seed: int
    record: str
    per_epoch: int
    layers: str
    resample: str
    density_sha256: str
    precision: str

    def attributes(self) -> dict[str, str | int]:
        """In text and numbers."""
        recipe, classes = json.dumps(asdict(self.recipe)), ", ".join(self.classes)
        return vars(self) | {"condition": str(self.condition), "recipe": recipe, "classes": classes}


def prepare(out: Path, plan: Plan, resume: bool, say: Callable[[str], None], first: bool) -> None:
    """Write down what is trained, or see that it is what was trained before."""
    outputs.writable(out / SETTINGS)
    for halfway in out.glob("hpc_ckpt_*.ckpt"):
        # Going on from what SLURM's signal saved within an epoch would begin that epoch's images again.
        halfway.unlink(missing_ok=True)
    if (out / CHECKPOINT).exists():
        if not resume:
            raise FechnerError(f"'{out}' holds a training already; resume it, or choose another folder")
        before = results.read_json(out / SETTINGS, dict, "choose another folder")
        for name, value in plan.attributes().items():
            # What older versions did not write down cannot be compared.
            if before.get(name, value) != value:
                raise FechnerError(
                    f"cannot resume '{out}': its {name} is {before[name]}, not {value}; give the same, or another folder"
                )
        return
    if resume:
        say(f"no checkpoint in '{out}' yet: training starts anew")
    if first:
        settings = json.dumps(plan.attributes(), indent=1, ensure_ascii=False)
        with outputs.whole(out / SETTINGS) as part:
            part.write_text(settings + "\n", encoding="utf-8")

"""Everything that decides the result of a training, and whether a folder holds a training that can be resumed.

An option that changes the weights or the recordings must become a field of `Plan`: otherwise `resume` would accept a
training with another value of it.
"""

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
    """Everything that decides the result of a training: it is saved, compared by `resume`, and recorded."""

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
        """The fields as text and numbers, which JSON and NetCDF can hold."""
        recipe, classes = json.dumps(asdict(self.recipe)), ", ".join(self.classes)
        return vars(self) | {"condition": str(self.condition), "recipe": recipe, "classes": classes}


def prepare(out: Path, plan: Plan, resume: bool, say: Callable[[str], None], first: bool) -> None:
    """Save the plan in a new folder, or check that it is the one that was trained in this folder before.

    Raises `FechnerError` if the folder cannot be written, holds a training that is not to be resumed, or another one.
    `first` is whether this is the process that writes.
    """
    outputs.writable(out / SETTINGS)
    for partial in out.glob("hpc_ckpt_*.ckpt"):
        # Lightning saves these within an epoch when SLURM sends its signal. Resuming from one would start the images of
        # that epoch again.
        partial.unlink(missing_ok=True)
    if (out / CHECKPOINT).exists():
        if not resume:
            raise FechnerError(f"'{out}' holds a training already; resume it, or choose another folder")
        before = results.read_json(out / SETTINGS, dict, "choose another folder")
        for name, value in plan.attributes().items():
            # Fields that older versions did not save cannot be compared.
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

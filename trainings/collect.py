"""Keep of trainings what the figures need: python trainings/collect.py RUN/training.nc CURVES.nc … writes here."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

from fechner import results
from fechner.paper.trained.files import reduced

HERE = Path(__file__).parent


def main() -> None:
    """Collect the files named on the command line."""
    for path in map(Path, sys.argv[1:]):
        training = reduced(results.read(path))
        attributes = training.attrs
        settings = Path(str(attributes.get("weights", ""))).parent / "settings.json"
        # Curves that `fechner sensitivity` measured of a checkpoint name its file alone.
        if "condition" not in attributes and settings.exists():
            recorded = json.loads(settings.read_text(encoding="utf-8"))
            attributes |= {name: recorded[name] for name in ("condition", "seed", "recipe", "precision")}
        # Where files lay on the machine that trained is of no use to others.
        for name in ("command", "images", "weights"):
            words = shlex.split(str(attributes.get(name, "")))
            attributes[name] = " ".join(w.rsplit("/", 2 if w.endswith(".ckpt") else 1)[-1] for w in words)
        target = HERE / f"{path.parent.name if path.name == 'training.nc' else path.stem}.nc"
        compressed = {"zlib": True, "shuffle": True}
        training.to_netcdf(target, engine="h5netcdf", encoding=dict.fromkeys(training.data_vars, compressed))
        listed = ", ".join(f"{k} {attributes.get(k)}" for k in ("network", "weights", "condition", "seed", "along"))
        print(f"{target.name}: {target.stat().st_size / 1000:.0f} kB; {listed}")  # noqa: T201


main()

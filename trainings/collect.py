"""Keep of trainings what the figures need: python trainings/collect.py RUN/training.nc CURVES.nc PRIOR.nc … writes here."""

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
    for name in sys.argv[1:]:
        path = Path(name)
        label = path.parent.name if path.name == "training.nc" else path.stem
        found = reduced(results.read(path))
        trained = Path(str(found.attrs.get("weights", ""))).parent / "settings.json"
        if "condition" not in found.attrs and trained.exists():
            settings = json.loads(trained.read_text(encoding="utf-8"))
            found.attrs |= {n: settings[n] for n in ("condition", "seed", "recipe", "precision")}
        # Where files lay on the machine that trained is of no use to others.
        for attribute in ("command", "images", "weights"):
            words = shlex.split(str(found.attrs.get(attribute, "")))
            found.attrs[attribute] = " ".join(w.rsplit("/", 2 if w.endswith(".ckpt") else 1)[-1] for w in words)
        target = HERE / f"{label}.nc"
        found.to_netcdf(
            target, engine="h5netcdf", encoding={v: {"zlib": True, "shuffle": True} for v in found.data_vars}
        )
        told = ", ".join(f"{k} {found.attrs.get(k)}" for k in ("network", "weights", "condition", "seed", "along"))
        print(f"{target.name}: {target.stat().st_size / 1000:.0f} kB; {told}")  # noqa: T201


main()

"""Keep of a training what the figures need: python trainings/collect.py RUN/training.nc CURVES.nc PRIOR.nc … writes
here.

Of a training, sensitivity at the end of each epoch, averaged over phase, and all samples of the last recording, as 32-bit
numbers; of curves that `fechner sensitivity` wrote, everything but what can be computed from the samples; of densities that
`fechner statistics` wrote, their intervals.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import numpy as np
import xarray as xr

from fechner import results

HERE = Path(__file__).parent


def kept(recorded: xr.Dataset) -> xr.Dataset:
    """What is kept of one file."""
    if "density" in recorded:
        return recorded[["density", "density_low", "density_high"]].astype("float32").assign_attrs(recorded.attrs)
    samples = recorded.sensitivity_samples
    if "step" not in samples.dims:
        return recorded[["sensitivity", "sensitivity_samples"]].astype("float32").assign_attrs(recorded.attrs)
    ends = np.flatnonzero(np.isclose(recorded.epoch % 1, 0))
    found = xr.Dataset(
        {
            "sensitivity": recorded.sensitivity.isel(step=-1, drop=True),
            "sensitivity_samples": samples.isel(step=-1, drop=True),
            "sensitivity_recorded": samples.isel(step=ends).mean(
                [d for d in ("phase", "saturation") if d in samples.dims]
            ),
        }
    ).drop_vars(["step", "epoch"], errors="ignore")
    measured = recorded[["validation_accuracy", "validation_loss", "loss"]]
    found = (
        found.rename(step="epoch").assign_coords(epoch=recorded.epoch.values[ends]) if "step" in found.dims else found
    )
    return found.astype("float32").merge(measured.astype("float32")).assign_attrs(recorded.attrs)


def main() -> None:
    """Collect the files named on the command line."""
    for name in sys.argv[1:]:
        path = Path(name)
        label = path.parent.name if path.name == "training.nc" else path.stem
        found = kept(results.read(path))
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

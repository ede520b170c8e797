"""Figure 6: what frequency and what information do when a nonlinear network learns to label orientation.

Benjamin et al. (2022), Fig. 6: ReLU network, 60 classes, plain gradient descent at learning rate 0.5, orientation density
(2 − cos 2θ)/2π or uniform. Labels are noisy (b, d) or not (c): by the published erasure, by erasure and by random flips
that make density × information the same at every orientation. Noise in (b) is that of (d), under uniform inputs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from fechner import circular, results
from fechner.learning import (
    GRATING,
    Channel,
    Erasure,
    Exposure,
    Flips,
    Perceptron,
    Task,
    balanced_noise,
    learn_labels,
    published_noise,
    sinusoidal,
)
from fechner.paper.fig6 import sequels as fig6_sequels
from fechner.paper.run import Run, cached

FREQUENT, RARE = 90.0, 0.0
LAYER = "relu1"
DENSITY = sinusoidal(FREQUENT)
CHANNELS: dict[str, Channel] = {"published": Erasure(), "erasure": Erasure(), "flips": Flips()}
LABELS = {"published": "published erasure", "erasure": "balanced erasure", "flips": "balanced flips"}
CONDITIONS = ("c", *(f"{panel}-{name}" for name in CHANNELS for panel in "bd"))


@dataclass(frozen=True)
class Profile:
    """Size of network and batch, steps, seeds, and how much is recorded; sequels have times of their own."""

    widths: tuple[int, ...]
    batch: int
    steps: int
    seeds: int
    phases: int
    snapshots: int
    sequels: fig6_sequels.Sequels


PROFILES = {
    "quick": Profile((64, 32), 128, 300, 5, 5, 25, fig6_sequels.QUICK),
    "paper": Profile((1024, 256), 2048, 300, 5, 11, 61, fig6_sequels.PAPER),
}


def noise_of(channel: str) -> np.ndarray:
    """Noise of a channel on an even grid of orientation, for the density of the figure."""
    density = DENSITY(circular.grid(3600, 180.0))
    return published_noise(density) if channel == "published" else balanced_noise(density, CHANNELS[channel])


def exposure_of(condition: str, steps: int) -> Exposure:
    """The exposure of a condition."""
    panel, _, channel = condition.partition("-")
    if panel == "c":
        return Exposure(steps, DENSITY)
    return Exposure(steps, "uniform" if panel == "b" else DENSITY, CHANNELS[channel], noise_of(channel))


def compute(run: Run) -> xr.DataTree:
    """All conditions, and a node for every sequel, each saved when it is finished."""
    profile = PROFILES[run.profile]
    learner = partial(_learner, profile, run)
    makers: dict[str, Callable[[], xr.Dataset]] = {
        name: partial(make, learner, profile.sequels) for name, make in fig6_sequels.MAKERS.items()
    }
    for condition in CONDITIONS:
        makers[condition] = partial(learner, exposure_of(condition, profile.steps), profile.snapshots)
    expected = {"profile": json.dumps(asdict(profile))}
    parts = {}
    for i, name in enumerate((*CONDITIONS, *fig6_sequels.MAKERS), 1):
        run.say(f"[{i}/{len(makers)}] {'condition' if name in CONDITIONS else 'sequel'} {name}, {profile.seeds} seeds")
        parts[name] = cached(run.folder / "parts" / f"{name}.nc", run, expected, makers[name], __name__)
        run.done(i / len(makers))
    conditions = xr.concat([parts[c] for c in CONDITIONS], "condition", combine_attrs="drop", join="exact")
    attributes = {
        "figure": "fig6",
        "images": "none",
        "photographs": 0,
        "imbalance": json.dumps({name: imbalances(name) for name in CHANNELS}),
        "noise_model": results.UNIT_GAUSSIAN,
        "method": "exact",
    }
    return xr.DataTree.from_dict(
        {
            "/": xr.Dataset(attrs=results.provenance("figure") | attributes),
            "conditions": conditions.assign_coords(condition=list(CONDITIONS)),
            **{name: parts[name].drop_attrs(deep=False) for name in fig6_sequels.MAKERS},
        }
    )


def imbalances(channel: str) -> dict[str, float]:
    """By how much a channel's noise varies over orientation: its largest value over its least.

    "total": density × information, which is to be balanced; "effective": density × signal, which theory takes for the speed of
    learning under (d); "signal": the signal alone, under (b).
    """
    density, noise, labels = DENSITY(circular.grid(60, 180.0)), noise_of(channel)[::60], CHANNELS[channel]
    curves = {
        "total": density * labels.information(noise),
        "effective": density * labels.signal(noise),
        "signal": labels.signal(noise),
    }
    return {name: float(curve.max() / curve.min()) for name, curve in curves.items()}


def _learner(
    profile: Profile,
    run: Run,
    exposures: Exposure | Sequence[Exposure],
    snapshots: int | Sequence[int],
    *,
    scale: float = 0.1,
    contrast: float = 1.0,
    **settings: Any,
) -> xr.Dataset:
    """One experiment at the size of the profile, but for settings of `learn_labels`."""
    task = Task(replace(GRATING, contrast=contrast), average={"phase": profile.phases})
    usual: dict[str, Any] = {"learning_rate": 0.5, "batch": profile.batch, "seeds": profile.seeds, "device": run.device}
    return learn_labels(Perceptron(profile.widths, scale=scale), exposures, task, snapshots, **usual | settings)

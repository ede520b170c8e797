"""Figure 5: linear networks that reconstruct natural patches learn components in the order of their variance.

Benjamin et al. (2022), Fig. 5: grey 32×32 patches, networks of one (tied), two and three 1024×1024 matrices, learning
rate 1 on the mean squared error, initial weights uniform ±0.005 (±0.01 for three). Gradient flow over the published
number of steps stands in for minibatches. Sensitivity to the spatial frequency of s(f) = ½ + ½ sin(2πfx + φ), x from the
left edge of the patch, and frequency in cycles/100 pixels; the acuity criterion is the published one in these units.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from fechner import results
from fechner.figures.parts import Run, kept, source
from fechner.learning import LinearNetwork, Phase, learn, readouts
from fechner.statistics import principal_components
from fechner.statistics.patches import sample
from fechner.stimuli import Frequency
from fechner.stimuli import Phase as GratingPhase

SIZE = 32
PATCHES = 100_352
# 0.1 in units of half cycles per patch.
CRITERION = 0.1 * 100 / (2 * SIZE)
NETWORKS: dict[str, LinearNetwork] = {
    "tied": LinearNetwork("tied", scale=0.005),
    "2": LinearNetwork(2, scale=0.005),
    "3": LinearNetwork(3, scale=0.01),
}
LABELS = {"tied": "one matrix, tied", "2": "two matrices", "3": "three matrices"}


@dataclass(frozen=True)
class Profile:
    """Steps of each network: epochs × batches, as published (paper), or fewer of the slower two (quick)."""

    steps: dict[str, int]


PROFILES = {
    "quick": Profile({"tied": 7000, "2": 8000, "3": 8000}),
    "paper": Profile({"tied": 7000, "2": 25_000, "3": 25_000}),
}


def grating(spatial_frequency: Frequency, phase: GratingPhase) -> Tensor:
    """Vertical bars over the whole patch; frequency in cycles/100 pixels, phase in degrees."""
    frequency, angle = (torch.as_tensor(v, dtype=torch.float64) for v in (spatial_frequency, phase))
    x = (torch.arange(SIZE, dtype=torch.float64) + 0.5) / 100
    wave = 0.5 + 0.5 * torch.sin(2 * torch.pi * frequency[:, None] * x + torch.deg2rad(angle)[:, None])
    return wave[:, None, None, :].expand(-1, 1, SIZE, SIZE)


def compute(run: Run) -> xr.Dataset:
    """Principal components of the patches, and what each network has learned of them at some fifty steps."""
    profile = PROFILES[run.profile]
    folder = run.folder / "parts"
    pca = kept(folder / "components.nc", run, {"patches": PATCHES} | source(run), lambda: _components(run))
    shown = np.stack([p for p in sample(run.images, 40, SIZE) if p.std() > 0.1][:3])
    parts = []
    for i, (name, network) in enumerate(NETWORKS.items()):
        steps = profile.steps[name]
        expected = {"steps": steps, "variance_sum": _sum(pca)}
        part = kept(folder / f"{name}.nc", run, expected, partial(_learned, pca, network, steps, shown, run))
        parts.append(part.drop_vars("step").assign(step=("snapshot", part.step.values)))
        run.done((i + 1) / len(NETWORKS))
    dataset = xr.concat(parts, "network", combine_attrs="drop").assign_coords(network=list(NETWORKS))
    dataset = dataset.merge(pca[["variance", "exponent", "exponent_low", "exponent_high"]], combine_attrs="override")
    dataset["patch"] = (("example", "pixel"), shown)
    attributes = {
        "figure": "fig5",
        "images": pca.attrs["images"],
        "patches": pca.attrs["patches"],
        "photographs": pca.attrs["photographs"],
        "noise_model": "independent Gaussian, unit variance",
        "engine": "flow",
    }
    return dataset.assign_attrs(results.provenance("figure") | attributes)


def _components(run: Run) -> xr.Dataset:
    run.say(f"principal components of {PATCHES} patches of {run.images or 'scikit-image'}")
    return principal_components(run.images, PATCHES, SIZE)


def _learned(pca: xr.Dataset, network: LinearNetwork, steps: int, shown: np.ndarray, run: Run) -> xr.Dataset:
    run.say(f"learning, {LABELS[str(network.depth)]}, {steps} steps")
    early = np.geomspace(1, steps, 31).round().astype(int)
    snapshots = np.unique(np.concatenate([early, np.linspace(0, steps, 21).round().astype(int)]))
    learned = learn(network, Phase(pca.variance.values, steps), snapshots.tolist())
    average: dict[str, Any] = {"phase": 8}
    frequency = np.arange(1.0, 49.0)
    sensitivity = readouts.sensitivity_of_maps(learned, pca, grating, "spatial_frequency", frequency.tolist(), average)
    # How the first patches are reconstructed, in the basis of the components and back.
    basis = pca.components.values
    codes = (shown - pca["mean"].values) @ basis.T
    seen = np.einsum("soi,ei->seo", learned.end_to_end.values, codes) @ basis + pca["mean"].values
    # The same number of snapshots for every network, so that they stand beside one another.
    shortened = xr.Dataset(
        {
            "proportion": readouts.proportion_learned(learned),
            "misalignment": readouts.misalignment(learned),
            "loss": learned.loss,
            "sensitivity_samples": sensitivity,
            "reconstruction": (("step", "example", "pixel"), seen),
            "learning_step": readouts.learning_step(learned),
            "step_at_tenth": readouts.learning_step(learned, 0.1),
            "step_at_nine_tenths": readouts.learning_step(learned, 0.9),
        }
    )
    chosen = np.linspace(0, len(snapshots) - 1, 45).round().astype(int)
    attributes = results.provenance("part") | {"time_per_step": learned.attrs["time_per_step"]}
    return shortened.isel(step=chosen).rename_dims(step="snapshot").assign_attrs(attributes)


def _sum(pca: xr.Dataset) -> float:
    """A number that differs between sets of patches."""
    return round(float(pca.variance.sum()), 9)

"""Figure 5: linear networks that reconstruct natural patches learn components in the order of their variance.

Benjamin et al. (2022), Fig. 5: grey 32×32 patches, networks of one (tied), two and three 1024×1024 matrices, learning
rate 1 on the mean squared error, initial weights uniform ±0.005 (±0.01 for three). Gradient flow over the published
number of steps stands in for minibatches. Sensitivity to the spatial frequency of s(f) = ½ + ½ sin(2πfx + φ), x from the
left edge of the patch, and frequency in cycles/100 pixels; the acuity criterion is the published one in these units. Patches in a file of
their own are all taken; those of colour are averaged to grey, as the published ones are.
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
from fechner.errors import FechnerError
from fechner.learning import LinearNetwork, Phase, learn, readouts
from fechner.paper.photographs import source
from fechner.paper.run import Run, kept
from fechner.statistics import principal_components
from fechner.statistics.crops import Given, are_crops, crops
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
    asked = {"patches_asked": PATCHES} | source(run)
    pca = kept(folder / "components.nc", run, asked, lambda: _components(run), __name__)
    # The first of good contrast, or of any.
    shown = np.stack(sorted(sample(run.images, 40, SIZE), key=lambda p: p.std() <= 0.1)[:3])
    parts = []
    for i, (name, network) in enumerate(NETWORKS.items()):
        steps = profile.steps[name]
        expected = {"steps": steps, "variance_sum": _sum(pca)}
        part = kept(folder / f"{name}.nc", run, expected, partial(_learned, pca, network, steps, shown, run), __name__)
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


def check(images: Given | None) -> None:
    """`FechnerError` for a file of patches that this figure cannot be made of; photographs are checked elsewhere."""
    if not are_crops(images):
        return
    array, unit, _ = crops(images)
    if array.shape[1] != SIZE**2:
        raise FechnerError(
            f"patches of figure 5 have {SIZE} × {SIZE} pixels, those of '{images}' {array.shape[1]} in all"
        )
    low, high = float(array.min()) * unit, float(array.max()) * unit
    if low < 0 or high > 1:
        raise FechnerError(
            f"pixels of '{images}' run from {low:g} to {high:g}; figure 5 needs them in [0, 1], or as bytes (uint8)"
        )
    if len(array) <= SIZE**2:
        raise FechnerError(f"'{images}' holds {len(array)} patches; figure 5 needs more than {SIZE**2}")


def _components(run: Run) -> xr.Dataset:
    number = "the" if are_crops(run.images) else PATCHES
    run.say(f"principal components of {number} patches of {run.images or 'scikit-image'}")
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
            "fisher_information_samples": sensitivity,
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

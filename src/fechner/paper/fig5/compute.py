"""Figure 5: linear networks that reconstruct natural patches learn components in the order of their variance.

Benjamin et al. (2022), Fig. 5: grey 32×32 patches, networks of one (tied), two and three 1024×1024 matrices, learning
rate 1 on the mean squared error, initial weights uniform ±0.005 (±0.01 for three). Gradient flow over the published
number of steps stands in for minibatches. Sensitivity to the spatial frequency of s(f) = ½ + ½ sin(2πfx + φ), x from the
left edge of the patch, and frequency in cycles/100 pixels; the acuity criterion is the published one in these units. Patches in a file of
their own are all taken; those of colour are averaged to grey, as the published ones are.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from torch import Tensor

from fechner import results
from fechner.errors import FechnerError
from fechner.learning import LinearNetwork, Stage, learn, readouts
from fechner.paper.photographs import source
from fechner.paper.run import Run, cached
from fechner.statistics import are_crops, principal_components, read_crops, reconstruct, sample_patches
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
# How many components are stored as images, and how many make up the patch that is drawn of them, as published.
LEADING, RETAINED = 56, 50
LABELS = {"tied": "one matrix, tied", "2": "two matrices", "3": "three matrices"}


# Every network learns from so many random starts, over which claims have their intervals; the first is drawn.
STARTS = 3
# What claims need of every start.
JUDGED = ("learning_step", "step_at_tenth", "step_at_nine_tenths", "fisher_information_samples")
# Steps of each network: epochs × batches, as published (paper), or fewer of the slower two (quick).
PROFILES = {
    "quick": {"tied": 7000, "2": 4000, "3": 4000},
    "paper": {"tied": 7000, "2": 25_000, "3": 25_000},
}


def grating(spatial_frequency: Frequency, phase: GratingPhase) -> Tensor:
    """Vertical bars over the whole patch; frequency in cycles/100 pixels, phase in degrees."""
    frequency, angle = (torch.as_tensor(v, dtype=torch.float64) for v in (spatial_frequency, phase))
    x = (torch.arange(SIZE, dtype=torch.float64) + 0.5) / 100
    wave = 0.5 + 0.5 * torch.sin(2 * torch.pi * frequency[:, None] * x + torch.deg2rad(angle)[:, None])
    return wave[:, None, None, :].expand(-1, 1, SIZE, SIZE)


def compute(run: Run) -> xr.DataTree:
    """Principal components of the patches, and for each network a node of what it has learned of them."""
    folder = run.folder / "parts"
    asked = {"patches_asked": PATCHES} | source(run)
    pca = cached(folder / "components.nc", run, asked, lambda: _components(run), __name__)
    # The first of good contrast, or of any.
    patches = np.stack(sorted(sample_patches(run.images, 40, SIZE), key=lambda p: p.std() <= 0.1)[:3])
    nodes, made = {}, 0
    for name, network in NETWORKS.items():
        steps, starts = PROFILES[run.profile][name], []
        # The sum differs between sets of patches.
        expected = {"steps": steps, "variance_sum": round(float(pca.variance.sum()), 9)}
        for seed in range(STARTS):
            make = partial(_learned, pca, replace(network, seed=seed), steps, patches, run)
            starts.append(cached(folder / f"{name}-{seed}.nc", run, expected, make, __name__))
            made += 1
            run.done(made / (STARTS * len(NETWORKS)))
        nodes[f"learning/{name}"] = starts[0].drop_attrs(deep=False)
        judged = [one[list(JUDGED)] for one in starts]
        nodes[f"starts/{name}"] = xr.concat(judged, "start", combine_attrs="drop").assign_coords(start=range(STARTS))
    attributes = {
        "figure": "fig5",
        **{name: pca.attrs[name] for name in ("images", "patches", "photographs")},
        "noise_model": results.UNIT_GAUSSIAN,
        "engine": "flow",
    }
    return xr.DataTree.from_dict(
        {
            "/": xr.Dataset(attrs=results.provenance("figure") | attributes),
            "components": pca[["variance", "variance_jackknife", "exponent", "exponent_low", "exponent_high"]]
            .drop_attrs(deep=False)
            .assign(leading_components=(("leading", "pixel"), pca.components.values[:LEADING])),
            "patches": xr.Dataset(
                {
                    "patch": (("example", "pixel"), patches),
                    "retained": (("example", "pixel"), reconstruct(pca, patches, RETAINED)),
                }
            ),
            **nodes,
        }
    )


def learning(tree: xr.DataTree) -> dict[str, xr.Dataset]:
    """What each network has learned at every step from the first start, by its name in `NETWORKS`."""
    return {name: tree[f"learning/{name}"].to_dataset() for name in NETWORKS}


def starts(tree: xr.DataTree) -> dict[str, xr.Dataset]:
    """What claims need of each network, over (start, …), by its name in `NETWORKS`."""
    return {name: tree[f"starts/{name}"].to_dataset() for name in NETWORKS}


def check(images: str | Path | npt.NDArray[Any] | None) -> None:
    """`FechnerError` for a file of patches that this figure cannot be made of; photographs are checked elsewhere."""
    if not are_crops(images):
        return
    array, unit, _ = read_crops(images)
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


def _learned(pca: xr.Dataset, network: LinearNetwork, steps: int, patches: np.ndarray, run: Run) -> xr.Dataset:
    run.say(f"learning, {LABELS[str(network.depth)]}, {steps} steps, start {network.seed}")
    early = np.geomspace(1, steps, 31).round().astype(int)
    snapshots = np.unique(np.concatenate([early, np.linspace(0, steps, 21).round().astype(int)]))
    learned = learn(network, Stage(pca.variance.values, steps), snapshots.tolist())
    average: dict[str, Any] = {"phase": 8}
    frequency = np.arange(1.0, 49.0)
    sensitivity = readouts.fisher_information_of_maps(
        learned, pca, grating, "spatial_frequency", frequency.tolist(), average
    )
    # How the first patches are reconstructed, in the basis of the components and back.
    basis = pca.components.values
    codes = (patches - pca["mean"].values) @ basis.T
    reconstruction = np.einsum("soi,ei->seo", learned.end_to_end.values, codes) @ basis + pca["mean"].values
    readings = xr.Dataset(
        {
            "proportion": readouts.proportion_learned(learned),
            "misalignment": readouts.misalignment(learned),
            "loss": learned.loss,
            "fisher_information_samples": sensitivity,
            "reconstruction": (("step", "example", "pixel"), reconstruction),
            "learning_step": readouts.learning_step(learned),
            "step_at_tenth": readouts.learning_step(learned, 0.1),
            "step_at_nine_tenths": readouts.learning_step(learned, 0.9),
        },
        attrs=results.provenance("part") | {"time_per_step": learned.attrs["time_per_step"]},
    )
    # Learning steps are interpolated between all snapshots; fewer are drawn.
    return readings.isel(step=np.linspace(0, len(snapshots) - 1, 45).round().astype(int))

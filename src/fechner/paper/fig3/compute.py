"""Figure 3: relative sensitivity to hue across layers, beside the hues of photographs and human colour difference.

Benjamin et al. (2022), Fig. 3: uniform patches, averaged over HSV saturation and value; hue frequency of pixels with
S ≥ 0.1 and V ≥ 0.5. Checkpoints, such as one trained on images whose hue is rotated, are measured beside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr

from fechner.paper.curves import MAIN, Part, Sweep, measure, states
from fechner.paper.photographs import density, with_density
from fechner.paper.run import Run
from fechner.stimuli import stimulus

ROTATION = 90.0


@dataclass(frozen=True)
class Profile:
    """What is measured: networks, hues, saturations and values (as many of each), and seeds of the random states."""

    networks: tuple[str, ...]
    values: int
    colours: int
    seeds: int


PROFILES = {
    "quick": Profile(MAIN[:1], values=36, colours=3, seeds=3),
    "paper": Profile(MAIN, values=360, colours=8, seeds=5),
}


def plan(profile: Profile, checkpoints: tuple[tuple[str, str], ...]) -> list[Part]:
    """All parts: every network in its three states, then the checkpoints."""
    return states(profile.networks, profile.seeds, "hue-hsv") + [
        Part(network, file, 0, "hue-hsv") for network, file in checkpoints
    ]


def compute(run: Run) -> xr.DataTree:
    """Measure every part and the density of hue in the photographs."""
    profile = PROFILES[run.profile]
    prior = density("hue", run)
    colours = np.linspace(0.5, 0.9, profile.colours).tolist()
    sweep = Sweep("hue", profile.values, {"saturation": colours, "value": colours})
    curves = measure(plan(profile, run.checkpoints), sweep, run)
    hues = torch.arange(0, 360, 2.0)
    image = stimulus("hue-hsv", size=2)(hue=hues)[:, :, 0, 0].numpy()
    patches = xr.Dataset({"image": (("hue", "channel"), image)}, {"hue": ("hue", hues.numpy(), curves.hue.attrs)})
    return with_density("fig3", prior, curves=curves, stimulus=patches)

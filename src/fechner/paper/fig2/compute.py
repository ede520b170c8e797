"""Figure 2: relative sensitivity to orientation across the layers of networks, trained, initialised and shuffled.

Benjamin et al. (2022), Fig. 2 and its supplementary controls. Settings: Gabor of 2 cycles/degree at 224 pixels and 100
pixels/degree. `quick` measures EfficientNet-Lite0, `paper` every network. The density of orientation in photographs
stands behind the curves.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import xarray as xr

from fechner.paper.curves import CONTROLS, MAIN, Part, Sweep, measure, states
from fechner.paper.photographs import density, with_density
from fechner.paper.run import Run
from fechner.stimuli import stimulus


@dataclass(frozen=True)
class Profile:
    """What is measured: networks, orientations, phases, and seeds of the initialised and shuffled states.

    Networks that take ten minutes and more of a core have fewer seeds.
    """

    networks: tuple[str, ...]
    values: int
    phases: int
    seeds: int
    seeds_of_large: int = 2


LARGE = ("vgg16_bn", "vit_b_16", "vgg11", "vgg13")
PROFILES = {
    "quick": Profile(MAIN[:1], values=60, phases=8, seeds=3),
    "paper": Profile(MAIN + CONTROLS, values=180, phases=10, seeds=3),
}


def plan(profile: Profile) -> list[Part]:
    """All parts, network by network."""
    parts = []
    for network in profile.networks:
        seeds = profile.seeds_of_large if network in LARGE else profile.seeds
        parts += states([network], seeds, "gabor")
        if network in MAIN:
            parts.append(Part(network, "pretrained", 0, "gabor-published"))
    return parts


def compute(run: Run) -> xr.DataTree:
    """Measure every part and the density of orientation in the photographs."""
    profile = PROFILES[run.profile]
    prior = density("orientation", run)
    gabor = stimulus("gabor")
    curves = measure(plan(profile), Sweep("orientation", profile.values, {"phase": profile.phases}), run)
    angle = torch.tensor([30.0], dtype=torch.float64)
    image, slope, *_ = torch.func.jvp(lambda o: gabor(orientation=o), (angle,), (torch.ones_like(angle),))
    pixels = xr.Dataset({"image": (("y", "x"), image[0, 0].numpy()), "derivative": (("y", "x"), slope[0, 0].numpy())})
    pixels.derivative.attrs["units"] = "1/degree"
    return with_density("fig2", prior, curves=curves, stimulus=pixels)

"""Figure 3: relative sensitivity to hue across layers, beside the hues of photographs and human colour difference.

Benjamin et al. (2022), Fig. 3: uniform patches of the size that each network was trained on, averaged over HSV saturation
and value from 0.5 to 0.9; hue frequency of pixels with S ≥ 0.1 and V ≥ 0.5. Checkpoints, such as one trained on images whose
hue is rotated, are measured too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import xarray as xr

from fechner.paper.curves import MAIN, Part, Sweep, measure, states
from fechner.paper.photographs import density, with_density
from fechner.paper.run import Run
from fechner.stimuli import Midpoints, stimulus

ROTATION = 90.0


@dataclass(frozen=True)
class Profile:
    """What is measured: networks, hues, saturations and values (as many of each), and seeds of initialised weights.

    A patch is the same everywhere, so that all units of a channel cross a kink of their activation at once, and J is rough
    in saturation and value: in late layers it varies as much as its mean, and 6 × 6 colours leave an error of 10 %.
    """

    networks: tuple[str, ...]
    values: int
    colours: int
    seeds: int


PROFILES = {
    "quick": Profile(MAIN, values=24, colours=2, seeds=1),
    "paper": Profile((*MAIN, "resnet18", "vgg16_bn", "vit_b_16"), values=180, colours=16, seeds=3),
}


def plan(profile: Profile, checkpoints: tuple[tuple[str, str], ...]) -> list[Part]:
    """All parts: every network after training and before, then the checkpoints."""
    parts = [
        replace(part, integration_error=True)
        for network in profile.networks
        for part in states(network, "hue-hsv", ("pretrained", "init"), profile.seeds)
    ]
    return parts + [Part(network, file, 0, "hue-hsv") for network, file in checkpoints]


def compute(run: Run) -> xr.DataTree:
    """Measure every part and the density of hue in the photographs."""
    profile = PROFILES[run.profile]
    prior = density("hue", run)
    colours = Midpoints(0.5, 0.9, profile.colours)
    sweep = Sweep("hue", profile.values, {"saturation": colours, "value": colours})
    curves = measure(plan(profile, run.checkpoints), sweep, run)
    hues = torch.arange(0, 360, 2.0)
    image = stimulus("hue-hsv", size=2)(hue=hues)[:, :, 0, 0].numpy()
    patches = xr.Dataset({"image": (("hue", "channel"), image)}, {"hue": ("hue", hues.numpy(), curves.hue.attrs)})
    return with_density("fig3", prior, curves=curves, stimulus=patches)

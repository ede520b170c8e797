"""Figure 2: relative sensitivity to orientation across the layers of networks, trained, initialised and shuffled.

Benjamin et al. (2022), Fig. 2 and its supplementary controls. Settings: Gabor of 2 cycles/degree at 100 pixels/degree, in
images of the size that each network was trained on. `quick` measures the three pretrained networks that come with the
installation, after training and before, and shuffles one of them; `paper` shuffles all of them, and measures the published
Gabor and the control networks. The density of orientation in photographs stands behind the curves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import xarray as xr

from fechner.paper.curves import CONTROLS, MAIN, RANDOM, SHUFFLED, Part, Sweep, measure, states
from fechner.paper.photographs import density, with_density
from fechner.paper.run import Run
from fechner.stimuli import stimulus


@dataclass(frozen=True)
class Profile:
    """What is measured: orientations, phases, and seeds of random weights.

    `networks` are measured pretrained and initialised. Those in `checked` are shuffled, and measured at one of `every` so many
    orientations. Those in the `supplement` are measured with the published Gabor, and with shuffled statistics of
    batch normalisation too, and `controls` in all states.

    In late layers of pretrained networks the curves change within few degrees: a grid of 5° resolves all but one or two late
    layers of EfficientNet-Lite1 and few of -Lite0; of -Lite2 not even one of 3° does. Initialised networks are smooth.
    Large networks, which take ten minutes of a core and more, have fewer seeds.
    """

    networks: tuple[str, ...]
    values: int
    phases: int
    seeds: int
    every: int = 1
    checked: tuple[str, ...] = ()
    supplement: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    seeds_of_large: int = 2


LARGE = ("vgg16_bn", "vit_b_16", "vgg11", "vgg13")
PROFILES = {
    "quick": Profile(MAIN, values=36, phases=20, seeds=1, every=2, checked=MAIN[:1]),
    "paper": Profile(MAIN, values=180, phases=40, seeds=3, checked=MAIN, supplement=MAIN, controls=CONTROLS),
}


def plan(profile: Profile) -> list[Part]:
    """All parts: what claims are made of, what checks them, and controls."""
    parts = [
        replace(part, integration_error=True)
        for network in profile.networks
        for part in states(network, "gabor", ("pretrained", "init"), profile.seeds)
    ]
    for networks, weights in ((profile.checked, SHUFFLED[:1]), (profile.supplement, SHUFFLED[1:])):
        shuffled = [part for network in networks for part in states(network, "gabor", weights, profile.seeds)]
        parts += [replace(part, every=profile.every) for part in shuffled]
    parts += [Part(network, "pretrained", 0, "gabor-published") for network in profile.supplement]
    for network in profile.controls:
        seeds = profile.seeds_of_large if network in LARGE else profile.seeds
        parts += states(network, "gabor", ("pretrained", *RANDOM), seeds)
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

"""Every figure of the paper: how it is measured, drawn and judged, what it shows, and why a claim may not hold."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import xarray as xr
from matplotlib.figure import Figure

from fechner import contents, results
from fechner.errors import choices, printable
from fechner.paper import claim as claims_file
from fechner.paper import fig1
from fechner.paper.claim import Claim
from fechner.paper.fig2 import claims as fig2_claims
from fechner.paper.fig2 import compute as fig2
from fechner.paper.fig2 import draw as fig2_draw
from fechner.paper.fig3 import claims as fig3_claims
from fechner.paper.fig3 import compute as fig3
from fechner.paper.fig3 import draw as fig3_draw
from fechner.paper.fig5 import claims as fig5_claims
from fechner.paper.fig5 import compute as fig5
from fechner.paper.fig5 import draw as fig5_draw
from fechner.paper.fig6 import claims as fig6_claims
from fechner.paper.fig6 import compute as fig6
from fechner.paper.fig6 import draw as fig6_draw
from fechner.paper.run import Run
from fechner.paper.trained import claims as trained_claims
from fechner.paper.trained import compute as trained
from fechner.paper.trained import draw as trained_draw
from fechner.plot import style

Result = xr.Dataset | xr.DataTree


@dataclass(frozen=True)
class Recipe:
    """How a figure is made; `draw` gives figures by file name, the first of which is named like the figure.

    `share` is the time that it takes, relative to the others; `why_not` says, by pattern of claim ids, why they may not
    hold; `densities` are the features whose density in the photographs it needs.
    """

    title: str
    caption: str
    share: float
    profiles: Collection[str]
    compute: Callable[[Run], Any]
    draw: Callable[[Any], dict[str, Figure]]
    claims: Callable[[Any], list[Claim]]
    why_not: Mapping[str, str] = field(default_factory=dict)
    densities: tuple[str, ...] = ()

    def reason(self, claim: Claim) -> str:
        """Why this claim may not hold, where something is known."""
        return next((text for pattern, text in self.why_not.items() if fnmatch(claim.id, pattern)), "")


FIGURES = {
    "fig1": Recipe(
        title="Figure 1: what efficient coding predicts",
        caption="How often each orientation occurs in photographs (a), and the sensitivity (b) and thresholds (c) that an "
        "efficient code would have: Fisher information J ∝ p^q under independent Gaussian noise, for three exponents q.",
        share=1,
        profiles=fig1.PROFILES,
        compute=fig1.compute,
        draw=fig1.draw,
        claims=fig1.claims,
        why_not={"*": "With few photographs, or with photographs of few kinds of scene, the density is uncertain."},
        densities=("orientation",),
    ),
    "fig2": Recipe(
        title="Figure 2: sensitivity to orientation",
        caption="Human data and the density of orientation in photographs (a), the stimulus and its derivative (b), and "
        "relative sensitivity √J / mean √J of every block, coloured by depth: pretrained, at initialisation, and with "
        "shuffled weights (c), with cardinal over oblique √J against depth (d); bands: range over seeds. The supplement shows "
        "controls, and what a Gabor cut at the border does.",
        share=13,
        profiles=fig2.PROFILES,
        compute=fig2.compute,
        draw=fig2_draw.draw,
        claims=fig2_claims.claims,
        why_not={
            "*-early-pretrained": "Not tested: a few broad filters change fastest half-way between the orientations that "
            "they prefer, so that obliques can win in early layers.",
            "fig2-alexnet*": "Initialised networks have little anisotropy to lose, and three seeds make wide intervals.",
            "*-late-*": "Two or three seeds make wide intervals.",
            "*-over-*": "Few seeds or photographs make wide intervals.",
            "*-follows*": "The density of few photographs is uncertain.",
        },
        densities=("orientation",),
    ),
    "fig3": Recipe(
        title="Figure 3: sensitivity to hue",
        caption="Uniform patches of every hue, how often hues occur in photographs beside a proxy of human sensitivity, and "
        "relative sensitivity of every block to hue, pretrained, at initialisation, and with shuffled weights.",
        share=9,
        profiles=fig3.PROFILES,
        compute=fig3.compute,
        draw=fig3_draw.draw,
        claims=fig3_claims.claims,
        why_not={
            "*-init": "Three seeds make wide intervals, and the density of few photographs is uncertain.",
            "*-shuffled": "Three seeds make wide intervals, and the density of few photographs is uncertain.",
            "*": "The paper measured ResNet18. The path of HSV hue has a corner at every 60°, where the derivative "
            "jumps; what that does to late layers is not tested.",
        },
        densities=("hue",),
    ),
    "fig5": Recipe(
        title="Figure 5: linear networks",
        caption="Linear networks that reconstruct natural patches (a) learn principal components in the order of their "
        "variance (b; dotted: theory). Threshold for spatial frequency (c), acuity along learning beside that of children "
        "(d), and the step at which each component is learned against theory (e).",
        share=10,
        profiles=fig5.PROFILES,
        compute=fig5.compute,
        draw=fig5_draw.draw,
        claims=fig5_claims.claims,
        why_not={
            "fig5-acuity": "The published plot shows the square of acuity.",
            "fig5-order-*": "The quick profile stops the deeper networks before the components of least variance are learned.",
        },
    ),
    "fig6": Recipe(
        title="Figure 6: learning under supervision",
        caption="A ReLU network learns to label orientation. Density and information of the labels (a); relative sensitivity "
        "of the first layer, orientation × step, with its final profile: informative orientations under uniform inputs (b), "
        "frequent ones without noise (c), and frequent ones at equal total information (d), for each definition of noise.",
        share=14,
        profiles=fig6.PROFILES,
        compute=fig6.compute,
        draw=fig6_draw.draw,
        claims=fig6_claims.claims,
        why_not={
            "fig6-d-erasure": "Theory predicts no preference here: labels that are dropped leave a gradient in proportion to "
            "density × signal, which balanced erasure makes equal everywhere.",
            "*hysteresis*": "Not tested: a network that is large for its task may overwrite what it learned first.",
            "*critical*": "Not tested: plain gradient descent on a task that stays the same may keep its plasticity.",
            "*starvation*": "Not tested: softmax cross-entropy keeps a gradient for what is not yet learned.",
        },
    ),
    "trained": Recipe(
        title="Networks trained on manipulated images",
        caption="The causal test: networks trained on CIFAR-10 upright and rotated, what rotation did to relative "
        "sensitivity, layer by layer, and by how much curves are turned. Sensitivity along training, layers × time. When "
        "sensitivity follows the images: at the axes about which training images are mirrored and beside them, along depth, "
        "spatial frequency and training, with larger kernels and more pixels. Networks trained on images whose hue is "
        "shifted. Green: how often values occur in the images, on a scale of its own.",
        share=1,
        profiles=trained.PROFILES,
        compute=trained.compute,
        draw=trained_draw.draw,
        claims=trained_claims.claims,
        why_not={
            "*-cardinal": "At exactly 0° and 90°, the axes about which images are mirrored, late layers lose sensitivity "
            "(claims -mirror); beside them see the claims -beside.",
            "*-oblique": "At exactly 45° and 135°, the axes about which these images are mirrored, late layers lose "
            "sensitivity (claims -mirror); beside them see the claims -beside.",
            "*-shift-*hue*": "HSV hue has kinks at every 60° that do not turn with the images.",
            "*": "Two or three trainings make wide intervals, and a single one leaves out how trainings differ.",
        },
    ),
}


def drawn(dataset: Result) -> dict[str, Figure]:
    """The figures of a figure's Dataset, by file name; `FechnerError` if it lacks what they show."""
    recipe = recipe_of(dataset)
    with contents.complete(dataset):
        return recipe.draw(style.literally(dataset))


def first_figure(dataset: Result) -> Figure:
    """The figure itself, without its supplements; `fechner.draw` has seen to its text."""
    return next(iter(recipe_of(dataset).draw(dataset).values()))


def judged(dataset: Result) -> list[Claim]:
    """The claims of a figure's Dataset; `FechnerError` if it lacks what they are judged by."""
    recipe = recipe_of(dataset)
    with contents.complete(dataset):
        return recipe.claims(dataset)


def recipe_of(dataset: Result) -> Recipe:
    """How a figure's Dataset is drawn and judged; `FechnerError` for one that is of no figure."""
    name = str(dataset.attrs.get("figure", ""))
    if name not in FIGURES:
        raise choices("figure", printable(name), FIGURES)
    return FIGURES[name]


def redraw(folder: Path) -> list[Claim]:
    """Draw a figure and judge its claims anew from its saved data.nc, in seconds."""
    dataset = results.read(folder / "data.nc")
    for file, figure in drawn(dataset).items():
        style.write(figure, folder / file)
    found = judged(dataset)
    claims_file.write(found, folder / "claims.json")
    return found

"""Figure 2: sensitivity to orientation."""

from fechner.paper.fig2 import claims, compute, draw
from fechner.paper.figure import PaperFigure
from fechner.paper.states import charts

FIGURE = PaperFigure(
    title="Figure 2: sensitivity to orientation",
    caption="Human thresholds and the density of orientation in photographs (a); the stimulus, its derivative, and √J of a late "
    "layer (b); relative sensitivity √J / mean √J of every block, coloured by depth, over that density, pretrained, at "
    "initialisation and with shuffled weights (c); cardinal over oblique √J against depth (d). Bands are ranges over seeds. "
    "If training brings the preference for horizontal and vertical, pretrained late layers have it and the other states do "
    "not. The supplement shows what a Gabor cut at the border changes, and networks that serve as controls.",
    share=13,
    profiles=compute.PROFILES,
    compute=compute.compute,
    draw=draw.draw,
    claims=claims.claims,
    charts=charts,
    why_not={
        "*-early-pretrained": "Not tested: a few broad filters change fastest half-way between the orientations that "
        "they prefer, so that obliques can win in early layers.",
        "fig2-alexnet*": "Initialised networks have little anisotropy to lose, and three seeds make wide intervals.",
        "*-late-*": "Two or three seeds make wide intervals.",
        "*-over-*": "Few seeds or photographs make wide intervals.",
        "*-follows*": "The density of few photographs is uncertain.",
    },
    densities=("orientation",),
)

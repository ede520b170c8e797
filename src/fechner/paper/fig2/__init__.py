"""Figure 2: sensitivity to orientation."""

from fechner.paper.fig2 import claims, compute, draw
from fechner.paper.figure import PaperFigure
from fechner.paper.states import charts

FIGURE = PaperFigure(
    title="Figure 2: sensitivity to orientation",
    caption="Human thresholds and the density of orientation in photographs (a); the stimulus, its derivative, and √J of a late "
    "layer (b); relative sensitivity √J / mean √J of every block of three networks, coloured by depth, over that density, after "
    "training and before (c); cardinal over oblique √J against depth, dotted where it carries no claim (d). After training, late "
    "layers are most sensitive to horizontal and vertical, and before they are not. The supplement shows what a Gabor cut at the "
    "border changes, and shuffled weights: most of their curves are noise in orientation, which no grid resolves, so that they "
    "carry no claim. Bands are ranges over seeds.",
    share=13,
    profiles=compute.PROFILES,
    compute=compute.compute,
    draw=draw.draw,
    claims=claims.claims,
    charts=charts,
    measurements=claims.measurements,
    why_not={
        "*-init": "Few networks make wide intervals.",
        "*": "Few networks make wide intervals: one whose late layers the grid of orientation does not resolve is left out.",
    },
    densities=("orientation",),
)

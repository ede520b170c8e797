"""Figure 5: linear networks."""

from fechner.paper.fig5 import claims, compute, draw, explore
from fechner.paper.figure import PaperFigure

FIGURE = PaperFigure(
    title="Figure 5: linear networks",
    caption="The variance of principal components of natural patches (a); how much of each component linear networks that "
    "reconstruct such patches have learned at every step (b; dotted: theory); threshold for spatial frequency (c); acuity "
    "along learning, and that of children (d); the step at which each component is learned, against theory (e); what a "
    "network makes of two patches along learning (f). Components of large variance, which are of low spatial frequency, are "
    "learned first, so that acuity grows.",
    share=10,
    profiles=compute.PROFILES,
    compute=compute.compute,
    draw=draw.draw,
    claims=claims.claims,
    measurements=claims.measurements,
    charts=explore.charts,
    why_not={
        "fig5-acuity": "The published plot shows the square of acuity.",
        "fig5-order": "The quick profile stops the deeper networks before the components of least variance are learned.",
    },
)

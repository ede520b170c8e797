"""Figure 5: linear networks."""

from fechner.paper.fig5 import claims, compute, draw, explore
from fechner.paper.figure import PaperFigure

FIGURE = PaperFigure(
    title="Figure 5: linear networks",
    caption="The variance of principal components of natural patches (a); how much of each component linear networks that "
    "reconstruct such patches have learned at every step (b; dotted: theory); threshold for spatial frequency (c); acuity "
    "along learning, and that of children (d); the step at which each component is learned, against theory (e); what a "
    "network makes of two patches along learning (f). Components of large variance, which are of low spatial frequency, are "
    "learned first, so that acuity grows. The second supplement, fig5_readouts, has thresholds of two and three matrices (a, b); "
    "the threshold as a percentage of the frequency, alongside the ranges that two texts give for people (c); acuity of "
    "networks along learning and of children by age, each relative to its last value (d); singular values of the patches "
    "with the power law (e); a patch described by 50 components (f); and the first 56 components (g). Every network goes from "
    "low to high frequencies, and the deeper ones are slower. Only the form of the curves in c compares with people: the "
    "noise, which sets their level, is a convention.",
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

"""Figure 6: learning under supervision."""

from fechner.paper.fig6 import claims, compute, draw, explore
from fechner.paper.figure import PaperFigure

FIGURE = PaperFigure(
    title="Figure 6: learning under supervision",
    caption="A ReLU network learns to label orientation. Density and information of the labels, and what theory makes of them (a); "
    "relative sensitivity of the first hidden layer, orientation × step, with its final profile, under uniform inputs whose "
    "labels differ in information (b), under frequencies without noise (c), and at equal total information (d), for each "
    "definition of noise. Informative orientations win under uniform inputs, and frequent ones without noise; at "
    "equal total information frequent ones win where theory leaves them an advantage. The second supplement, fig6_rearing, has "
    "relative sensitivity, orientation × step, of networks whose inputs are first frequent at one orientation and then at "
    "another (a, b), and without that switch (c). Sensitivity follows the new inputs after the switch.",
    share=14,
    profiles=compute.PROFILES,
    compute=compute.compute,
    draw=draw.draw,
    claims=claims.claims,
    measurements=claims.measurements,
    charts=explore.charts,
    why_not={
        "fig6-d-erasure": "With few steps and seeds the interval is wider than the margin.",
        "*hysteresis*": "Not tested: a network that is large for its task may overwrite what it learned first.",
        "*critical*": "Not tested: plain gradient descent on a task that stays the same may keep its plasticity.",
    },
)

"""Figure 3: sensitivity to hue."""

from fechner.paper.fig3 import claims, compute, draw
from fechner.paper.figure import PaperFigure
from fechner.paper.states import charts

FIGURE = PaperFigure(
    title="Figure 3: sensitivity to hue",
    caption="Uniform patches of every hue (a); how often hues occur in photographs, with a proxy of human sensitivity (b); "
    "relative sensitivity of every block to hue over that density, pretrained, at initialisation and with shuffled weights, "
    "and the correlation of √J with the density against depth (c); late layers of checkpoints, where there are any (d). "
    "Where late layers have learned which hues are frequent, their correlation is above that of early layers and of both "
    "other states.",
    share=9,
    profiles=compute.PROFILES,
    compute=compute.compute,
    draw=draw.draw,
    claims=claims.claims,
    charts=charts,
    why_not={
        "*-init": "Three seeds make wide intervals, and the density of few photographs is uncertain.",
        "*-shuffled": "Three seeds make wide intervals, and the density of few photographs is uncertain.",
        "*": "The paper measured ResNet18. The path of HSV hue has a corner at every 60°, where the derivative "
        "jumps; what that does to late layers is not tested.",
    },
    densities=("hue",),
)

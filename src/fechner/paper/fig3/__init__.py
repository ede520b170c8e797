"""Figure 3: sensitivity to hue."""

from fechner.paper.fig3 import claims, compute, draw
from fechner.paper.figure import PaperFigure
from fechner.paper.states import charts

FIGURE = PaperFigure(
    title="Figure 3: sensitivity to hue",
    caption="Uniform patches of every hue (a); how often hues occur in photographs, with a proxy of human sensitivity (b); "
    "relative sensitivity to hue of every block of three networks over that density, after training and before (c); the "
    "correlation of √J with the density against depth, with its interval over photographs (d); late layers of checkpoints, "
    "where there are any (e). How far late layers follow the frequency of hues differs from network to network, so that three "
    "do not decide it.",
    share=9,
    profiles=compute.PROFILES,
    compute=compute.compute,
    draw=draw.draw,
    claims=claims.claims,
    charts=charts,
    measurements=claims.measurements,
    why_not={
        "*": "Three networks that differ make wide intervals. The paper measured ResNet18. The path of HSV hue has a corner at "
        "every 60°, where the derivative jumps; what that does to late layers is not tested.",
    },
    densities=("hue",),
)

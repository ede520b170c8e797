"""Networks trained on manipulated images."""

from fechner.paper.figure import PaperFigure
from fechner.paper.trained import claims, compute, draw, explore

FIGURE = PaperFigure(
    title="Networks trained on manipulated images",
    caption="The causal test: networks trained on CIFAR-10 upright and rotated. Relative sensitivity of layers after either "
    "training, and by how much rotation turns their curves; sensitivity along training, layers × time; what follows the "
    "images at the axes about which training images are mirrored and away from them, along depth, spatial frequency and "
    "training, with larger kernels and more pixels; networks trained on images whose hue is shifted. Green is how often "
    "values occur in the images, on a scale of its own. If images make sensitivity what it is, curves move with the images; "
    "at the axes of mirroring they do not, since mirroring teaches a network to ignore the sign of the angle there.",
    share=1,
    profiles=compute.PROFILES,
    compute=compute.compute,
    draw=draw.draw,
    claims=claims.claims,
    charts=explore.charts,
    why_not={
        "*-cardinal": "At exactly 0° and 90°, the axes about which images are mirrored, late layers lose sensitivity "
        "(claims -mirror); beside them see the claims -beside.",
        "*-oblique": "At exactly 45° and 135°, the axes about which these images are mirrored, late layers lose "
        "sensitivity (claims -mirror); beside them see the claims -beside.",
        "*-shift-*hue*": "HSV hue has kinks at every 60° that do not turn with the images.",
        "*": "Two or three trainings make wide intervals, and a single one leaves out how trainings differ.",
    },
)

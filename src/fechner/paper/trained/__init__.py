"""Networks trained on manipulated images."""

from fechner.paper.figure import PaperFigure
from fechner.paper.trained import claims, compute, draw, explore

FIGURE = PaperFigure(
    title="Networks trained on manipulated images",
    caption="The causal test: networks trained on CIFAR-10 upright and rotated by 45°. By how much rotation moves the "
    "preference of late layers for cardinal over oblique orientations, a dot a pair of trainings, with the 95 % interval over "
    "pairs; relative sensitivity of layers after either training, their difference, and the shift that aligns them; preference "
    "along training, layers × time; on what the effect depends, at the axes about which training images are mirrored and "
    "beside them; networks trained on images whose hue is shifted. Green is how often values occur in the images, on a scale "
    "of its own. If images make sensitivity what it is, the ratio is above 1 and curves move with the images; at the axes of "
    "mirroring they do not, since mirroring teaches a network to ignore the sign of the angle there.",
    share=1,
    profiles=compute.PROFILES,
    compute=compute.compute,
    draw=draw.draw,
    claims=claims.claims,
    measurements=claims.measurements,
    charts=explore.charts,
    why_not={
        "*-cause": "Within 7.5° of 0° and 90°, the axes about which training images are mirrored, late layers lose "
        "sensitivity, most of all with kernels of 3 × 3: see the measurements -beside and -dip. A single pair of trainings "
        "has no interval.",
        "*-shift-*hue": "HSV hue has kinks at every 60° that do not turn with the images.",
        "*": "Few trainings make wide intervals, and a single pair has none.",
    },
)

"""Figure 1: what efficient coding predicts from how often each orientation occurs in photographs.

Benjamin et al. (2022), Fig. 1. Fisher information J ∝ p^q (Ganguli & Simoncelli 2014; Wei & Stocker 2015; Morais &
Pillow 2018) under independent Gaussian noise of unit variance; thresholds ∝ J^(−1/2).
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fechner import circular, contents, human, results
from fechner.agreement import contrast
from fechner.paper.claim import Claim, Estimate, above, judge
from fechner.paper.figure import PaperFigure
from fechner.paper.photographs import density, with_density
from fechner.paper.run import Run
from fechner.plot import density as density_figure
from fechner.plot.curves import circular_ticks
from fechner.plot.panel import letters, reference
from fechner.plot.style import HUMAN, new_figure

EXPONENTS = {2.0: "infomax, q = 2", 1.0: "q = 1", 0.5: "discrimax, q = 1/2"}
COLOURS = ("#0072B2", "#56B4E9", "#E69F00")


def compute(run: Run) -> xr.DataTree:
    """The density of orientation in the photographs, and for each exponent q relative √J and relative threshold."""
    prior = density("orientation", run)
    grid = circular.grid(60, 180.0)
    p = circular.rebin(prior.density.values, grid, 180.0)
    roots = np.stack([p ** (q / 2) / (p ** (q / 2)).mean() for q in EXPONENTS])
    thresholds = 1 / roots / (1 / roots).mean(-1, keepdims=True)
    prediction = xr.Dataset(
        {
            "relative_sensitivity": (("q", "orientation"), roots, {"long_name": "√J / mean √J"}),
            "relative_threshold": (("q", "orientation"), thresholds, {"long_name": "threshold / mean"}),
        },
        {"q": list(EXPONENTS), "orientation": ("orientation", grid, prior.orientation.attrs)},
        {"noise_model": results.UNIT_GAUSSIAN},
    )
    return with_density("fig1", prior, prediction=prediction)


def draw(tree: xr.DataTree) -> dict[str, Figure]:
    """(a) prior, (b) predicted √J, (c) predicted thresholds, for three exponents."""
    figure = new_figure(7.2, 2.5)
    a, b, c = figure.subplots(1, 3)
    prediction, prior = tree["prediction"].to_dataset(), tree["density"].to_dataset()
    density_figure.draw(prior, a)
    angle = np.linspace(0, 180, 361)
    a.plot(angle, 180 * human.analytic_orientation_prior(angle), color="0.3", ls="--", lw=0.9, label="analytic prior")
    a.set_title(f"how often: {contents.measured_on(prior)}", fontsize=7)
    a.set_ylim(0, 1.2 * a.get_ylim()[1])
    a.legend(loc="upper center", handlelength=1.5)
    for axes, name, title in (
        (b, "relative_sensitivity", "predicted sensitivity √J, J ∝ p$^q$"),
        (c, "relative_threshold", "predicted threshold ∝ 1/√J"),
    ):
        for colour, (q, label) in zip(COLOURS, EXPONENTS.items(), strict=True):
            x, y = circular.around(prediction.orientation.values, prediction[name].sel(q=q).values, 180.0)
            axes.plot(x, y, color=colour, label=label)
        reference(axes, y=1)
        circular_ticks(axes, 180.0)
        axes.set(
            xlabel="orientation (degree)",
            ylabel="relative to mean",
            title=title,
            ylim=(0, 1.1 * float(prediction[name].max())),
        )
    c.legend(loc="lower center", handlelength=1.5)
    draw_people(b)
    letters((a, b, c))
    return {"fig1": figure}


def draw_people(axes: Axes) -> None:
    """The analytic form of human sensitivity, relative to its mean, and the threshold that a text gives at the meridians.

    The text gives no other orientation, so that the scale of 1/threshold on the right goes through its value at 0° and 90°.
    """
    angle = np.linspace(0, 180, 361)
    form = 180 * human.analytic_orientation_prior(angle)
    lines = axes.plot(angle, form, color=HUMAN, ls="--", lw=0.9, label="people: analytic form")
    people = human.read("orientation-discrimination")
    (place,) = np.flatnonzero(people.conditions.str.contains("vertical or horizontal").values)
    threshold = float(people.low[place])
    label = f"people: threshold {threshold:g}° (cited text)"
    marks = axes.plot([0, 90, 180], np.full(3, form[0]), "o", color=HUMAN, ms=3.5, clip_on=False, label=label)
    per_unit = 1 / (threshold * form[0])
    right = axes.secondary_yaxis("right", functions=(lambda y: y * per_unit, lambda s: s / per_unit))
    right.set_ylabel("people: 1/threshold (1/degree)", color=HUMAN, fontsize=6)
    right.tick_params(colors=HUMAN, labelsize=6)
    # Exponents are in the legend of the next panel.
    axes.legend(handles=[*lines, *marks], loc="lower center", handlelength=1.5, fontsize=6)


def claims(tree: xr.DataTree) -> list[Claim]:
    """That cardinal orientations are the frequent ones, on which everything else rests."""
    prior = tree["density"].to_dataset()
    grid = prior.orientation.values

    def ratio(p: np.ndarray) -> np.ndarray:
        return contrast(p, "orientation", grid, p)

    return [
        judge(
            "fig1-cardinal",
            "horizontal and vertical are the most frequent orientations in photographs",
            "density within 7.5° of 0° and 90° over that within 7.5° of 45° and 135°",
            Estimate.jackknife(
                float(ratio(prior.density.values)), ratio(prior.density_jackknife.values), "photographs", "log"
            ),
            above(1),
        )
    ]


FIGURE = PaperFigure(
    title="Figure 1: what efficient coding predicts",
    caption="How often each orientation occurs in photographs, with an analytic prior (a), and the relative sensitivity (b) and "
    "thresholds (c) of an efficient code for that density, whose Fisher information is J ∝ p^q under independent Gaussian "
    "noise, for three exponents q. Dashed in (b) is an analytic form of human sensitivity, a formula and no measurement; the marks "
    "are the threshold of 0.6° that a cited text gives for people at horizontal and vertical, through which the right axis goes. "
    "Horizontal and vertical are frequent, so that an efficient code is most sensitive there: the more, the larger q.",
    share=1,
    profiles=("quick", "paper"),
    compute=compute,
    draw=draw,
    claims=claims,
    why_not={"*": "With few photographs, or with photographs of few kinds of scene, the density is uncertain."},
    densities=("orientation",),
)

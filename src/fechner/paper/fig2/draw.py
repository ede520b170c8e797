"""Drawing Figure 2 and its supplement from the saved DataTree alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fechner import human, results
from fechner.paper.curves import CONTROLS, MAIN, RANDOM, SHUFFLED, by_seed, layers_only, networks, select, whole
from fechner.paper.fig2.claims import ratio
from fechner.paper.states import draw_along_depth, draw_columns, draw_state, same_height
from fechner.plot import curves, density
from fechner.plot.panel import letters, reference
from fechner.plot.style import LABELS, STATES, new_figure


def draw(tree: xr.DataTree) -> dict[str, Figure]:
    """The main figure, and its supplement where something was measured for it, by file name."""
    supplement = draw_supplement(tree["curves"].to_dataset())
    return {"fig2": draw_main(tree)} | ({"fig2_supplement": supplement} if supplement.axes else {})


def draw_main(tree: xr.DataTree) -> Figure:
    """The main figure: (a) human reference and prior, (b) the method, (c) curves, (d) ratio against depth."""
    measured, prior = tree["curves"].to_dataset(), tree["density"].to_dataset()
    main = [n for n in networks(measured) if n in MAIN]
    figure = new_figure(7.2, 8.0)
    top, bottom = figure.subfigures(2, 1, height_ratios=[2.5, 5.5], squeeze=False)[:, 0]
    a, b1, b2, b3 = top.subplots(1, 4, width_ratios=[1.5, 0.8, 0.8, 1.25])
    draw_reference(prior, a)
    draw_method(tree["stimulus"].to_dataset(), b1, b2)
    draw_example(measured, b3)
    draw_columns(bottom, select(measured, stimulus="gabor"), main, partial(density.area, prior), draw_ratio)
    letters((a, b1), "ab")
    bottom.supxlabel(sources(), fontsize=6, color="0.3", x=0.01, ha="left")
    return figure


def draw_supplement(measured: xr.Dataset) -> Figure:
    """Checks of each network that has them: the envelope of the Gabor, shuffled weights; and the control networks."""
    checks: list[tuple[str, Callable[[xr.Dataset, str, Sequence[Axes]], None]]] = []
    for network in (n for n in networks(measured) if n in MAIN):
        part = select(measured, network=network)
        checks += [(network, draw_envelope)] if "gabor-published" in part.stimulus.values else []
        checks += [(network, draw_shuffled)] if "shuffled" in part.weights.values else []
    controls = [n for n in networks(measured) if n in CONTROLS]
    rows = len(checks) + -(-len(controls) // 3)
    figure = new_figure(7.2, 2.1 * rows + 0.3)
    if not rows:
        return figure
    grid = figure.subplots(rows, 3, squeeze=False)
    for row, (network, draw_check) in zip(grid, checks, strict=False):
        draw_check(select(measured, network=network), network, row)
    rest = grid[len(checks) :].ravel()
    for axes, network in zip(rest, controls, strict=False):
        part = select(measured, network=network, stimulus="gabor")
        draw_ratio(part, axes)
        missing = "" if "pretrained" in part.weights.values else "\nno pretrained weights"
        axes.set_title(f"{network}{missing}")
    if controls:
        rest[0].legend(loc="best", handlelength=1)
    for axes in rest[len(controls) :]:
        axes.remove()
    return figure


def draw_envelope(measured: xr.Dataset, network: str, row: Sequence[Axes]) -> None:
    """What cutting the Gabor's envelope does to a pretrained network."""
    for name, axes, title, colour, label in (
        ("gabor", row[0], "envelope 0.3 % at the border", "#0072B2", "0.3 %"),
        ("gabor-published", row[1], "published: cut at 8 %", "#D55E00", "cut at 8 %"),
    ):
        part = select(measured, stimulus=name, weights="pretrained")
        draw_state(part, axes, f"{network}, pretrained\n{title}")
        _ratio_line(part, row[2], colour, label)
    same_height(row[:2])
    curves.depth_bar(row[1])
    _ratio_axes(row[2])
    row[2].legend(loc="upper left", title="envelope", handlelength=1)


def draw_shuffled(measured: xr.Dataset, network: str, row: Sequence[Axes]) -> None:
    """Curves of a network with shuffled weights, and in how many layers the grid resolves the curves of every state."""
    gabor = select(measured, stimulus="gabor")
    measured_states = [state for state in SHUFFLED if state in gabor.weights.values]
    for axes, state in zip(row, measured_states, strict=False):
        draw_state(select(gabor, weights=state), axes, f"{network}\n{LABELS[state]}")
    same_height(row[: len(measured_states)])
    for axes in row[len(measured_states) : len(SHUFFLED)]:
        axes.set_axis_off()
    curves.depth_bar(row[len(measured_states) - 1])
    states = [s for s in ("pretrained", *RANDOM) if s in gabor.weights.values]
    shares = [float(layers_only(select(gabor, weights=s)).resolved.mean()) for s in states]
    row[2].barh(range(len(states)), shares, color="0.6")
    row[2].set_yticks(range(len(states)), [LABELS[s].replace(" and ", " and\n") for s in states])
    row[2].set(xlim=(0, 1), xlabel="share of layers", title="resolved by the grid\nof orientation")
    row[2].invert_yaxis()


def draw_reference(prior: xr.Dataset, axes: Axes) -> None:
    """Human thresholds that a text gives as numbers, the density in photographs, and the analytic prior."""
    orientation = np.linspace(0, 180, 361)
    density.area(prior, axes)
    analytic = axes.plot(orientation, 180 * human.analytic_orientation_prior(orientation), color="0.2")[0]
    axes.set(
        xlim=(0, 180),
        ylim=(0, 4),
        xticks=curves.ticks(180),
        xlabel="orientation (degree)",
        ylabel="density (× uniform)",
    )
    right = axes.twinx()
    right.spines["right"].set_visible(True)
    data = human.read("orientation-discrimination")
    band = right.axhspan(float(data.low[0]), float(data.high[0]), color="#56B4E9", alpha=0.4, lw=0)
    dots = right.plot([0, 90, 180], [float(data.low[1])] * 3, "o", color="#D55E00", ms=4, clip_on=False)[0]
    right.set(ylim=(0, 1.6), ylabel="human threshold (degree)")
    labels = [f"{prior.attrs['photographs']} photographs", "analytic prior (assumed)"]
    labels += ["gratings, 0.3–0.5° ¹", "principal meridians, ≈ 0.6° ²"]
    axes.legend([axes.collections[1], analytic, band, dots], labels, loc="upper center", handlelength=1, borderpad=0)


def sources() -> str:
    """Where the thresholds were taken from."""
    papers = [s.split(", abstract")[0] for s in human.read("orientation-discrimination").source.values.tolist()]
    return "\n".join(f"{mark} {paper}, abstract" for mark, paper in zip("¹²", papers, strict=True))


def draw_method(stimulus: xr.Dataset, left: Axes, right: Axes) -> None:
    """The stimulus and its derivative with respect to orientation: what is pushed through the network."""
    left.imshow(stimulus.image, cmap="gray", vmin=0, vmax=1)
    left.set_title("stimulus x(θ)")
    most = float(np.abs(stimulus.derivative).max())
    right.imshow(stimulus.derivative, cmap="RdBu_r", vmin=-most, vmax=most)
    right.set_title("∂x/∂θ")
    for axes in (left, right):
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    left.set_xlabel("both go through the network at once:", loc="left")
    right.set_xlabel("\nresponse r, derivative ∂r/∂θ\nJ(θ) = ‖∂r/∂θ‖² per layer", loc="right")


def draw_example(measured: xr.Dataset, axes: Axes) -> None:
    """√J of one late layer against the pixels: the method's output."""
    part = select(measured, network=networks(measured)[0], stimulus="gabor")
    part = select(part, weights=part.weights.values[0], seed=part.seed.values[0])
    names = part.layer.values.tolist()
    late = names.index("blocks.15") if "blocks.15" in names else -2
    (pixels,) = np.flatnonzero(results.pixels(part))
    for place, label, colour, dash in ((pixels, "pixels", "0.5", "--"), (late, names[late], STATES["pretrained"], "-")):
        one = part.isel(layer=place)
        axes.plot(one.orientation, one.relative_sensitivity, color=colour, ls=dash, label=label)
    axes.set(xticks=curves.ticks(180), xlabel="orientation (degree)", ylabel="√J / mean √J")
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower left", handlelength=1.5)


def draw_ratio(part: xr.Dataset, axes: Axes) -> None:
    """Cardinal over oblique √J of every layer against depth, dotted where it carries no claim; mean and range over seeds."""
    for state, colour in STATES.items():
        one = select(part, weights=state)
        if one.sizes["layer"]:
            _ratio_line(one, axes, colour, LABELS[state])
    axes.plot([], [], ":", color="0.3", lw=0.8, label="marked too")
    _ratio_axes(axes)


def _ratio_line(part: xr.Dataset, axes: Axes, colour: str, label: str) -> None:
    seeds = [layers_only(one) for one in by_seed(part)]
    judged, every = (np.stack([ratio(one) for one in ones]) for ones in (seeds, map(whole, seeds)))
    draw_along_depth(axes, judged, colour, label)
    axes.plot(np.linspace(0, 1, every.shape[1]), every.mean(0), ":", color=colour, lw=0.8)


def _ratio_axes(axes: Axes) -> None:
    reference(axes, y=1)
    # Differences of a few per cent are not to look like large ones.
    low, high = axes.get_ylim()
    axes.set(
        xlabel="depth (first to last)",
        ylabel="√J cardinal / oblique",
        xlim=(-0.05, 1.05),
        ylim=(min(low, 0.8), max(high, 1.2)),
    )

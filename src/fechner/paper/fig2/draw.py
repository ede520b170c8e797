"""Drawing Figure 2 and its supplement from the saved Dataset alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fechner import human
from fechner.paper.curves import CONTROLS, MAIN, layers_only, networks, select
from fechner.paper.fig2.claims import ratio
from fechner.paper.photographs import density_of
from fechner.plot import curves, density
from fechner.plot.style import LABELS, STATES, letter, new_figure, style

_BEHIND: Any = {"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 1}


def draw(dataset: xr.Dataset) -> dict[str, Figure]:
    """The main figure and its supplement, by file name."""
    return {"fig2": draw_main(dataset), "fig2_supplement": draw_supplement(dataset)}


def draw_main(dataset: xr.Dataset) -> Figure:
    """The main figure: (a) human reference and prior, (b) the method, (c) curves, (d) ratio against depth."""
    shown = [n for n in networks(dataset) if n in MAIN]
    with style():
        figure = new_figure(7.2, 2.5 + 2.0 * len(shown))
        halves: Any = figure.subfigures(2, 1, height_ratios=[1, len(shown)])
        top, bottom = halves
        a, b1, b2, b3 = top.subplots(1, 4, width_ratios=[1.5, 0.8, 0.8, 1.25])
        draw_reference(dataset, a)
        draw_method(dataset, b1, b2)
        draw_example(dataset, b3)
        letter(a, "a")
        letter(b1, "b")
        rows = bottom.subplots(len(shown), 4, squeeze=False, width_ratios=[1, 1, 1, 1.05])
        for row, network in zip(rows, shown, strict=True):
            for axes, state in zip(row, STATES, strict=False):
                part = select(dataset, network=network, weights=state, stimulus="gabor")
                if draw_state(part, axes, f"{network}\n{LABELS[state]}"):
                    density.area(density_of(dataset), axes)
                if axes is not row[0] and row[0].lines:
                    axes.set_ylabel("")
                    axes.tick_params(labelleft=False)
            same_height(row[:3])
            draw_ratio(select(dataset, network=network, stimulus="gabor"), row[3])
            if network == shown[0]:
                row[3].legend(loc="lower left", bbox_to_anchor=(0, 1), handlelength=1, borderpad=0)
        curves.depth_bar(rows[0][2], *[r[2] for r in rows[1:]])
        letter(rows[0][0], "c")
        letter(rows[0][3], "d")
        bottom.supxlabel(sources(), fontsize=6, color="0.3", x=0.01, ha="left")
    return figure


def draw_supplement(dataset: xr.Dataset) -> Figure:
    """What cutting the Gabor's envelope does, for each network; and the control networks where they were measured."""
    main = [
        n
        for n in networks(dataset)
        if n in MAIN and select(dataset, network=n, stimulus="gabor-published").sizes["layer"]
    ]
    controls = [n for n in networks(dataset) if n in CONTROLS]
    rows = len(main) + -(-len(controls) // 3)
    with style():
        figure = new_figure(7.2, 2.1 * max(rows, 1) + 0.3)
        grid = figure.subplots(max(rows, 1), 3, squeeze=False)
        for row, network in zip(grid, main, strict=False):
            both = {
                s: select(dataset, network=network, weights="pretrained", stimulus=s)
                for s in ("gabor", "gabor-published")
            }
            for axes, (name, title) in zip(
                row,
                (("gabor", "envelope 0.3 % at the border"), ("gabor-published", "published: cut at 8 %")),
                strict=False,
            ):
                draw_state(both[name], axes, f"{network}, pretrained\n{title}")
            same_height(row[:2])
            curves.depth_bar(row[1])
            for part, colour, label in zip(both.values(), ("#0072B2", "#D55E00"), ("0.3 %", "cut at 8 %"), strict=True):
                _ratio_line(part, row[2], colour, label)
            _ratio_axes(row[2])
            row[2].legend(loc="upper left", title="envelope", handlelength=1)
        rest = grid[len(main) :].ravel()
        for axes, network in zip(rest, controls, strict=False):
            part = select(dataset, network=network, stimulus="gabor")
            draw_ratio(part, axes)
            missing = "" if "pretrained" in part.weights.values else "\nno pretrained weights"
            axes.set_title(f"{network}{missing}")
        if controls:
            rest[0].legend(loc="best", handlelength=1)
        for axes in rest[len(controls) :]:
            axes.remove()
    return figure


def draw_reference(dataset: xr.Dataset, axes: Axes) -> None:
    """Human thresholds that a text gives as numbers, the density in photographs, and the analytic prior."""
    orientation = np.linspace(0, 180, 361)
    density.area(density_of(dataset), axes)
    prior = axes.plot(orientation, 180 * human.analytic_orientation_prior(orientation), color="0.2")[0]
    axes.set_ylim(0, 4)
    axes.set_xlim(0, 180)
    axes.set_xticks([0, 45, 90, 135, 180])
    axes.set_xlabel("orientation (degree)")
    axes.set_ylabel("density (× uniform)")
    right = axes.twinx()
    right.spines["right"].set_visible(True)
    data = human.read("orientation-discrimination")
    band = right.axhspan(float(data.low[0]), float(data.high[0]), color="#56B4E9", alpha=0.4, lw=0)
    dots = right.plot([0, 90, 180], [float(data.low[1])] * 3, "o", color="#D55E00", ms=4, clip_on=False)[0]
    right.set_ylim(0, 1.6)
    right.set_ylabel("human threshold (degree)")
    labels = [f"{dataset.attrs['photographs']} photographs", "analytic prior (assumed)"]
    labels += ["gratings, 0.3–0.5° ¹", "principal meridians, ≈ 0.6° ²"]
    axes.legend([axes.collections[1], prior, band, dots], labels, loc="upper center", handlelength=1, borderpad=0)


def sources() -> str:
    """Where the thresholds were taken from."""
    found = [s.split(", abstract")[0] for s in human.read("orientation-discrimination").source.values.tolist()]
    return "\n".join(f"{mark} {source}, abstract" for mark, source in zip("¹²", found, strict=True))


def draw_method(dataset: xr.Dataset, left: Axes, right: Axes) -> None:
    """The stimulus and its derivative with respect to orientation: what is pushed through the network."""
    left.imshow(dataset.stimulus_image, cmap="gray", vmin=0, vmax=1)
    left.set_title("stimulus x(θ)")
    slope = dataset.stimulus_derivative
    most = float(np.abs(slope).max())
    right.imshow(slope, cmap="RdBu_r", vmin=-most, vmax=most)
    right.set_title("∂x/∂θ")
    for axes in (left, right):
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    left.set_xlabel("both go through the network at once:", loc="left")
    right.set_xlabel("\nresponse r, derivative ∂r/∂θ\nJ(θ) = ‖∂r/∂θ‖² per layer", loc="right")


def draw_example(dataset: xr.Dataset, axes: Axes) -> None:
    """√J of one late layer with its standard error over phases, against the pixels: the method's output."""
    network = networks(dataset)[0]
    part = select(dataset, network=network, stimulus="gabor")
    part = select(part, weights=part.weights.values[0], seed=part.seed.values[0])
    names = part.layer.values.tolist()
    late = "blocks.15" if "blocks.15" in names else names[-2]
    for name, colour in (("input", "0.5"), (late, STATES["pretrained"])):
        one = part.isel(layer=names.index(name))
        y, se = one.relative_sensitivity.values, np.nan_to_num(one.relative_sensitivity_se.values)
        axes.fill_between(one.orientation, y - se, y + se, color=colour, alpha=0.3, lw=0)
        axes.plot(
            one.orientation,
            y,
            color=colour,
            ls="--" if name == "input" else "-",
            label="pixels" if name == "input" else name,
        )
    axes.set_xticks([0, 45, 90, 135, 180])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("orientation (degree)")
    axes.set_ylabel("√J / mean √J (± s.e.)")
    axes.legend(loc="lower left", handlelength=1.5)


def draw_state(part: xr.Dataset, axes: Axes, title: str) -> list[Line2D]:
    """Curves of one network in one state, averaged over seeds with their range as a band; or why there are none."""
    axes.set_title(title)
    if not part.sizes["layer"]:
        axes.text(0.5, 0.5, "weights\nnot available", ha="center", va="center", transform=axes.transAxes, color="0.4")
        axes.set_axis_off()
        return []
    seeds = np.unique(part.seed.values)
    first = select(part, seed=seeds[0]).copy()
    stack = np.stack([select(part, seed=s).relative_sensitivity.values for s in seeds])
    first["relative_sensitivity"] = (first.relative_sensitivity.dims, stack.mean(0))
    lines = curves.draw(first, axes)
    if len(seeds) > 1:
        for i, line in enumerate(lines):
            x = first[first.attrs["along"]]
            axes.fill_between(x, stack[:, i].min(0), stack[:, i].max(0), color=line.get_color(), alpha=0.12, lw=0)
    axes.axhline(1, color="0.8", lw=0.6, zorder=1)
    return lines


def draw_ratio(part: xr.Dataset, axes: Axes) -> None:
    """Cardinal over oblique √J of every layer against depth; mean and range over seeds."""
    for state, colour in STATES.items():
        one = select(part, weights=state)
        if one.sizes["layer"]:
            _ratio_line(one, axes, colour, LABELS[state])
    _ratio_axes(axes)


def _ratio_line(part: xr.Dataset, axes: Axes, colour: str, label: str) -> None:
    seeds = np.unique(part.seed.values)
    values = [layers_only(select(part, seed=s)) for s in seeds]
    by_seed = np.stack([ratio(v.fisher_information.values, v.orientation.values) for v in values])
    depth = np.linspace(0, 1, by_seed.shape[1])
    axes.plot(depth, by_seed.mean(0), "o-", ms=2.5, color=colour, label=label)
    if len(seeds) > 1:
        axes.fill_between(depth, by_seed.min(0), by_seed.max(0), color=colour, alpha=0.25, lw=0)


def _ratio_axes(axes: Axes) -> None:
    axes.axhline(1, color="0.8", lw=0.6, zorder=1)
    axes.set_xlabel("depth (first to last)")
    # Differences of a few per cent are not to look like large ones.
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.8), max(high, 1.2))
    axes.set_xlim(-0.05, 1.05)
    axes.set_ylabel("√J cardinal / oblique")


def same_height(row: Sequence[Axes]) -> None:
    """One vertical scale for panels that are compared."""
    drawn = [
        np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in a.lines] or [np.ones(1)]) for a in row
    ]
    heights = [float(y[np.isfinite(y)].max(initial=1.5)) for y in drawn]
    # Shuffled weights can make single orientations extreme; they would flatten the panels that matter.
    top = 1.1 * max(heights[:2])
    for axes, height in zip(row, heights, strict=True):
        axes.set_ylim(0, top)
        if height > top:
            axes.text(
                0.02, 0.98, f"peaks up to {height:.1f}", transform=axes.transAxes, va="top", fontsize=6, bbox=_BEHIND
            )

"""What the manipulation of training images is claimed to do to sensitivity, and where along a network it does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from fechner import circular, results
from fechner.comparison import contrast
from fechner.differences import difference
from fechner.fisher import relative_to_mean
from fechner.interval import interval_in_words
from fechner.paper.claim import Claim, Estimate, above, judge, within
from fechner.paper.trained import when
from fechner.paper.trained.files import Setup
from fechner.paper.trained.pairs import (
    HUE,
    ROTATED,
    TURNED,
    UPRIGHT,
    curves,
    density,
    late,
    late_curve,
    pairs,
    recorded,
    setups,
)

Array = npt.NDArray[np.float64]
MEASURE = "log2 of √J within 7.5° of 0° and 90° over that of 45° and 135°, mean over layers and spatial frequencies"
FOLLOWS = "late layers become more sensitive to what has become frequent, and less to what has become rare"
THIRDS = ("early", "middle", "late")


def claims(tree: xr.DataTree) -> list[Claim]:
    """For every setup with a pair of trainings, and for hue."""
    orientation, hue = tree.children["orientation"], tree.children.get("hue")
    judged = [claim for setup in setups(orientation) for claim in _of_setup(orientation, setup)]
    judged += when.claims(orientation)
    if hue is not None:
        for setup in sorted(setups(hue, HUE), key=lambda setup: setup.label):
            judged += _of_pairs(hue, setup, HUE, 90.0, "hue + 90°")
    return judged


def octaves(information: xr.DataArray) -> Array:
    """Cardinal over oblique √J in octaves (layer, frequency, …), of orientation curves; NaN where there is no sensitivity."""
    root = information.transpose("layer", "spatial_frequency", ..., "orientation").astype(float) ** 0.5
    return np.log2(contrast(root.values, "orientation", root.orientation.values, np.ones(root.sizes["orientation"])))


def final_octaves(seeds: Sequence[xr.Dataset]) -> Array:
    """The same at the end of training (seed, layer, frequency)."""
    return np.stack([octaves(one.fisher_information_samples.mean("phase")) for one in seeds])


def _of_setup(part: xr.DataTree, setup: Setup) -> list[Claim]:
    """Which orientations are preferred after either training, and what rotation moved, by layer, frequency and epoch."""
    judged: list[Claim] = []

    def add(name: str, statement: str, which: str, values: Array) -> None:
        # Of a single training nothing can be said with an interval.
        if len(values) > 1:
            estimate = Estimate.over(values, "seeds")
            statement = f"{setup.label}: {statement}"
            judged.append(judge(setup.claim_id(name), statement, MEASURE + which, estimate, above(0)))

    def add_moved(name: str, statement: str, which: str, values: Array) -> None:
        add(name, statement, f", upright minus rotated; {which}", values)

    upright, rotated = (final_octaves(list(curves(part, setup, state).values())) for state in (UPRIGHT, ROTATED))
    statement = "late layers trained upright are more sensitive to cardinal orientations"
    add("cardinal", statement, "; last third of layers", _third(upright, 2))
    statement = "late layers trained on images rotated by 45° are more sensitive to obliques"
    add("oblique", statement, ", negative; last third of layers", -_third(rotated, 2))
    manipulated, plain = pairs(part, setup, ROTATED)
    moved = final_octaves(plain) - final_octaves(manipulated)
    for i, name in enumerate(THIRDS):
        statement = f"rotating the images moves the preference of {name} layers"
        add_moved(name, statement, f"{name} third of layers", _third(moved, i))
    statement = "rotating the images moves the preference of the output"
    add_moved("output", statement, "last layer", moved[:, -1].mean(-1))
    for i, frequency in enumerate(plain[0].spatial_frequency.values):
        statement = f"it moves that of late layers at {frequency:g} cycles/degree"
        which = "last third of layers, this frequency alone"
        add_moved(f"late-{frequency:g}", statement, which, _third(moved[..., [i]], 2))
    if recorded([*plain, *manipulated]):
        for epoch in (e for e in (1.0, 4.0) if e in plain[0].epoch.values):
            after = [
                np.stack([octaves(one.fisher_information_recorded.sel(epoch=epoch)) for one in seeds])
                for seeds in (plain, manipulated)
            ]
            statement = f"it has moved that of late layers after {epoch:g} epoch{'s' if epoch > 1 else ''}"
            which = f"last third of layers, after epoch {epoch:g}"
            add_moved(f"late-epoch-{epoch:g}", statement, which, _third(after[0] - after[1], 2))
    for condition, angle in ((ROTATED, 45.0), (TURNED, 22.5)):
        judged += _of_pairs(part, setup, condition, angle, f"images rotated by {angle:g}°")
    return judged


def _of_pairs(part: xr.DataTree, setup: Setup, condition: str, angle: float, manipulation: str) -> list[Claim]:
    """By how much curves are turned, and whether sensitivity changed where the manipulation changed the images."""
    manipulated, upright = pairs(part, setup, condition)
    if not manipulated:
        return []
    along = results.along(manipulated[0])
    grid, period = manipulated[0][along].values, circular.circle_of(manipulated[0][along])
    turned = difference([late_curve(c) for c in manipulated], [late_curve(c) for c in upright]).isel(layer=0)
    best, low, high = (float(turned[f"shift{end}"]) for end in ("", "_low", "_high"))
    shift = Estimate(best, low, high, interval_in_words(len(upright)))
    shift += round((angle - shift.value) / period) * period if np.isfinite(shift.value) else 0.0
    judged = [
        judge(
            setup.claim_id(f"shift-{angle:g}-{along}"),
            f"{setup.label}, {manipulation}: sensitivity of late layers is shifted by {angle:g}°",
            f"shift of the upright curve of {along} that correlates best, modulo {period:g}°, last third of layers",
            shift,
            within(angle / 2, 3 * angle / 2),
        )
    ]
    before, after = density(part), density(part, angle)
    if before is None or after is None:
        return judged
    changed = circular.rebin((after.density - before.density).values, grid, period)

    def correlation(manipulated: Array, upright: Array) -> float:
        change = np.subtract(*(relative_to_mean(np.sqrt(c)) for c in (manipulated, upright)))
        return float(np.corrcoef(change, changed)[0, 1])

    return [
        *judged,
        judge(
            setup.claim_id(f"follows-{angle:g}-{along}"),
            f"{setup.label}, {manipulation}: {FOLLOWS}",
            f"correlation over {along} of the change of relative sensitivity with the change of density, last third of layers",
            Estimate.of_trainings(correlation, late(manipulated), late(upright)),
            above(0),
        ),
    ]


def _third(values: Array, which: int) -> Array:
    """Mean over a third of the layers and over frequencies, of values (seed, layer, frequency)."""
    n = values.shape[1]
    edges = [0, max(1, round(n / 3)), n - max(1, round(n / 3)), n]
    return np.nanmean(values[:, edges[which] : edges[which + 1]], (1, 2))

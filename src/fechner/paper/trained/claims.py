"""What the manipulation of training images is claimed to do to sensitivity, and where along a network it does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from fechner import circular, interval, results
from fechner.differences import difference
from fechner.fisher import relative_to_mean
from fechner.paper.claim import Claim, t_interval
from fechner.paper.trained import when as trained_when
from fechner.paper.trained.compute import (
    HUE,
    ROTATED,
    TURNED,
    UPRIGHT,
    curves,
    density,
    identifier,
    late,
    late_curve,
    networks,
    of_hue,
    pairs,
    preference,
)

Array = npt.NDArray[np.float64]
MEASURE = "log2 of √J within 7.5° of 0° and 90° over that of 45° and 135°, mean over layers and spatial frequencies"


def claims(dataset: xr.Dataset) -> list[Claim]:
    """For every network with a pair of trainings, and for hue."""
    found = [c for n in networks(dataset) for c in _of_network(dataset, n)] + trained_when.claims(dataset)
    hue = of_hue(dataset)
    if hue is not None:
        for network in sorted(set(hue.network.values.tolist())):
            found += _shift(hue, network, HUE, 90.0, "hue + 90°")
            found += _follows(dataset, hue, network, HUE, 90.0, "hue + 90°")
    return found


def _of_network(dataset: xr.Dataset, network: str) -> list[Claim]:
    found: list[Claim] = []

    def add(id_: str, statement: str, criterion: str, values: Array) -> None:
        # Of a single training nothing can be said with an interval.
        if len(values) < 2:
            return
        found.append(
            _over_seeds(identifier(f"{network}-{id_}"), f"{network}: {statement}", f"{MEASURE}{criterion}", values)
        )

    upright, rotated = (np.stack([_final(c) for c in curves(dataset, network, s)]) for s in (UPRIGHT, ROTATED))
    add(
        "cardinal",
        "late layers trained upright are more sensitive to cardinal orientations",
        "; last third of layers",
        _third(upright, 2),
    )
    add(
        "oblique",
        "late layers trained on images rotated by 45° are more sensitive to obliques",
        ", negative; last third of layers",
        -_third(rotated, 2),
    )
    rotated_pairs, upright_pairs = pairs(dataset, network, ROTATED)
    apart = np.stack([_final(u) - _final(r) for r, u in zip(rotated_pairs, upright_pairs, strict=True)])
    minus = ", upright minus rotated"
    for i, name in enumerate(("early", "middle", "late")):
        add(
            f"{name}",
            f"rotating the images moves the preference of {name} layers",
            f"{minus}; {name} third of layers",
            _third(apart, i),
        )
    add(
        "output",
        "rotating the images moves the preference of the output",
        f"{minus}; last layer",
        apart[:, -1].mean(-1),
    )
    for i, frequency in enumerate(rotated_pairs[0].spatial_frequency.values):
        add(
            f"late-{frequency:g}",
            f"it moves that of late layers at {frequency:g} cycles/degree",
            f"{minus}; last third of layers, this frequency alone",
            _third(apart[..., [i]], 2),
        )
    if "fisher_information_recorded" in rotated_pairs[0]:
        for epoch in (e for e in (1.0, 4.0) if e in rotated_pairs[0].epoch.values):
            early = np.stack([_at(u, epoch) - _at(r, epoch) for r, u in zip(rotated_pairs, upright_pairs, strict=True)])
            add(
                f"late-epoch-{epoch:g}",
                f"it has moved that of late layers after {epoch:g} epoch{'s' if epoch > 1 else ''}",
                f"{minus}; last third of layers, after epoch {epoch:g}",
                _third(early, 2),
            )
    for condition, angle in ((ROTATED, 45.0), (TURNED, 22.5)):
        found += _shift(dataset, network, condition, angle, f"images rotated by {angle:g}°")
        found += _follows(dataset, dataset, network, condition, angle, f"images rotated by {angle:g}°")
    return found


def _shift(dataset: xr.Dataset, network: str, condition: str, expected: float, what: str) -> list[Claim]:
    one, other = pairs(dataset, network, condition)
    if not one:
        return []
    along = results.along(one[0])
    found = difference([late_curve(c) for c in one], [late_curve(c) for c in other]).isel(layer=0)
    period = circular.circle_of(one[0][along])
    shift, low, high = (float(found[n]) for n in ("shift", "shift_low", "shift_high"))
    turn = round((expected - shift) / period) * period if np.isfinite(shift) else 0.0
    shift, low, high = shift + turn, low + turn, high + turn
    return [
        Claim(
            identifier(f"{network}-shift-{expected:g}-{along}"),
            "trained",
            f"{network}, {what}: sensitivity of late layers is shifted by {expected:g}°",
            f"shift of the upright curve of {along} that correlates best, modulo {period:g}°, last third of layers; "
            f"{interval.told(len(one))} holds {expected:g}° and not 0°",
            shift,
            (low, high),
            bool(low <= expected <= high and not any(low <= t <= high for t in (-period, 0.0, period))),
        )
    ]


def _follows(
    dataset: xr.Dataset, measured: xr.Dataset, network: str, condition: str, angle: float, what: str
) -> list[Claim]:
    """Whether sensitivity changed where the manipulation changed what the images contain."""
    along = results.along(measured)
    one, other = pairs(measured, network, condition)
    before, after = density(dataset, along), density(dataset, along, angle)
    if not one or before is None or after is None:
        return []
    grid, period = one[0][along].values, circular.circle_of(one[0][along])
    changed = circular.rebin((after.density - before.density).values, grid, period)

    def correlation(manipulated: Array, upright: Array) -> float:
        apart = np.subtract(*(relative_to_mean(np.sqrt(c)) for c in (manipulated, upright)))
        return float(np.corrcoef(apart, changed)[0, 1])

    mean, low, high = (float(v) for v in interval.over_seeds(correlation, late(one), late(other)))
    return [
        Claim(
            identifier(f"{network}-follows-{angle:g}-{along}"),
            "trained",
            f"{network}, {what}: late layers become more sensitive to what has become frequent, and less to what has become rare",
            f"correlation over {along} of the change of relative sensitivity with the change of density, last third of layers; "
            f"{interval.told(len(one))} above 0",
            mean,
            (low, high),
            low > 0,
        )
    ]


def _over_seeds(id_: str, statement: str, criterion: str, values: Array) -> Claim:
    """That the mean over seeds is above 0."""
    mean, low, high = t_interval(values)
    criterion = f"{criterion}; 95 % t-interval over {len(values)} seeds above 0"
    return Claim(id_, "trained", statement, criterion, mean, (low, high), bool(low > 0))


def _final(part: xr.Dataset) -> Array:
    """Preference (layer, spatial frequency) at the end of training."""
    return preference(part.fisher_information_samples.mean("phase")).transpose("layer", "spatial_frequency").values


def _at(part: xr.Dataset, epoch: float) -> Array:
    return preference(part.fisher_information_recorded.sel(epoch=epoch)).transpose("layer", "spatial_frequency").values


def _third(values: Array, which: int) -> Array:
    """Mean over a third of the layers and over frequencies, of values (seed, layer, frequency)."""
    n = values.shape[1]
    edges = [0, max(1, round(n / 3)), n - max(1, round(n / 3)), n]
    return np.nanmean(values[:, edges[which] : edges[which + 1]], (1, 2))

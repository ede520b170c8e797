"""How often intervals of 95 % hold the truth: 500 ImageNet photographs are the world, and others are drawn from them.

Photographs are drawn with replacement, and what all 500 give is the truth. `make test-slow` simulates 2000 repetitions and
prints the table of docs/explanation/intervals.md; the default run has a few hundred of the cheapest. A target of the table is
missed where `MISSED` says so.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from fechner import circular, compare, results
from fechner.agreement import contrast
from fechner.differences import difference
from fechner.interval import GROUPS, jackknife_t, leave_out
from fechner.statistics import make, photographs
from fechner.statistics.feature import Array, Feature

# Relative √J of an early, a middle and a late block of each of three pretrained EfficientNets, one a line, from 0 (orientation)
# or 7.5 degrees (hue) on, with 20 phases, or with two saturations and two values.
CURVES = {
    "orientation": """
        1.03 1.00 0.99 1.00 1.01 1.02 1.03 1.03 1.04 1.04 1.03 1.01 1.00 0.99 0.97 0.96 0.95 0.95 0.95 0.95 0.94 0.95 0.96 0.98 1.00 1.02 1.03 1.04 1.04 1.04 1.03 1.02 1.01 1.00 1.00 1.00
        1.27 1.70 1.08 0.85 0.85 0.89 0.81 0.88 0.90 0.98 0.99 0.86 0.99 0.79 0.75 0.84 1.01 1.46 1.59 1.56 1.06 0.91 0.89 1.02 0.85 0.81 0.91 0.90 0.84 0.89 0.86 0.86 0.77 0.89 1.06 1.42
        0.98 1.63 1.34 0.97 1.02 0.93 0.73 1.02 0.86 0.99 0.96 0.86 1.08 0.74 0.66 0.82 1.07 1.55 1.39 1.80 1.02 0.90 1.00 1.07 0.83 0.69 0.83 0.74 0.75 0.95 0.88 0.83 0.75 0.99 1.07 1.30
        1.00 0.99 0.98 0.97 0.98 0.99 0.99 1.00 1.00 1.00 1.01 1.01 1.01 1.01 1.01 1.00 1.00 1.00 1.02 1.01 1.00 1.00 1.01 1.01 1.02 1.01 1.01 1.01 1.01 1.01 1.00 0.99 0.99 0.98 0.98 0.99
        1.37 1.24 1.02 0.77 0.74 0.82 0.87 0.92 0.89 0.98 0.95 0.92 0.98 0.87 0.87 0.99 1.24 1.67 1.72 1.63 1.22 0.89 0.85 1.14 0.88 0.86 0.81 0.90 0.84 0.79 0.77 0.83 0.80 0.74 1.00 1.24
        1.19 1.09 1.02 0.67 0.71 0.87 0.92 1.02 0.84 0.76 0.83 0.98 0.94 0.88 0.75 0.97 1.30 2.01 1.54 1.87 1.46 0.79 0.77 1.18 0.87 0.85 0.67 0.89 0.94 0.83 0.79 0.93 0.76 0.79 1.09 1.23
        1.02 1.00 1.01 1.01 1.01 1.02 1.02 1.02 1.02 1.01 1.01 1.01 1.00 1.00 0.99 0.98 0.98 0.99 1.01 0.99 0.98 0.98 0.99 1.00 1.00 1.00 0.99 0.99 0.99 0.99 1.00 0.99 0.99 0.99 1.00 1.00
        1.17 1.41 1.01 0.84 0.81 0.91 0.83 0.81 0.91 0.94 0.92 0.84 0.76 0.92 0.89 0.96 1.12 1.53 1.39 1.42 1.30 0.99 1.06 0.69 0.75 1.04 1.02 0.90 1.02 0.82 0.81 1.13 0.80 0.88 1.12 1.28
        1.07 1.80 0.94 0.70 0.68 0.93 0.80 0.71 0.94 0.90 0.87 0.81 0.74 0.88 0.85 1.06 1.02 1.90 1.17 1.80 1.30 1.01 0.99 0.58 0.70 1.13 0.97 0.70 1.04 0.75 0.72 1.35 0.63 0.70 1.21 1.62
    """,
    "hue": """
        1.42 1.60 1.31 1.13 0.78 0.78 0.63 0.86 0.69 0.79 0.82 1.33 1.15 1.76 0.93 0.93 1.78 0.75 0.44 1.15 0.64 0.34 0.39 1.63
        1.04 1.04 0.86 0.96 0.64 0.48 0.40 0.89 0.74 0.63 0.61 1.88 1.75 3.28 0.86 0.87 1.04 0.63 0.44 0.56 1.11 0.42 1.12 1.75
        1.23 1.08 1.01 0.98 0.69 0.49 0.42 1.12 0.96 0.63 0.51 1.61 1.84 2.10 0.80 0.82 1.09 0.76 0.48 0.69 1.13 0.48 1.14 1.95
        1.27 1.09 1.06 1.26 0.79 0.89 1.78 0.46 0.52 0.53 1.49 0.86 1.62 1.02 1.06 0.92 0.93 0.42 0.51 1.01 0.44 0.50 2.21 1.38
        0.86 0.87 0.97 3.31 0.55 0.74 1.10 0.33 0.30 0.40 0.77 0.62 2.07 0.60 1.60 1.44 0.70 0.32 0.67 1.02 0.47 0.73 2.33 1.22
        0.80 0.80 1.09 2.82 0.55 0.77 0.96 0.30 0.24 0.34 0.73 0.65 2.38 0.51 2.05 1.65 0.75 0.35 0.65 1.09 0.44 0.70 2.29 1.09
        0.94 1.68 1.51 1.02 1.43 0.63 0.67 0.62 1.06 1.02 0.82 0.74 1.18 1.75 0.86 0.97 1.29 0.70 0.50 0.73 1.28 0.89 0.86 0.84
        0.71 1.47 1.28 1.04 1.26 0.66 0.53 0.56 1.70 1.30 1.11 0.57 1.35 3.12 1.12 0.74 0.76 0.45 0.46 0.82 1.23 0.46 0.57 0.70
        0.86 1.56 1.48 1.20 1.49 0.74 0.56 0.56 1.46 1.22 1.15 0.76 1.47 2.30 1.06 0.80 0.72 0.38 0.42 0.82 1.20 0.38 0.52 0.88
    """,
}
# The least that coverage must be for a number of photographs, and the most for many.
LEAST, MOST = {9: 0.89, 50: 0.91, 100: 0.89, 500: 0.93}, 0.97
# Few photographs have most of a rare hue, so that an interval ends too low where none of them was drawn.
MISSED = {("density of hue", 500): 0.91}


@pytest.fixture(scope="session")
def measured(photographs_tar: Path) -> dict[str, Array]:
    """What each photograph adds to the totals (photograph, k, value) of every feature; kept among temporary files."""
    stamp = hashlib.sha256(photographs_tar.read_bytes()[:65536]).hexdigest()[:12]
    kept = Path(tempfile.gettempdir()) / f"fechner-coverage-{stamp}.npz"
    if not kept.is_file():
        listed = photographs(photographs_tar)
        features = {name: make(name, {}) for name in ("orientation", "hue", "spatial_frequency")}
        each = {name: np.stack([f.measure(p.pixels()) for p in listed]) for name, f in features.items()}
        np.savez(kept.with_suffix(".part.npz"), **each)
        kept.with_suffix(".part.npz").replace(kept)
    return dict(np.load(kept))


def totals(photographs: Array) -> Array:
    """The totals that `stream.totals` gives for these photographs (photograph, k, value)."""
    groups = np.arange(len(photographs)) % GROUPS
    sums = np.stack([photographs[groups == g].sum(0) for g in np.unique(groups)])
    return np.concatenate([sums.sum(0, keepdims=True), leave_out(sums)])


def curves(feature: str) -> xr.Dataset:
    """Flat pixels, and the layers."""
    root = np.array([line.split() for line in CURVES[feature].strip().splitlines()], dtype=float)
    layers, values = root.shape
    root = np.concatenate([np.ones((1, values)), root])
    grid, attributes = make(feature, {"values": values}).coordinate
    return xr.Dataset(
        {"fisher_information": (("layer", feature), root**2), "relative_sensitivity": (("layer", feature), root)},
        {
            "layer": ["input", *map(str, range(layers))],
            "depth": ("layer", np.linspace(0, 1, layers + 1)),
            feature: (feature, grid + (7.5 if feature == "hue" else 0), attributes),
        },
        results.provenance("sensitivity") | {"along": feature},
    )


Interval = tuple[Array, Array, Array]


def estimates(feature: Feature, summed: Array, only_density: bool = False) -> dict[str, Interval]:
    """Values with their intervals, as `image_statistics`, `compare` and Figure 1 compute them."""
    density, *without = feature.density(summed)
    name, grid = feature.name.replace("_", " "), feature.coordinate[0]
    every = {f"density of {name}": (density, *jackknife_t(density, without, scale="density"))}
    if only_density:
        return every
    if feature.name not in CURVES:
        described = feature.describe(summed)
        every["exponent of the power spectrum"] = tuple(described[f"exponent{end}"][1] for end in ("", "_low", "_high"))
        return every
    prior = xr.Dataset(
        {"density": (feature.name, density), "density_jackknife": (("group", feature.name), np.stack(without))},
        {feature.name: (feature.name, *feature.coordinate)},
        {"along": feature.name, "photographs": len(without)},
    )
    compared = compare(curves(feature.name), prior).isel(reference=0)
    for layer in compared.layer.values[1:]:
        one = compared.sel(layer=layer)
        every[f"correlation of √J with {name}, layer {layer}"] = tuple(
            one[f"correlation{end}"].values for end in ("", "_low", "_high")
        )
    if feature.name == "orientation":
        ratio, *ratios = (contrast(p, "orientation", grid, p) for p in (density, *without))
        every["ratio of cardinal to oblique density"] = (ratio, *jackknife_t(ratio, ratios, scale="log"))
    return every


def coverage(feature: str, each: Array, count: int, repetitions: int, only_density: bool = False) -> dict[str, float]:
    """How often the interval of `count` photographs holds what all of them give; what has no interval is left out."""
    kind, rng = make(feature, {}), np.random.default_rng(count)
    truth = {name: value for name, (value, *_) in estimates(kind, totals(each), only_density).items()}
    inside: dict[str, list[float]] = {name: [] for name in truth}
    for _ in range(repetitions):
        drawn = each[rng.integers(0, len(each), count)]
        for name, (_, low, high) in estimates(kind, totals(drawn), only_density).items():
            held = np.where(np.isnan(low), np.nan, (low <= truth[name]) & (truth[name] <= high))
            if not np.isnan(held).all():
                inside[name].append(float(np.nanmean(held)))
    return {name: float(np.mean(held)) for name, held in inside.items() if held}


@pytest.mark.parametrize("count", [9, 50, 500])
def test_densities(measured: dict[str, Array], count: int) -> None:
    for feature in ("orientation", "spatial_frequency"):
        for name, held in coverage(feature, measured[feature], count, 100, only_density=True).items():
            assert held > LEAST[count] - 0.03, (name, count)


@pytest.mark.slow
@pytest.mark.parametrize("feature", ["orientation", "hue", "spatial_frequency"])
def test_photographs(measured: dict[str, Array], feature: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = {count: coverage(feature, measured[feature], count, 2000) for count in LEAST}
    with capsys.disabled():
        for name in table[500]:
            cells = [f"{table[count][name]:.1%}" if name in table[count] else "none" for count in LEAST]
            print(f"\n| {name} | " + " | ".join(cells) + " |", end="")  # noqa: T201
    for count, least in LEAST.items():
        for name, held in table[count].items():
            # Two standard errors of 2000 repetitions.
            assert held > MISSED.get((name, count), least) - 0.01, (name, count)
            # Of layers whose curves follow few photographs the interval is a little too wide.
            assert count < 500 or held < MOST + 0.02, (name, count)


def trained(shift: float, rng: np.random.Generator) -> xr.Dataset:
    """The curve of one training: two peaks, shifted, with noise."""
    theta = circular.grid(36, 180.0)
    angle = 2 * np.pi * (theta - shift) / 180
    root = 1 + 0.4 * np.cos(angle) + 0.2 * np.cos(2 * angle + 0.5) + 0.02 * rng.standard_normal(36)
    return xr.Dataset(
        {"fisher_information": (("layer", "orientation"), root[None] ** 2)},
        {"layer": ["late"], "orientation": ("orientation", theta, {"units": "degree", "period": 180.0})},
        {"along": "orientation"},
    )


@pytest.mark.parametrize("repetitions", [200, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("pairs", [3, 5])
def test_the_shift_over_pairs_of_trainings(pairs: int, repetitions: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Images are rotated by 45°, and every training has a shift of its own around that."""
    rng, inside = np.random.default_rng(pairs), []
    for _ in range(repetitions):
        manipulated = [trained(45 + s, rng) for s in rng.normal(0, 3, pairs)]
        found = difference(manipulated, [trained(0, rng) for _ in range(pairs)]).isel(layer=0)
        inside.append(float(found.shift_low) <= 45 <= float(found.shift_high))
    if repetitions == 2000:
        with capsys.disabled():
            print(f"\n| shift over {pairs} pairs | {np.mean(inside):.1%} |", end="")  # noqa: T201
    tolerance = 2.5 * np.sqrt(0.95 * 0.05 / repetitions)
    assert 0.93 - tolerance < np.mean(inside) < 0.97 + tolerance

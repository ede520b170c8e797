"""Claims that sensitivity follows a density: late layers, more than early ones, than pixels, than untrained weights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from fechner.comparison import compare
from fechner.paper.claim import Claim, t_interval
from fechner.paper.run import RANDOM, density_of, layers_only, select, third
from fechner.plot.style import LABELS

Array = npt.NDArray[np.float64]
FOLLOWING = "correlation of √J with the density, mean over the last third of the layers"
SAMPLED = "95 % bootstrap interval over photographs and nuisance values"


def claims(dataset: xr.Dataset, network: str, figure: str, stimulus: str, feature: str) -> list[Claim]:
    """What can be said of one network from the parts that the dataset holds."""
    prior = density_of(dataset)
    found: list[Claim] = []

    def add(id_: str, statement: str, criterion: str, measured: float, low: float, high: float) -> None:
        found.append(
            Claim(f"{figure}-{network}-{id_}", figure, f"{network}: {statement}", f"{criterion}, above 0; whole interval above", measured, (low, high), bool(low > 0))
        )  # fmt: skip

    pretrained = select(dataset, network=network, weights="pretrained", stimulus=stimulus)
    if not pretrained.sizes["layer"]:
        return found
    compared = _against(pretrained, prior)
    late, late_again = _mean(compared, "late")
    early, early_again = _mean(compared, "early")
    pixels = compared.isel(layer=compared.layer.values == "input")
    add(
        "follows",
        f"late layers are more sensitive to {feature}s that are frequent in photographs",
        f"{FOLLOWING}; {SAMPLED}",
        late,
        *_interval(late_again),
    )
    add(
        "follows-over-early",
        f"late layers follow the frequency of {feature}s better than early layers",
        f"{FOLLOWING}, minus that over the first third; {SAMPLED}",
        late - early,
        *_interval(late_again - early_again),
    )
    add(
        "follows-over-pixels",
        f"late layers follow the frequency of {feature}s better than raw pixels",
        f"{FOLLOWING}, minus that of the pixels (0 where they are flat); {SAMPLED}",
        late - float(pixels.correlation[0]),
        *_interval(late_again - pixels.correlation_samples.values[0]),
    )
    for state in RANDOM:
        part = select(dataset, network=network, weights=state, stimulus=stimulus)
        seeds = np.unique(part.seed.values)
        if len(seeds) > 1:
            by_seed = [_mean(_against(select(part, seed=s), prior, 0), "late")[0] for s in seeds]
            difference, low, high = t_interval(late - np.array(by_seed))
            add(
                f"follows-over-{state}",
                f"late layers of the pretrained network follow the frequency of {feature}s better than {LABELS[state]}",
                f"{FOLLOWING}, pretrained minus {state}; 95 % t-interval over {len(seeds)} seeds",
                difference,
                low,
                high,
            )
    return found


def _against(part: xr.Dataset, prior: xr.Dataset, bootstraps: int = 1000) -> xr.Dataset:
    return compare(part, prior, bootstraps=bootstraps).isel(reference=0)


def _mean(compared: xr.Dataset, which: str) -> tuple[float, Array]:
    """Mean correlation over a third of the layers, and its bootstrap; layers without sensitivity count nowhere."""
    layers = third(layers_only(compared), which)
    return float(np.nanmean(layers.correlation)), np.nanmean(layers.correlation_samples.values, 0)


def _interval(again: Array) -> tuple[float, float]:
    low, high = np.quantile(again, [0.025, 0.975])
    return float(low), float(high)

"""Claims that sensitivity follows a density: late layers, more than early ones, than pixels, than untrained weights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from fechner import results
from fechner.comparison import compare
from fechner.paper.claim import Claim, Estimate, above, judge
from fechner.paper.curves import RANDOM, by_seed, layers_only, select, third
from fechner.plot.style import LABELS

Array = npt.NDArray[np.float64]
FOLLOWING = "correlation of √J with the density, mean over the last third of the layers"


def claims(curves: xr.Dataset, prior: xr.Dataset, network: str, figure: str, stimulus: str) -> list[Claim]:
    """What can be said of one network from those of its parts that were measured."""
    pretrained = select(curves, network=network, weights="pretrained", stimulus=stimulus)
    if not pretrained.sizes["layer"]:
        return []
    feature = results.along(prior)
    compared = compare(pretrained, prior).isel(reference=0)
    pixels = compared.isel(layer=results.pixels(compared))
    late, late_without = _mean(compared, "late")
    early, early_without = _mean(compared, "early")
    judged = []

    def add(id_: str, statement: str, minus: str, estimate: Estimate) -> None:
        judged.append(
            judge(f"{figure}-{network}-{id_}", f"{network}: {statement}", FOLLOWING + minus, estimate, above(0))
        )

    def over_photographs(value: float, without: Array, scale: str = "identity") -> Estimate:
        return Estimate.jackknife(value, without, "photographs", scale)

    add(
        "follows",
        f"late layers are more sensitive to {feature}s that are frequent in photographs",
        "",
        over_photographs(late, late_without, "z"),
    )
    add(
        "follows-over-early",
        f"late layers follow the frequency of {feature}s better than early layers",
        ", minus that over the first third",
        over_photographs(late - early, late_without - early_without),
    )
    add(
        "follows-over-pixels",
        f"late layers follow the frequency of {feature}s better than raw pixels",
        ", minus that of the pixels (0 where they are flat)",
        over_photographs(late - float(pixels.correlation[0]), late_without - pixels.correlation_jackknife.values[:, 0]),
    )
    for state in RANDOM:
        seeds = by_seed(select(curves, network=network, weights=state, stimulus=stimulus))
        if len(seeds) > 1:
            random = [_mean(compare(one, prior).isel(reference=0), "late")[0] for one in seeds]
            add(
                f"follows-over-{state}",
                f"late layers of the pretrained network follow the frequency of {feature}s better than {LABELS[state]}",
                f", pretrained minus {state}",
                Estimate.over(late - np.array(random), "seeds"),
            )
    return judged


def _mean(compared: xr.Dataset, which: str) -> tuple[float, Array]:
    """Mean correlation over a third of the layers, also without each group of photographs."""
    layers = third(layers_only(compared), which)
    return float(np.nanmean(layers.correlation)), np.nanmean(layers.correlation_jackknife.values, 1)

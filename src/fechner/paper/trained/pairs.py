"""What is compared of trainings: pairs of a manipulated and an upright one that differ in nothing else, and their late layers.

`part` is what was measured along one parameter, tree["orientation"] or tree["hue"]: trainings, and a density if known.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from fechner import circular
from fechner.differences import difference
from fechner.paper.curves import layers_only, third
from fechner.paper.trained.files import Setup, setup_of

# What is sampled, as intervals and criteria name it.
PAIRS = "pairs of trainings"
UPRIGHT, ROTATED, TURNED, HUE = "upright", "rotation 45", "rotation 22.5", "hue 90"


def trainings(part: xr.DataTree | None) -> list[xr.Dataset]:
    """All trainings along a parameter; none where it was not measured."""
    if part is None or "trainings" not in part.children:
        return []
    return [node.to_dataset() for node in part.children["trainings"].children.values()]


def curves(part: xr.DataTree, setup: Setup, condition: str) -> dict[int, xr.Dataset]:
    """The trainings of a condition by seed, without pixels; what is left are values, layers, frequencies and epochs."""
    chosen = [one for one in trainings(part) if setup_of(one) == setup and one.condition == condition]
    return {one.seed.item(): _curves(layers_only(one)) for one in sorted(chosen, key=lambda one: one.seed.item())}


def _curves(training: xr.Dataset) -> xr.Dataset:
    along = training.attrs["along"]
    samples = training.fisher_information_samples.astype(float)
    samples = samples.mean([d for d in samples.dims if d not in ("layer", along, "spatial_frequency")])
    information = even(samples, along, "layer").transpose("layer", along)
    # Without their dimension, so that pairs may be measured at different phases.
    return training.drop_dims(["phase", "saturation"], errors="ignore").assign(
        fisher_information=information, fisher_information_samples=samples
    )


def even(information: xr.DataArray, along: str, *keep: str) -> xr.DataArray:
    """J, relative to its mean over the parameter, averaged over all else but `keep`: layers and frequencies count alike.

    Layers differ in sensitivity by orders of magnitude, and a layer does between spatial frequencies.
    """
    relative = (information / information.mean(along)).astype(float)
    return relative.mean([d for d in relative.dims if d not in (along, *keep)]).transpose(*keep, along)


def late(training: xr.Dataset, which: str = "late") -> xr.DataArray:
    """One curve J for the last third of the layers, or the first."""
    return even(third(training, which).fisher_information_samples, training.attrs["along"])


def pairs(part: xr.DataTree, setup: Setup, condition: str) -> tuple[list[xr.Dataset], list[xr.Dataset]]:
    """Curves trained under a condition and upright, for the seeds that both have."""
    manipulated, upright = (curves(part, setup, state) for state in (condition, UPRIGHT))
    seeds = [seed for seed in manipulated if seed in upright]
    return [manipulated[seed] for seed in seeds], [upright[seed] for seed in seeds]


def recorded(part: xr.DataTree, setup: Setup) -> bool:
    """Whether all of a setup were recorded at the end of every epoch; curves that `fechner sensitivity` measured were not."""
    every = [one for condition in (UPRIGHT, ROTATED) for one in curves(part, setup, condition).values()]
    return all("fisher_information_recorded" in one for one in every)


def compared(part: xr.DataTree, setup: Setup, condition: str) -> xr.Dataset | None:
    """`difference` of a condition and upright training; None where there is no pair."""
    manipulated, upright = pairs(part, setup, condition)
    return difference(manipulated, upright) if manipulated else None


def setups(part: xr.DataTree, condition: str = ROTATED) -> list[Setup]:
    """Setups with at least one pair, networks with more seeds first, each before its variants."""
    known = {setup_of(one) for one in trainings(part)}
    seeds = {setup: len(pairs(part, setup, condition)[0]) for setup in known}

    def order(setup: Setup) -> tuple[int, str, str]:
        return -seeds.get(Setup(setup.network), 0), setup.network, setup.label

    return sorted((setup for setup in known if seeds[setup]), key=order)


def trained_alike(part: xr.DataTree, condition: str = ROTATED) -> list[Setup]:
    """The setups that differ in nothing but their network, each network once."""
    known = setups(part, condition)
    return [setup for setup in known if not setup.variant or Setup(setup.network) not in known]


def density(part: xr.DataTree, turned: float = 0.0) -> xr.Dataset | None:
    """How often values occur in the images, turned by so many degrees; None if that is not known."""
    if "density" not in part.children:
        return None
    upright = part.children["density"].to_dataset()
    (along,) = upright.density.dims
    grid, period = upright[along], circular.circle_of(upright[along])
    place = (grid.values - turned) % period
    return upright.map(
        lambda curve: curve.copy(data=np.interp(place, *circular.around(grid, curve, period))), keep_attrs=True
    )

"""What is compared of trainings: pairs of a manipulated and an upright one that differ in nothing else, and their late layers.

`part` is what was measured along one parameter, tree["orientation"] or tree["hue"]: trainings, and a density if known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from fechner import circular
from fechner.differences import difference
from fechner.paper.curves import layers_only, third
from fechner.paper.trained.files import Setup, setup_of

Array = npt.NDArray[np.float64]
UPRIGHT, ROTATED, TURNED, HUE = "upright", "rotation 45", "rotation 22.5", "hue 90"


def trainings(part: xr.DataTree | None) -> list[xr.Dataset]:
    """All trainings along a parameter; none where it was not measured."""
    if part is None or "trainings" not in part.children:
        return []
    return [node.to_dataset() for node in part.children["trainings"].children.values()]


def curves(part: xr.DataTree, setup: Setup, condition: str) -> dict[int, xr.Dataset]:
    """The trainings of a condition by seed, without pixels, all spatial frequencies counting alike."""
    chosen = [one for one in trainings(part) if setup_of(one) == setup and one.condition == condition]
    return {one.seed.item(): _even(layers_only(one)) for one in sorted(chosen, key=lambda one: one.seed.item())}


def _even(training: xr.Dataset) -> xr.Dataset:
    samples = training.fisher_information_samples
    along = training.attrs["along"]
    if "spatial_frequency" in samples.dims:
        # A layer is more sensitive at high frequencies by orders of magnitude.
        samples = samples / samples.mean([along, "phase"])
    mean = samples.mean([d for d in samples.dims if d not in ("layer", along)])
    return training.assign(fisher_information=mean, fisher_information_samples=samples)


def pairs(part: xr.DataTree, setup: Setup, condition: str) -> tuple[list[xr.Dataset], list[xr.Dataset]]:
    """Curves trained under a condition and upright, for the seeds that both have."""
    manipulated, upright = (curves(part, setup, state) for state in (condition, UPRIGHT))
    seeds = [seed for seed in manipulated if seed in upright]
    return [manipulated[seed] for seed in seeds], [upright[seed] for seed in seeds]


def recorded(seeds: Sequence[xr.Dataset]) -> bool:
    """Whether all were recorded at the end of every epoch; curves that `fechner sensitivity` measured were not."""
    return all("fisher_information_recorded" in one for one in seeds)


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


def trained_alike(part: xr.DataTree) -> list[Setup]:
    """The setups that differ in nothing but their network, each network once."""
    known = setups(part)
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


def late_curve(training: xr.Dataset) -> xr.Dataset:
    """One curve for the last third of the layers, each counting alike."""
    samples = third(training, "late").fisher_information_samples
    along = training.attrs["along"]
    one = (samples / samples.mean([d for d in samples.dims if d != "layer"])).mean("layer").expand_dims(layer=["late"])
    nuisance = [d for d in one.dims if d not in ("layer", along)]
    return xr.Dataset(
        {"fisher_information": one.mean(nuisance), "fisher_information_samples": one}, attrs={"along": along}
    )


def late(curves_of_seeds: Sequence[xr.Dataset]) -> Array:
    """J of the late layers (seed, value, nuisance values), each layer counting alike."""
    late_curves = [
        late_curve(one).fisher_information_samples.isel(layer=0).transpose(one.attrs["along"], ...).values
        for one in curves_of_seeds
    ]
    return np.stack([samples.reshape(len(samples), -1).astype(float) for samples in late_curves])

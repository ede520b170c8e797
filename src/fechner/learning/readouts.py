"""What a learning linear network does: read from the maps that `learn` kept."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from fechner.arguments import array, checked
from fechner.errors import FechnerError
from fechner.stimuli import Design, Family
from fechner.stimuli.design import Nuisance, Values

Array = npt.NDArray[np.float64]


@checked
def proportion_learned(learned: xr.Dataset) -> xr.DataArray:
    """The diagonal of the end-to-end map in the basis of the components (step, component): 0 at first, 1 when learned."""
    maps = _maps(learned)
    if maps.sizes["output"] != maps.sizes["component"]:
        raise FechnerError("the proportion learned is that of a network whose target is its input")
    diagonal = np.einsum("sii->si", maps.values)
    return xr.DataArray(diagonal, maps.coords, ("step", "component"), attrs={"long_name": "proportion learned s"})


@checked
def misalignment(learned: xr.Dataset) -> xr.DataArray:
    """The share of the squared map off its diagonal, for each step: 0 where every component is learned by itself."""
    maps = _maps(learned).values.astype(np.float64)
    whole = np.square(maps).sum((1, 2))
    return xr.DataArray(1 - np.square(np.einsum("sii->si", maps)).sum(1) / whole, {"step": learned.step}, ("step",))


@checked
def learning_step(learned: xr.Dataset, criterion: float = 0.5) -> xr.DataArray:
    """The step at which each component is learned to a criterion, interpolated; NaN if it is not by the end."""
    curves, steps = proportion_learned(learned).values, learned.step.values.astype(float)
    reached = curves >= criterion
    at = reached.argmax(0)
    before = np.maximum(at - 1, 0)
    column = np.arange(curves.shape[1])
    low, high = curves[before, column], curves[at, column]
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(at > 0, (criterion - low) / (high - low), 0.0)
    found = np.where(reached.any(0), steps[before] + part * (steps[at] - steps[before]), np.nan)
    return xr.DataArray(found, {"component": learned.component}, ("component",), attrs={"units": "step"})


@checked
def fisher_information_of_maps(
    learned: xr.Dataset,
    pca: xr.Dataset,
    stimulus: Family,
    along: str,
    values: Values,
    average: Mapping[str, Nuisance],
) -> xr.DataArray:
    """J = ‖Ŵ ∂x/∂θ‖² of the end-to-end map at every kept step, exact; Fisher information under unit Gaussian noise.

    `stimulus` gives grey images (B, C, H, W) of which the first channel is a patch; its derivative is taken forward, in
    float64. Returns (step, <along>, nuisance), per unit² of the parameter: average over nuisance, then 1/√J is the
    threshold. All steps are one batched product.
    """
    maps = torch.as_tensor(_maps(learned).values)
    if "components" not in pca or "pixel" not in pca.dims:
        raise FechnerError("pca must be a result of principal_components: it has no components")
    design = Design(stimulus, along, values, average)
    fixed = design.tensors(torch.empty(0, dtype=torch.float64))
    at = fixed.pop(along)
    _, slopes, *_ = torch.func.jvp(lambda v: stimulus(**{along: v}, **fixed), (at,), (torch.ones_like(at),))
    pixels = slopes[:, 0].flatten(1)
    if pixels.shape[1] != pca.sizes["pixel"]:
        raise FechnerError(f"the stimulus has {pixels.shape[1]} pixels, the patches {pca.sizes['pixel']}")
    directions = torch.as_tensor(np.ascontiguousarray(pca.components.values)) @ pixels.T
    squared = torch.matmul(maps, directions.to(maps.dtype)).double().square().sum(1).numpy()
    coordinates = {"step": learned.step.values, **design.coordinates()}
    units = {"units": f"1/({design.parameter.units})^2"}
    return xr.DataArray(design.arranged(squared), coordinates, ("step", along, *design.dims), attrs=units)


@checked
def elbow(frequency: npt.ArrayLike, threshold: npt.ArrayLike) -> float:
    """Where a threshold that is flat and then rises as a line begins to rise, fitted by least squares.

    >>> f = np.arange(1.0, 20.0)
    >>> round(elbow(f, 1.0 + np.maximum(f - 8.0, 0)), 1)
    8.0
    """
    frequency, threshold = _curve(frequency, threshold)
    at, rising, squared = _rising(tuple(frequency.tolist()))
    # Least squares with a constant: what of the threshold each rising line explains.
    explained = (rising @ (threshold - threshold.mean())) ** 2 / squared
    return float(at[explained.argmax()])


@lru_cache(maxsize=64)
def _rising(frequency: tuple[float, ...]) -> tuple[Array, Array, Array]:
    """Where lines begin to rise, these lines without their mean, and their squares summed."""
    at = np.linspace(frequency[0], frequency[-1], 40 * len(frequency) + 1)[:-1]
    rising = np.maximum(np.array(frequency) - at[:, None], 0)
    rising = rising - rising.mean(1, keepdims=True)
    return at, rising, np.square(rising).sum(1)


@checked
def acuity(frequency: npt.ArrayLike, threshold: npt.ArrayLike, criterion: float) -> float:
    """The highest frequency whose threshold is below a criterion, interpolated between frequencies; NaN if there is none.

    >>> float(acuity(np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.2, 0.4]), 0.3))
    2.5
    """
    frequency, threshold = _curve(frequency, threshold)
    below = np.flatnonzero(threshold < criterion)
    if not len(below):
        return float("nan")
    last = below[-1]
    if last == len(frequency) - 1:
        return float(frequency[-1])
    part = (criterion - threshold[last]) / (threshold[last + 1] - threshold[last])
    return float(frequency[last] + part * (frequency[last + 1] - frequency[last]))


def _maps(learned: xr.Dataset) -> xr.DataArray:
    """The end-to-end maps that `learn` kept."""
    if "end_to_end" not in learned or learned["end_to_end"].dims != ("step", "output", "component"):
        raise FechnerError("learned must be what `fechner.learning.learn` returned: it has no end_to_end map")
    return learned["end_to_end"]


def _curve(frequency: npt.ArrayLike, threshold: npt.ArrayLike) -> tuple[Array, Array]:
    """Increasing frequencies and a threshold for each."""
    x, y = array("frequency", frequency, 1), array("threshold", threshold, 1)
    if len(x) < 2 or len(x) != len(y) or (np.diff(x) <= 0).any():
        raise FechnerError(
            f"frequency must be at least 2 increasing numbers, each with a threshold, got {len(x)} and {len(y)}"
        )
    return x, y

"""What a learning linear network has learned, and when: computed from the end-to-end maps that `learn` recorded.

Figure 5 of the paper is made of these functions. They read a result and never go back to the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from fechner.arguments import Seed, array, checked
from fechner.errors import FechnerError
from fechner.stimuli import Design, Family
from fechner.stimuli.design import Values
from fechner.stimuli.nuisance import Nuisance

Array = npt.NDArray[np.float64]


@checked
def proportion_learned(learned: xr.Dataset) -> xr.DataArray:
    """The diagonal of the end-to-end map in the basis of the components (step, component): 0 at first, 1 when learned.

    >>> from fechner.learning import LinearNetwork, Stage, learn
    >>> learned = learn(LinearNetwork(1, "balanced", 0.1), Stage(np.array([4.0, 1.0]), 50), [0, 50], progress=False)
    >>> proportion_learned(learned).values.round(1)
    array([[0.1, 0.1],
           [1. , 1. ]], dtype=float32)

    Raises `FechnerError` for a network whose target is not its input.
    """
    maps = _maps(learned)
    if maps.sizes["output"] != maps.sizes["component"]:
        raise FechnerError("the proportion learned is that of a network whose target is its input")
    diagonal = np.einsum("sii->si", maps.values)
    return xr.DataArray(diagonal, maps.coords, ("step", "component"), attrs={"long_name": "proportion learned s"})


@checked
def misalignment(learned: xr.Dataset) -> xr.DataArray:
    """The share of the squared map off its diagonal, for each step: 0 where every component is learned by itself.

    >>> maps = np.array([[[1.0, 0.0], [0.0, 1.0]], [[3.0, 1.0], [1.0, 3.0]]])
    >>> misalignment(xr.Dataset({"end_to_end": (("step", "output", "component"), maps)}, {"step": [0, 1]})).values
    array([0. , 0.1])
    """
    maps = _maps(learned).values.astype(np.float64)
    total = np.square(maps).sum((1, 2))
    return xr.DataArray(1 - np.square(np.einsum("sii->si", maps)).sum(1) / total, {"step": learned.step}, ("step",))


@checked
def learning_step(learned: xr.Dataset, criterion: float = 0.5) -> xr.DataArray:
    """The step at which each component is learned to a criterion (component,), interpolated between recordings.

    >>> maps = np.array([[[0.0, 0.0], [0.0, 0.0]], [[0.8, 0.0], [0.0, 0.2]]])
    >>> variables = {"end_to_end": (("step", "output", "component"), maps)}
    >>> learning_step(xr.Dataset(variables, {"step": [0, 80], "component": [1, 2]})).values
    array([50., nan])

    NaN for a component that is not learned to the criterion by the end. Raises `FechnerError` as `proportion_learned` does.
    """
    curves, steps = proportion_learned(learned).values, learned.step.values.astype(float)
    reached = curves >= criterion
    at = reached.argmax(0)
    before = np.maximum(at - 1, 0)
    column = np.arange(curves.shape[1])
    low, high = curves[before, column], curves[at, column]
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(at > 0, (criterion - low) / (high - low), 0.0)
    crossing = np.where(reached.any(0), steps[before] + part * (steps[at] - steps[before]), np.nan)
    return xr.DataArray(crossing, {"component": learned.component}, ("component",), attrs={"units": "step"})


@checked
def fisher_information_of_maps(
    learned: xr.Dataset,
    pca: xr.Dataset,
    stimulus: Family,
    along: str,
    values: Values,
    average: Mapping[str, Nuisance],
    seed: Seed = 0,
) -> xr.DataArray:
    """The Fisher information J = ‖Ŵ ∂x/∂θ‖² of the end-to-end map at every recorded step, under unit Gaussian noise.

    >>> from fechner.learning import LinearNetwork, Stage, learn
    >>> from fechner.stimuli import Grating
    >>> pca = xr.Dataset({"components": (("component", "pixel"), np.eye(64))})
    >>> learned = learn(LinearNetwork(1), Stage(np.ones(64), 10), [0, 10], progress=False)
    >>> grating = Grating(size=8, channels=1, pixels_per_degree=8)
    >>> fisher_information_of_maps(learned, pca, grating, "spatial_frequency", [1.0, 2.0, 3.0], {"phase": 4}).sizes
    Frozen({'step': 2, 'spatial_frequency': 3, 'phase': 4})

    It is exact: the derivative of the stimulus is taken in forward mode, in float64. `pca` is a result of
    `principal_components`, and `stimulus` gives images (B, C, H, W) whose first channel is a patch. The result (step,
    <along>, nuisance) is per unit² of the parameter. Average it over the nuisance; then 1/√J is the threshold. Raises
    `FechnerError` if stimuli and patches differ in size.
    """
    maps = torch.as_tensor(_maps(learned).values)
    if "components" not in pca or "pixel" not in pca.dims:
        raise FechnerError("pca must be a result of principal_components: it has no components")
    design = Design(stimulus, along, values, average, seed)
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
    """The frequency at which a threshold that is first flat and then rises linearly begins to rise, by least squares.

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
    """The frequencies at which lines begin to rise, these lines minus their mean, and the sum of their squares."""
    at = np.linspace(frequency[0], frequency[-1], 40 * len(frequency) + 1)[:-1]
    rising = np.maximum(np.array(frequency) - at[:, None], 0)
    rising = rising - rising.mean(1, keepdims=True)
    return at, rising, np.square(rising).sum(1)


@checked
def acuity(frequency: npt.ArrayLike, threshold: npt.ArrayLike, criterion: float) -> float:
    """The highest frequency whose threshold is below a criterion, interpolated between frequencies.

    >>> float(acuity(np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.2, 0.4]), 0.3))
    2.5

    NaN if no threshold is below the criterion.
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
    """The end-to-end maps of a result of `learn`; `FechnerError` if it has none."""
    if "end_to_end" not in learned or learned["end_to_end"].dims != ("step", "output", "component"):
        raise FechnerError("learned must be a result of `fechner.learning.learn`: it has no end_to_end map")
    return learned["end_to_end"]


def _curve(frequency: npt.ArrayLike, threshold: npt.ArrayLike) -> tuple[Array, Array]:
    """Increasing frequencies and a threshold for each, as arrays; `FechnerError` if they are not."""
    x, y = array("frequency", frequency, 1), array("threshold", threshold, 1)
    if len(x) < 2 or len(x) != len(y) or (np.diff(x) <= 0).any():
        raise FechnerError(
            f"frequency must be at least 2 increasing numbers, each with a threshold, got {len(x)} and {len(y)}"
        )
    return x, y

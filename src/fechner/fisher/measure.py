"""The verb of this package: the sensitivity of every layer along a stimulus parameter."""

from __future__ import annotations

import itertools
import json
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import torch
import xarray as xr
from torch import nn

from fechner import processes, results
from fechner.arguments import AboveZero, Count, check_dtype, checked
from fechner.errors import FechnerError, FechnerWarning, choices
from fechner.fisher.ambient import undisturbed
from fechner.fisher.derivative import Central, Chord, Exact, Method, norm
from fechner.fisher.probe import Probe
from fechner.fisher.sweep import fitting_batch, sweep
from fechner.limits import check_memory
from fechner.networks import INPUT, Layer, as_network
from fechner.networks.network import check_values, in_dtype
from fechner.stimuli import Family, Parameter, Stimulus, how_many, parameters, settings

# Checked by the parameter that they are values of.
Values = Annotated[int | Sequence[float] | np.ndarray, Parameter]
# For each stimulus, all layers together: parameter values and what is computed of them.
_COPIES = 10
# Where between the ends of the grid a network is probed.
_PROBED = (0.236068, 0.618034)


@checked
@undisturbed()
def sensitivity(
    network: nn.Module,
    stimulus: Family,
    along: str = "orientation",
    values: Values = 180,
    average: Mapping[str, Values] | None = None,
    layers: str | Sequence[str] = "blocks",
    *,
    method: Literal["exact", "central", "chord"] = "exact",
    step: AboveZero | None = None,
    dtype: Annotated[torch.dtype, check_dtype] = torch.float32,
    batch_size: Count | None = None,
    progress: bool = True,
    shared: bool = False,
) -> xr.Dataset:
    """How strongly every layer's response changes with a stimulus parameter.

    >>> from fechner import Gabor, load
    >>> curves = sensitivity(load("resnet18", "init"), Gabor(size=64), values=4, average={"phase": 2})
    >>> dict(curves.sizes)
    {'layer': 11, 'orientation': 4, 'phase': 2}

    Args:
        network: any `nn.Module` in evaluation mode that takes images (B, 3, H, W) in [0, 1], or a `Network`.
        stimulus: a `Stimulus`, or a callable from parameter tensors (B,) to images (B, C, H, W).
        along: the parameter; its units are those of the stimulus (orientation, hue and phase in degrees).
        values: how many values, evenly spaced (half-open on a circle), or the values themselves.
        average: nuisance parameters and their values, in the same forms. By default 10 phases where the stimulus has a
            phase; {} averages over nothing.
        layers: "all", "blocks" (about a dozen) or globs of layer names; the pixels, "input", are always there.
        method: "exact" (forward-mode derivative), "central" (differences of ±step) or "chord" (differences between
            neighbours on the grid, placed half-way).
        step: of central differences, in units of the parameter; by default a hundredth of the grid's spacing.
        dtype: in which everything is computed; a network of another dtype is copied.
        batch_size: by default the power of two that fits in half of the free memory, at most 16 on a CPU. The same network,
            stimuli and batch give the same bits.
        shared: under torchrun, or in a training on several processes, each takes its share of the stimuli and all return
            the same; all of them must call, with the same network.

    Returns:
        A Dataset over (layer, <along>):

        - `fisher_information`: J(θ) = ‖∂r/∂θ‖² per unit² of the parameter, averaged over the nuisance parameters: the
          Fisher information of the layer's response r under independent Gaussian noise of unit variance (Benjamin et al.
          2022, Fig. 2b),
        - `fisher_information_samples`: the same before averaging, with a dimension for each nuisance parameter,
        - `sensitivity`: √J, d′ per unit of the parameter,
        - `relative_sensitivity`: √J / mean √J, 1 everywhere for a flat curve,
        - `threshold`: 1/√J, in units of the parameter: the difference at which d′ = 1,
        - `fisher_information_se`, `relative_sensitivity_se`: standard errors over the nuisance values (of the mean; jackknife).

    Raises:
        FechnerError: for a parameter that the stimulus does not have, values out of range, a layer that does not
            exist, a dtype that is not floating-point, and whatever a probe of two stimuli finds wrong with the network; before the sweep starts.
    """
    check_dtype(dtype)
    wrapped = as_network(network)
    known = parameters(stimulus)
    if along not in known:
        raise choices("parameter of the stimulus", along, known)
    if average is None:
        average = {"phase": 10} if "phase" in known and along != "phase" else {}
    for name in average:
        if name not in known:
            raise choices("parameter of the stimulus", name, known)
        if name == along:
            raise FechnerError(f"'{along}' cannot be both the parameter measured and one averaged over")
    if step is not None and method != "central":
        raise FechnerError(f"step is that of central differences: choose method central, got {method}")
    _check_count(values, average)
    grid = known[along].values(along, values)
    nuisance = {name: known[name].values(name, spec) for name, spec in average.items()}
    _check_resolved(along, grid, known[along], step if method == "central" else None, dtype)
    taken, coordinate, runs = _plan(method, step, along, grid, known[along].period, nuisance)
    reach = taken.step if isinstance(taken, Central) else 0.0
    for edge in (grid - reach, grid + reach):
        if isinstance(stimulus, Stimulus):
            stimulus.validate(**{along: edge}, **nuisance)
        else:
            known[along].check(along, edge)

    check_values(wrapped)
    original, weights_sha256 = wrapped.model, wrapped.weights_sha256()
    device = next((t.device for t in (*wrapped.parameters(), *wrapped.buffers())), torch.device("cpu"))
    wrapped = in_dtype(wrapped, dtype)
    tensors = [{n: torch.as_tensor(v, dtype=dtype, device=device) for n, v in run.items()} for run in runs]
    # Not the first value and the middle one: on many grids these are symmetric, and there a faulty derivative may be right.
    count = len(tensors[0][along])
    two = {n: v[[int(share * count) for share in _PROBED]] for n, v in tensors[0].items()}
    low, high = float(grid.min()), float(grid.max())
    if high > low:
        two[along] = torch.as_tensor([low + share * (high - low) for share in _PROBED]).to(two[along])
    two[along] = _apart(two[along], known[along])
    scale = known[along].period or max(float(np.ptp(grid)), float(np.abs(grid).max()), 1e-3)
    verdict = Probe(
        wrapped, stimulus, two, along, scale, taken, layers, batch_size != 1, weights_sha256, original
    ).verdict()
    if batch_size is None:
        batch_size = fitting_batch(verdict.layers, verdict.image)
        if shared:
            batch_size = min(processes.gather(batch_size))
    measured = [Layer(INPUT, INPUT, "pixels", tuple(verdict.image.shape), 0), *verdict.chosen]
    reduced = sweep(wrapped, stimulus, tensors, along, measured, taken, norm, batch_size, progress, shared)

    samples = np.stack([reduced[layer.name] for layer in measured]) ** 2
    shape = [len(v) for v in nuisance.values()]
    samples = samples.reshape(len(samples), *shape, len(coordinate))
    attributes = results.provenance("sensitivity") | {
        "network": wrapped.name,
        "weights": wrapped.weights,
        "weights_sha256": weights_sha256,
        "seed": "" if wrapped.seed is None else wrapped.seed,
        "stimulus": json.dumps(settings(stimulus)),
        "along": along,
        "method": taken.name + (f", step {taken.step:g}" if isinstance(taken, Central) else ""),
        "noise_model": "independent Gaussian, unit variance",
        "dtype": str(dtype).removeprefix("torch."),
        "device": device.type,
        "batch_size": batch_size,
        "derivative_check": verdict.check,
    }
    coordinates = {name: (known[name], v) for name, v in ({along: coordinate} | nuisance).items()}
    found = _dataset(np.moveaxis(samples, -1, 1), measured, coordinates, attributes)
    notes = [*verdict.notes, *_without_value(found, along)]
    for note in notes:
        warnings.warn(f"{wrapped.name}: {note}", FechnerWarning, stacklevel=4)
    return found.assign_attrs(notes="; ".join(notes))


def _without_value(found: xr.Dataset, along: str) -> list[str]:
    """What to say of layers whose derivative is not finite at some values."""
    lost = ~np.isfinite(found.fisher_information.values)
    return [
        f"the derivative of layer '{found.layer.values[i]}' is NaN or Inf at {along} {_few(found[along].values[lost[i]])}; "
        "these values are left out of its curve"
        for i in np.flatnonzero(lost.any(1))
    ][:1] + ([f"so it is in {int(lost.any(1).sum()) - 1} further layers"] if lost.any(1).sum() > 1 else [])


def _few(values: np.ndarray) -> str:
    return ", ".join(f"{v:g}" for v in values[:4]) + (f" and {len(values) - 4} more values" if len(values) > 4 else "")


def _check_count(values: Values, average: Mapping[str, Values]) -> None:
    """Raise `FechnerError` for more stimuli than memory has room for what is measured of them."""
    counts = [how_many(spec) for spec in (values, *average.values())]
    told = " × ".join(map(str, counts))
    check_memory(8.0 * _COPIES * len(counts) * math.prod(counts), f"{told} stimuli", "take fewer values")


def _check_resolved(along: str, grid: np.ndarray, parameter: Parameter, step: float | None, dtype: torch.dtype) -> None:
    """Raise `FechnerError` for values, or a step, that are too close to be told apart in this precision."""
    rounded = torch.as_tensor(grid, dtype=dtype)
    kept, remedy = str(dtype).removeprefix("torch."), "use dtype float64, or "
    try:
        parameter.check_different(along, rounded.double().numpy())
    except FechnerError as e:
        raise FechnerError(f"in {kept} {e}; or use dtype float64") from None
    if step is not None and parameter.period is not None and step >= parameter.period / 4:
        raise FechnerError(
            f"step {step:g} is too large: {along} ± step is half of the circle apart or more; take one below {parameter.period / 4:g}"
        )
    if step is not None and bool(((rounded + step) == (rounded - step)).any()):
        least = float(np.spacing(np.abs(grid).max().astype(np.float32 if dtype is torch.float32 else np.float64)))
        raise FechnerError(
            f"step {step:g} is too small: {along} {float(grid[np.abs(grid).argmax()]):g} ± step is the same number in {kept}; "
            f"{remedy if dtype is not torch.float64 else ''}take a step of at least {1000 * least:.1g}"
        )


def _apart(two: torch.Tensor, parameter: Parameter) -> torch.Tensor:
    """Two different values, for the probe: where there is only one, the other lies a thousandth of the scale below or above."""
    if two[0] != two[1]:
        return two
    step = 1e-3 * (parameter.period or max(abs(float(two[0])), 1e-3))
    return torch.stack([two[0], two[0] - step if float(two[0]) - step >= parameter.low else two[0] + step])


def _plan(
    method: str,
    step: float | None,
    along: str,
    grid: np.ndarray,
    period: float | None,
    nuisance: Mapping[str, np.ndarray],
) -> tuple[Method, np.ndarray, list[dict[str, np.ndarray]]]:
    """The method, the coordinate of its results, and the parameter values to run through, nuisances outermost."""
    edges = grid
    if method == "exact":
        taken: Method = Exact()
    elif method == "central":
        if step is None:
            spacing = float(np.diff(np.sort(grid)).min()) if len(grid) > 1 else abs(float(grid[0])) or 1.0
            step = 0.01 * spacing
        if not step > 0:
            raise FechnerError(f"step must be greater than 0, got {step:g}")
        taken = Central(step)
    elif method == "chord":
        if (np.diff(grid) <= 0).any() or len(grid) < 2:
            raise FechnerError(f"chords need at least two increasing values of {along}")
        # A grid of part of a circle has no chord across the rest.
        closing = np.inf if period is None else grid[0] + period - grid[-1]
        edges = np.append(grid, grid[0] + period) if closing <= 1.001 * np.diff(grid).max() else grid
        taken, grid = Chord(), (edges[1:] + edges[:-1]) / 2
    else:
        raise choices("method", method, ["exact", "central", "chord"])
    combinations = [dict(zip(nuisance, c, strict=True)) for c in itertools.product(*nuisance.values())]
    runs = [{along: edges} | {n: np.full(len(edges), v) for n, v in c.items()} for c in combinations]
    if not taken.overlap:
        runs = [{n: np.concatenate([run[n] for run in runs]) for n in runs[0]}]
    return taken, grid, runs


def _dataset(
    samples: np.ndarray,
    layers: Sequence[Layer],
    coordinates: Mapping[str, tuple[Parameter, np.ndarray]],
    attributes: Mapping[str, Any],
) -> xr.Dataset:
    along, (parameter, _) = next(iter(coordinates.items()))
    units = parameter.units
    flat = samples.reshape(*samples.shape[:2], -1)
    mean = flat.mean(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(mean)
        relative, threshold = relative_to_mean(root), 1 / root
    variables = {
        "fisher_information": (("layer", along), mean, {"units": f"1/{units}^2", "long_name": "Fisher information J"}),
        "fisher_information_se": (("layer", along), _se(flat), {"units": f"1/{units}^2"}),
        "sensitivity": (("layer", along), root, {"units": f"1/{units}", "long_name": "sensitivity √J"}),
        "relative_sensitivity": (("layer", along), relative, {"units": "1", "long_name": "relative sensitivity"}),
        "relative_sensitivity_se": (("layer", along), _relative_se(flat), {"units": "1"}),
        "threshold": (("layer", along), threshold, {"units": units, "long_name": "threshold"}),
        "fisher_information_samples": (("layer", *coordinates), samples, {"units": f"1/{units}^2"}),
    }
    table = {
        "layer": ("layer", [layer.name for layer in layers]),
        "depth": ("layer", np.linspace(0, 1, len(layers)), {"long_name": "position among the layers measured"}),
        "layer_type": ("layer", [layer.kind for layer in layers]),
        "unit_count": ("layer", [layer.unit_count for layer in layers], {"long_name": "activations per stimulus"}),
    }
    grids = {name: (name, v, p.attributes) for name, (p, v) in coordinates.items()}
    return xr.Dataset(variables, table | grids, dict(attributes))


def relative_to_mean(root: np.ndarray) -> np.ndarray:
    """A curve divided by its mean over the last axis; values that are not finite are NaN and do not count."""
    finite = np.where(np.isfinite(root), root, np.nan)
    known = np.isfinite(root).sum(-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return finite / (np.nansum(finite, -1, keepdims=True) / known)


def evenly(information: xr.DataArray, *kept: str) -> xr.DataArray:
    """Fisher information over these dimensions, the last of which is the parameter; all nuisance values count alike.

    Otherwise the spatial frequencies of high sensitivity would hide the others.
    """
    others = [d for d in information.dims if d not in kept]
    return (information / information.mean(kept[-1])).mean(others).transpose(*kept)


def _se(samples: np.ndarray) -> np.ndarray:
    n = samples.shape[-1]
    if n < 2:
        return np.full(samples.shape[:-1], np.nan)
    with np.errstate(invalid="ignore"):
        return samples.std(-1, ddof=1) / np.sqrt(n)


def _relative_se(samples: np.ndarray) -> np.ndarray:
    """Jackknife over the nuisance values, because numerator and denominator share them."""
    n = samples.shape[-1]
    if n < 2:
        return np.full(samples.shape[:-1], np.nan)
    total = samples.sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        left_out = np.stack(
            [relative_to_mean(np.sqrt(np.maximum(total - samples[..., i], 0) / (n - 1))) for i in range(n)]
        )
        return np.sqrt((n - 1) / n * ((left_out - left_out.mean(0)) ** 2).sum(0))

"""The verb of this package: the sensitivity of every layer along a stimulus parameter.

`sensitivity` resolves the design, lets the probe check the network, runs the sweep, and makes a Dataset of J. All that can
be refused is refused before the sweep, which is the expensive part. The layout of the Dataset is in docs/results.md; who
changes it raises `LAYOUT` in `layout`. Tests: tests/fisher/test_measure.py.
"""

from __future__ import annotations

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
from fechner.arguments import AboveZero, Count, Seed, check_dtype, checked
from fechner.errors import FechnerError, FechnerWarning
from fechner.fisher import marks
from fechner.fisher.ambient import undisturbed
from fechner.fisher.curves import relative_to_mean
from fechner.fisher.derivative import Central, method_of, norm
from fechner.fisher.probe import Probe
from fechner.fisher.sweep import fitting_batch, sweep
from fechner.networks import INPUT, Layer, as_network, in_dtype
from fechner.stimuli import Design, Family, settings
from fechner.stimuli.design import Values
from fechner.stimuli.nuisance import Nuisance


@checked
@undisturbed()
def sensitivity(
    network: nn.Module,
    stimulus: Family,
    along: str = "orientation",
    values: Values = 180,
    average: Mapping[str, Nuisance] | None = None,
    layers: str | Sequence[str] = "blocks",
    *,
    method: Literal["exact", "central", "forward"] = "exact",
    step: AboveZero | None = None,
    integration_error: bool = True,
    seed: Seed = 0,
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
        values: the number of values, which are then evenly spaced (half-open on a circle), or the values themselves.
        average: nuisance parameters and how they are averaged over: a number of values (an even grid of a circle, or the
            centres of equal cells of a range), `Midpoints` of a part of a range, random `Draws`, or the values
            themselves. By default 20 phases where the stimulus has a phase; {} averages over nothing.
        layers: "all", "blocks" (about a dozen) or globs of layer names; the pixels, "input", are always measured.
        method: "exact" (forward-mode derivative), "central" (differences of ±step) or "forward" (differences between
            neighbours on the grid, placed half-way).
        step: the step of central differences, in units of the parameter; by default a hundredth of the grid's spacing.
        integration_error: whether to measure again with each grid of a nuisance parameter half a step off, which presents
            as many stimuli once more for every grid: without it, nobody knows by how much the mean over a grid differs from the mean over all values.
        seed: decides random draws of nuisance parameters; the seed of weights belongs to `load`.
        dtype: everything is computed in this dtype; a network of another dtype is copied.
        batch_size: the number of stimuli that run together, by default the power of two that fits in half of the free
            memory, at most 16 on a CPU. The same network, stimuli and batch size give the same bits.
        progress: whether to show a progress bar.
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
        - `fisher_information_error`: the integration error of J, the difference from J with a grid of nuisance values half a
          step off, summed over the grids; NaN where all of them have one value. Values that are listed are no grid and have
          no such error, except an even grid of a whole circle,
        - `uncertain`: where that error is more than 5 % of J: these values carry no claim,
        - `resolved` (layer): whether the grid of the parameter resolves the curve; not judged of fewer than 8 values. The shape
          of a layer that is not resolved carries no claim,
        - `fisher_information_se`, `relative_sensitivity_se`: standard errors over the draws where nuisance values are `Draws`
          (of the mean, and by the jackknife).

        Its coordinate `pixels` marks the layer that is the image itself, and `unit_count` says how many units a layer has.

    Raises:
        FechnerError: for a parameter that the stimulus does not have, values out of range, a layer that does not
            exist, a dtype that is not floating-point, and whatever a probe of two stimuli finds wrong with the network. All of
            them are raised before the sweep starts.

    Command line:
        fechner sensitivity efficientnet_lite0 --out curves.nc --figure curves.png
        fechner sensitivity resnet18 --weights init --layers 'layer?' --along spatial_frequency --values 1,2,4,8,16
        fechner sensitivity resnet18 --stimulus package.module:Rings --along radius --values 0.2:0.8:7
        torchrun --nproc-per-node 8 -m fechner sensitivity vgg16_bn --layers all --out curves.nc
    """
    check_dtype(dtype)
    wrapped = as_network(network)
    design = Design(stimulus, along, values, average, seed)
    derivative = method_of(method, step, design)
    _check_resolved(design, step if method == "central" else None, dtype)
    design.check_reach(derivative.reach)
    twins = design.half_a_step_off() if integration_error else []

    # Before the copy in another dtype: a record names the weights of the network that it was asked about.
    original, weights_sha256 = wrapped.model, wrapped.weights_sha256()
    device = next((t.device for t in (*wrapped.parameters(), *wrapped.buffers())), torch.device("cpu"))
    wrapped = in_dtype(wrapped, dtype)
    like = torch.empty(0, dtype=dtype, device=device)
    verdict = Probe(wrapped, design, like, derivative, layers, batch_size != 1, weights_sha256, original).verdict()
    if batch_size is None:
        batch_size = fitting_batch(verdict.layers, verdict.image)
        if shared:
            batch_size = min(processes.gather(batch_size))
    edges = derivative.edges(design)
    # Differences between neighbours do not reach from one combination of nuisance values to the next.
    designs = [design, *twins]
    runs = [run for d in designs for run in (d.runs(like, edges) if derivative.overlap else [d.tensors(like)])]
    measured = [Layer(INPUT, INPUT, "pixels", tuple(verdict.image.shape), 0), *verdict.chosen]
    norms = sweep(wrapped, stimulus, runs, along, measured, derivative, norm, batch_size, progress, shared)
    squared = np.stack([norms[layer.name] for layer in measured]) ** 2
    ends = np.cumsum([len(derivative.between(edges)) * math.prod(d.shape) for d in designs])
    arranged = [d.arranged(part) for d, part in zip(designs, np.split(squared, ends[:-1], axis=1), strict=True)]
    samples, information = arranged[0], design.mean(arranged[0])
    # A rule of one value cannot be shifted: its error is not known.
    error: Any = np.full_like(information, np.nan) if integration_error and design.rules else None
    if twins:
        others = [d.mean(part) for d, part in zip(twins, arranged[1:], strict=True)]
        error = sum(np.abs(other - information) for other in others)
    attributes = results.provenance("sensitivity") | {
        "network": wrapped.name,
        "weights": wrapped.weights,
        "weights_sha256": weights_sha256,
        "seed": "" if wrapped.seed is None else wrapped.seed,
        "stimulus": json.dumps(settings(stimulus)),
        "along": along,
        "method": derivative.name + (f", step {derivative.step:g}" if isinstance(derivative, Central) else ""),
        "noise_model": results.UNIT_GAUSSIAN,
        "dtype": str(dtype).removeprefix("torch."),
        "device": device.type,
        "batch_size": batch_size,
        "derivative_check": verdict.check,
    }
    if design.drawn:
        attributes["draws_seed"] = seed
    curves = _dataset(samples, information, error, measured, design, derivative.between(edges)).assign_attrs(attributes)
    curves = marks.marked(curves, along, design.parameter.period)
    notes = [*verdict.notes, *marks.notes(curves, along, list(design.rules))]
    for note in notes:
        warnings.warn(f"{wrapped.name}: {note}", FechnerWarning, stacklevel=4)
    return curves.assign_attrs(notes="; ".join(notes))


def _check_resolved(design: Design, step: float | None, dtype: torch.dtype) -> None:
    """Raise `FechnerError` for values or a step that this precision does not resolve, and for a step across the circle."""
    along, grid, parameter = design.along, design.values, design.parameter
    rounded = torch.as_tensor(grid, dtype=dtype)
    precision, remedy = str(dtype).removeprefix("torch."), "use dtype float64, or "
    try:
        parameter.check_different(along, rounded.double().numpy())
    except FechnerError as e:
        raise FechnerError(f"in {precision} {e}; or use dtype float64") from None
    if step is not None and parameter.period is not None and step >= parameter.period / 4:
        raise FechnerError(
            f"step {step:g} is too large: {along} ± step is half of the circle apart or more; take one below {parameter.period / 4:g}"
        )
    if step is not None and bool(((rounded + step) == (rounded - step)).any()):
        least = float(np.spacing(np.abs(grid).max().astype(np.float32 if dtype is torch.float32 else np.float64)))
        raise FechnerError(
            f"step {step:g} is too small: {along} {float(grid[np.abs(grid).argmax()]):g} ± step is the same number in {precision}; "
            f"{remedy if dtype is not torch.float64 else ''}take a step of at least {1000 * least:.1g}"
        )


def _dataset(
    samples: np.ndarray,
    information: np.ndarray,
    error: np.ndarray | None,
    layers: Sequence[Layer],
    design: Design,
    values: np.ndarray,
) -> xr.Dataset:
    """All curves, from J of every stimulus (layer, value, *nuisances), its mean and the integration error of that."""
    along, units = design.along, design.parameter.units
    root = np.sqrt(information)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative, threshold = relative_to_mean(root), 1 / root
    curve = ("layer", along)
    variables: dict[str, Any] = {
        "fisher_information": (curve, information, {"units": f"1/{units}^2", "long_name": "Fisher information J"}),
        "sensitivity": (curve, root, {"units": f"1/{units}", "long_name": "sensitivity √J"}),
        "relative_sensitivity": (curve, relative, {"units": "1", "long_name": "relative sensitivity"}),
        "threshold": (curve, threshold, {"units": units, "long_name": "threshold"}),
        "fisher_information_samples": ((*curve, *design.dims), samples, {"units": f"1/{units}^2"}),
    }
    if error is not None:
        attributes = {"units": f"1/{units}^2", "long_name": "integration error of J"}
        variables["fisher_information_error"] = (curve, error, attributes)
    if design.drawn and design.shape[0] > 1:
        # A grid is an integration rule and no sample: only over draws is there a standard error.
        draws = samples.reshape(*samples.shape[:2], design.shape[0], -1).mean(-1)
        error = draws.std(-1, ddof=1) / np.sqrt(draws.shape[-1])
        variables["fisher_information_se"] = (curve, error, {"units": f"1/{units}^2"})
        variables["relative_sensitivity_se"] = (curve, _relative_error(draws), {"units": "1"})
    layer_coordinates = {
        "layer": ("layer", [layer.name for layer in layers]),
        "depth": ("layer", np.linspace(0, 1, len(layers)), {"long_name": "position among the layers measured"}),
        "layer_type": ("layer", [layer.kind for layer in layers]),
        "unit_count": ("layer", [layer.unit_count for layer in layers], {"long_name": "activations per stimulus"}),
        "pixels": ("layer", [layer.name == INPUT and i == 0 for i, layer in enumerate(layers)]),
    }
    return xr.Dataset(variables, layer_coordinates | design.coordinates(values))


def _relative_error(samples: np.ndarray) -> np.ndarray:
    """Standard error of relative sensitivity over draws (…, draw).

    It is that of the jackknife, because the numerator and the denominator of relative sensitivity share the draws.
    """
    count, total = samples.shape[-1], samples.sum(-1)
    left_out = np.stack(
        [relative_to_mean(np.sqrt(np.maximum(total - samples[..., i], 0) / (count - 1))) for i in range(count)]
    )
    with np.errstate(invalid="ignore"):
        return np.sqrt((count - 1) / count * ((left_out - left_out.mean(0)) ** 2).sum(0))

"""A network learns to label stimuli under a density and label noise of one's choice, and is measured along the way.

Random numbers depend on seed and step alone: the same seed under another density, noise or order of exposures sees the
same draws, so that conditions are compared in pairs.
"""

from __future__ import annotations

import copy
import itertools
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from torch import Tensor, nn

from fechner import results
from fechner.arguments import AboveZero, Count, Seed, check_device, checked, shown
from fechner.errors import FechnerError
from fechner.fisher import relative_to_mean
from fechner.learning.exposure import Exposure
from fechner.learning.labels import Channel, Erasure
from fechner.learning.perceptron import Perceptron
from fechner.learning.recorder import Recorder, check_count
from fechner.learning.task import Task
from fechner.limits import check_memory, check_time
from fechner.networks import Network, as_network
from fechner.progress import bar
from fechner.stimuli import Design, Parameter

Array = npt.NDArray[np.float64]


@checked
def learn_labels(
    network: Perceptron | nn.Module | Callable[[int], nn.Module],
    exposures: Exposure | Sequence[Exposure],
    task: Task | None = None,
    snapshots: Count | Sequence[int] = 31,
    *,
    values: Annotated[int | Sequence[float], Parameter] = 60,
    layers: str | Sequence[str] = "all",
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.SGD,
    learning_rate: AboveZero = 0.5,
    batch: Count = 2048,
    seeds: Count | Sequence[Seed] = 5,
    keep_weights: bool = False,
    device: Annotated[str | torch.device, check_device] = "cpu",
    progress: bool = True,
) -> xr.Dataset:
    """Train networks to label orientation, or another circular parameter, and record their sensitivity to it.

    >>> from fechner.learning import Exposure, Perceptron, sinusoidal
    >>> found = learn_labels(Perceptron((32,)), Exposure(20, sinusoidal()), snapshots=[0, 20], seeds=2, batch=64)
    >>> found.fisher_information.dims
    ('seed', 'step', 'layer', 'orientation')

    Args:
        network: a `Perceptron`; a module, of which every seed learns with a copy; or a function from a seed to a module.
            A module takes images (B, C, H, W) in [0, 1] as the stimulus makes them, and returns (B, task.outputs).
        exposures: densities and label noise that follow one another, each for some steps.
        task: stimulus, labels and loss; by default 60 classes of the orientation of a grating, in 64×64 pixels.
        snapshots: how many recordings, evenly spaced from before the first step to after the last, or at which steps.
        values: at which sensitivity and accuracy are recorded; a number makes an even grid of the circle.
        layers: "all", "blocks" or globs, as for `sensitivity`; "input" and, with cross-entropy, "softmax" are added.
        optimizer: a class, or a partial of one, called with the parameters and `lr`.
        learning_rate: of the optimizer.
        batch: stimuli a step.
        seeds: of initial weights and stimuli, one run each: how many, or which.
        keep_weights: with weights and buffers at every snapshot, as `weights.<name>`.

    Returns:
        A Dataset of `fisher_information` (seed, step, layer, <along>), J per unit² by the exact method, the Fisher
        information under independent Gaussian noise of unit variance; `relative_sensitivity`; `accuracy` (seed, step, <along>) for
        clean labels; `loss` (seed, update) before each update; and for each exposure `density`, `noise`,
        `information` of a label in bits, and `effective_density`, the density times what noise leaves of the labels'
        signal. A seed whose loss is not finite stops there, with a warning: later values are NaN, and `stopped`
        (seed) is the step, otherwise −1.

    Raises:
        FechnerError: for exposures, networks or settings that cannot work, before the first step.

    Command line:
        fechner learn-labels --steps 300 --seeds 3 --out labels.nc --figure labels.png
        fechner learn-labels --steps 300 --density prior.nc --channel erasure --noise 0.5 --widths 256
    """
    task = Task() if task is None else task
    exposures = [exposures] if isinstance(exposures, Exposure) else list(exposures)
    wanted, chosen = _check(exposures, task, snapshots, seeds, batch)
    design = task.design(values)
    check_count(task, design)
    target = check_device(device)
    total = sum(e.steps for e in exposures)
    recorders: list[Recorder] = []
    losses, stopped = np.full((len(chosen), total), np.nan), np.full(len(chosen), -1)
    with bar(progress, f"learning, {len(chosen)} seeds", total * len(chosen), "steps") as progressing:
        for i, seed in enumerate(chosen):
            learner = _make(network, seed, task).to(target)
            rule = optimizer([p for p in learner.parameters() if p.requires_grad], lr=learning_rate)
            recorder = Recorder(learner, task, design, layers, keep_weights)
            recorders.append(recorder)
            for step, (sample, channel) in enumerate(_steps(exposures, task, target)):
                if step in wanted:
                    recorder.record()
                losses[i, step] = _update(learner, rule, task, sample, channel, _draws(task, batch, seed, step, target))
                progressing.update(1)
                if not math.isfinite(losses[i, step]):
                    stopped[i] = step
                    warnings.warn(
                        f"seed {seed}: the loss is {losses[i, step]} at step {step}, so learning stopped; what was recorded "
                        f"until then is kept. Lower learning_rate below {learning_rate:g}",
                        stacklevel=3,
                    )
                    break
            else:
                if total in wanted:
                    recorder.record()
    dataset = _recorded(recorders, wanted, chosen, design).merge(_shown(exposures, task, design.values))
    dataset["loss"] = (("seed", "update"), losses, {"long_name": f"loss ({task.loss})"})
    dataset["stopped"] = (("seed",), stopped, {"long_name": "step of the first loss that is not finite, or -1"})
    attributes = {
        "network": recorders[0].network.name,
        "optimizer": getattr(optimizer, "__name__", str(optimizer)),
        "learning_rate": learning_rate,
        "batch": batch,
        "noise_model": results.UNIT_GAUSSIAN,
        "method": "exact",
        "device": target.type,
    }
    return dataset.assign_attrs(results.provenance("label learning") | task.record() | attributes)


def _steps(
    exposures: Sequence[Exposure], task: Task, device: torch.device
) -> Iterator[tuple[Callable[[Tensor], tuple[Tensor, Tensor]], Channel | None]]:
    """Sampler and channel of every step."""
    for exposure in exposures:
        yield from itertools.repeat(
            (exposure.sampler(task.along, task.period, device), exposure.channel), exposure.steps
        )


def _draws(task: Task, batch: int, seed: int, step: int, device: torch.device) -> Tensor:
    """Uniform numbers of one step: values, two for the labels, and nuisances; the same on every device."""
    rng = np.random.default_rng([seed, step])
    return torch.as_tensor(rng.random((3 + len(task.average), batch), dtype=np.float32), device=device)


def _update(
    learner: Network,
    rule: torch.optim.Optimizer,
    task: Task,
    sample: Callable[[Tensor], tuple[Tensor, Tensor]],
    channel: Channel | None,
    draws: Tensor,
) -> float:
    """One step of learning; returns the loss before it, and changes nothing if that is not finite."""
    shown, noise = sample(draws[0])
    labels = task.labels(shown)
    with torch.no_grad():
        images = task.images(shown, draws[3:])
    learner.train()
    if channel is None:
        loss = task.losses(learner(images), labels).mean()
    else:
        labels, weights = channel.corrupt(labels, noise, draws[1], draws[2])
        loss = (task.losses(learner(images), labels) * weights).mean()
    value = loss.item()
    if math.isfinite(value):
        rule.zero_grad()
        loss.backward()
        rule.step()
    return value


def _make(network: Perceptron | nn.Module | Callable[[int], nn.Module], seed: int, task: Task) -> Network:
    if isinstance(network, Perceptron):
        return network(seed, task.pixels, task.outputs)
    made = copy.deepcopy(network) if isinstance(network, nn.Module) else network(seed)
    if not isinstance(made, nn.Module):
        raise FechnerError(f"network({seed}) must return a torch.nn.Module, got {type(made).__name__}")
    return as_network(made)


def _check(
    exposures: Sequence[Exposure],
    task: Task,
    snapshots: int | Sequence[int],
    seeds: int | Sequence[int],
    batch: int,
) -> tuple[list[int], list[int]]:
    """The steps recorded, and the seeds; `FechnerError` for what cannot be learned."""
    if not exposures:
        raise FechnerError("at least one exposure is needed, got none")
    for exposure in exposures:
        exposure.check(task.along, task.parameter, task.classes)
    chosen = list(range(seeds)) if isinstance(seeds, int) else [int(s) for s in seeds]
    if not chosen:
        raise FechnerError(f"at least 1 seed is needed, got {seeds!r}")
    total = sum(e.steps for e in exposures)
    steps = np.linspace(0, total, max(snapshots, 0)).round() if isinstance(snapshots, int) else snapshots
    wanted = sorted({int(s) for s in steps})
    if not wanted or wanted[0] < 0 or wanted[-1] > total:
        raise FechnerError(f"snapshots must lie in [0, {total}], the steps of all exposures, got {snapshots}")
    if len(set(chosen)) < len(chosen):
        raise FechnerError(f"seeds must differ, got {shown(chosen)}: the same seed is the same training")
    work = f"{total} steps of {len(chosen)} seeds"
    check_memory(8.0 * total * len(chosen), work, "take fewer")
    # No step is quicker than the few operations that it starts.
    check_time(1e-4 * total * len(chosen), work, "take fewer")
    check_memory(
        8.0 * batch * task.pixels, f"{batch} stimuli of {task.pixels} pixels", "choose a smaller batch or size"
    )
    return wanted, chosen


def _recorded(recorders: Sequence[Recorder], wanted: Sequence[int], seeds: Sequence[int], design: Design) -> xr.Dataset:
    """The recordings of all seeds, with NaN where one stopped before."""

    def stacked(kept: Sequence[Sequence[npt.NDArray[Any]]]) -> npt.NDArray[Any]:
        like = next((k[0] for k in kept if k), np.full(0, np.nan))
        missing = np.full(like.shape, np.nan)
        return np.stack([np.stack([*k, *[missing] * (len(wanted) - len(k))]) for k in kept])

    along, units = design.along, design.parameter.units
    information = stacked([r.fisher_information for r in recorders])
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = relative_to_mean(np.sqrt(information))
    dims = ("seed", "step", "layer", along)
    variables: dict[str, Any] = {
        "fisher_information": (dims, information, {"units": f"1/{units}^2", "long_name": "Fisher information J"}),
        "relative_sensitivity": (dims, relative, {"units": "1", "long_name": "relative sensitivity"}),
        "accuracy": (("seed", "step", along), stacked([r.accuracy for r in recorders]), {"units": "1"}),
    }
    for name, tensor in recorders[0].weights[0].items() if recorders[0].weights else ():
        kept = stacked([[w[name] for w in r.weights] for r in recorders])
        variables[f"weights.{name}"] = (("seed", "step", *(f"{name}_{i}" for i in range(tensor.ndim))), kept)
    coordinates = {
        "seed": list(seeds),
        "step": list(wanted),
        "layer": recorders[0].names,
        along: design.coordinates()[along],
        "pixels": ("layer", [i == 0 for i in range(len(recorders[0].names))]),
    }
    return xr.Dataset(variables, coordinates)


def _shown(exposures: Sequence[Exposure], task: Task, grid: Array) -> xr.Dataset:
    """What each exposure shows and says at the values recorded."""
    density = np.stack([e.density_at(grid, task.along, task.period) for e in exposures])
    noise = np.stack([e.noise_at(grid, task.period) for e in exposures])
    # A label without noise, where no channel is given.
    channels = [e.channel or Erasure(task.classes) for e in exposures]
    information = np.stack([c.information(n) for c, n in zip(channels, noise, strict=True)])
    signal = np.stack([c.signal(n) for c, n in zip(channels, noise, strict=True)])
    dims, per = ("exposure", task.along), {"units": f"1/{task.parameter.units}"}
    return xr.Dataset(
        {
            "density": (dims, density, per),
            "noise": (dims, noise, {"units": "1", "long_name": "probability that noise changes a label"}),
            "information": (dims, information, {"units": "bit", "long_name": "information of a label"}),
            "effective_density": (dims, density * signal, per),
            "steps": (("exposure",), [e.steps for e in exposures]),
            "channel": (("exposure",), [repr(e.channel) for e in exposures]),
        }
    )

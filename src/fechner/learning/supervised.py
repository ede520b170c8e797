"""A network learns to label stimuli under a density and label noise of one's choice, and is measured in the course of it.

`learn_labels` is the verb, and this module holds its loop alone: an `Exposure` draws stimuli, a `Task` labels them, a
`Recorder` measures. Random numbers must depend on seed and step alone: then the same seed has the same draws under another
density, noise or order of exposures, and conditions are compared in pairs.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Sequence
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
    >>> learned = learn_labels(Perceptron((32,)), Exposure(20, sinusoidal()), snapshots=[0, 20], seeds=2, batch=64)
    >>> learned.fisher_information.dims
    ('seed', 'step', 'layer', 'orientation')

    Args:
        network: a `Perceptron`; a module, of which every seed trains a copy; or a function from a seed to a module. A
            module takes images (B, C, H, W) of the stimulus, in [0, 1], and returns (B, task.outputs).
        exposures: densities and label noise that follow one another, each for some steps.
        task: stimulus, labels and loss; by default 60 classes of the orientation of a grating, in 64×64 pixels.
        snapshots: how many recordings, evenly spaced from before the first step to after the last; or the steps of them.
        values: the values at which sensitivity and accuracy are recorded; a number makes an even grid of the circle.
        layers: "all", "blocks" or globs, as for `sensitivity`; "input" and, with cross-entropy, "softmax" are added.
        optimizer: a class, or a partial of one, called with the parameters and `lr`.
        learning_rate: learning rate of the optimizer.
        batch: how many stimuli each step has.
        seeds: seeds of initial weights and stimuli, each of which is a training: how many, or a list of them.
        keep_weights: whether the result has weights and buffers at every snapshot, as `weights.<name>`.
        device: where networks are trained.
        progress: whether a bar shows the steps.

    Returns:
        A Dataset of `fisher_information` (seed, step, layer, <along>), J per unit² by the exact method, the Fisher
        information under independent Gaussian noise of unit variance; `relative_sensitivity`; `accuracy` (seed, step, <along>) for
        labels without noise; `loss` (seed, update) before each update; and for each exposure `density`, `noise`,
        `information` of a label in bits, and `effective_density`, the density times the share of the labels' signal that
        noise leaves. A seed whose loss is not finite stops at that step, with a warning: later values are NaN, and
        `stopped` (seed) is the step. It is −1 for all others.

    Raises:
        FechnerError: for exposures, networks or settings that cannot work, before the first step.

    Command line:
        fechner learn-labels --steps 300 --seeds 3 --out labels.nc --figure labels.png
        fechner learn-labels --steps 300 --density prior.nc --channel erasure --noise 0.5 --widths 256
    """
    task = Task() if task is None else task
    exposures = [exposures] if isinstance(exposures, Exposure) else list(exposures)
    recorded, seeds = _check(exposures, task, snapshots, seeds, batch)
    design = task.design(values)
    check_count(task, design)
    target = check_device(device)
    # The sampler of stimuli and the channel of labels, for every step.
    schedule = [s for e in exposures for s in [(e.sampler(task.along, task.period, target), e.channel)] * e.steps]
    total = len(schedule)
    recorders: list[Recorder] = []
    losses, stopped = np.full((len(seeds), total), np.nan), np.full(len(seeds), -1)
    with bar(progress, f"learning, {len(seeds)} seeds", total * len(seeds), "steps") as progressing:
        for i, seed in enumerate(seeds):
            learner = _network(network, seed, task).to(target)
            rule = optimizer([p for p in learner.parameters() if p.requires_grad], lr=learning_rate)
            recorder = Recorder(learner, task, design, layers, keep_weights)
            recorders.append(recorder)
            for step, (sample, channel) in enumerate(schedule):
                if step in recorded:
                    recorder.record()
                losses[i, step] = _update(learner, rule, task, sample, channel, _draws(task, batch, seed, step, target))
                progressing.update(1)
                if not math.isfinite(losses[i, step]):
                    stopped[i] = step
                    warnings.warn(
                        f"seed {seed}: the loss is {losses[i, step]} at step {step}, so learning stopped; earlier recordings "
                        f"are kept. Lower learning_rate below {learning_rate:g}",
                        stacklevel=3,
                    )
                    break
            else:
                if total in recorded:
                    recorder.record()
    dataset = _recordings(recorders, recorded, seeds, design).merge(_exposures(exposures, task, design.values))
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


def _draws(task: Task, batch: int, seed: int, step: int, device: torch.device) -> Tensor:
    """The uniform numbers of one step: one row for values, two for labels and one for each nuisance.

    NumPy draws them, so that they are the same on every device.
    """
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
    values, noise = sample(draws[0])
    labels, weights = task.labels(values), torch.ones_like(noise)
    if channel is not None:
        labels, weights = channel.corrupt(labels, noise, draws[1], draws[2])
    with torch.no_grad():
        images = task.images(values, draws[3:])
    learner.train()
    loss = (task.losses(learner(images), labels) * weights).mean()
    value = loss.item()
    if math.isfinite(value):
        rule.zero_grad()
        loss.backward()
        rule.step()
    return value


def _network(network: Perceptron | nn.Module | Callable[[int], nn.Module], seed: int, task: Task) -> Network:
    """The network that one seed trains."""
    if isinstance(network, Perceptron):
        return network(seed, task.pixels, task.outputs)
    module = copy.deepcopy(network) if isinstance(network, nn.Module) else network(seed)
    if not isinstance(module, nn.Module):
        raise FechnerError(f"network({seed}) must return a torch.nn.Module, got {type(module).__name__}")
    return as_network(module)


def _check(
    exposures: Sequence[Exposure], task: Task, snapshots: int | Sequence[int], seeds: int | Sequence[int], batch: int
) -> tuple[list[int], list[int]]:
    """The steps to record, and the seeds; `FechnerError` for what cannot be learned."""
    if not exposures:
        raise FechnerError("at least one exposure is needed, got none")
    for exposure in exposures:
        exposure.check(task.along, task.parameter, task.classes)
    seeds = list(range(seeds)) if isinstance(seeds, int) else [int(s) for s in seeds]
    if not seeds:
        raise FechnerError(f"at least 1 seed is needed, got {seeds}")
    total = sum(e.steps for e in exposures)
    steps = np.linspace(0, total, max(snapshots, 0)).round() if isinstance(snapshots, int) else snapshots
    recorded = sorted({int(s) for s in steps})
    if not recorded or recorded[0] < 0 or recorded[-1] > total:
        raise FechnerError(f"snapshots must lie in [0, {total}], the steps of all exposures, got {snapshots}")
    if len(set(seeds)) < len(seeds):
        raise FechnerError(f"seeds must differ, got {shown(seeds)}: the same seed is the same training")
    work = f"{total} steps of {len(seeds)} seeds"
    check_memory(8.0 * total * len(seeds), work, "take fewer")
    # A step takes at least the time of starting a few operations.
    check_time(1e-4 * total * len(seeds), work, "take fewer")
    check_memory(
        8.0 * batch * task.pixels, f"{batch} stimuli of {task.pixels} pixels", "choose a smaller batch or size"
    )
    return recorded, seeds


def _recordings(
    recorders: Sequence[Recorder], steps: Sequence[int], seeds: Sequence[int], design: Design
) -> xr.Dataset:
    """The recordings of all seeds, with NaN at the steps that a seed did not reach."""

    def stacked(by_seed: Sequence[Sequence[npt.NDArray[Any]]]) -> npt.NDArray[Any]:
        first = next((recordings[0] for recordings in by_seed if recordings), np.full(0, np.nan))
        missing = np.full(first.shape, np.nan)
        return np.stack(
            [np.stack([*recordings, *[missing] * (len(steps) - len(recordings))]) for recordings in by_seed]
        )

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
        weights = stacked([[w[name] for w in r.weights] for r in recorders])
        variables[f"weights.{name}"] = (("seed", "step", *(f"{name}_{i}" for i in range(tensor.ndim))), weights)
    coordinates = {
        "seed": list(seeds),
        "step": list(steps),
        "layer": recorders[0].names,
        along: design.coordinates()[along],
        "pixels": ("layer", [i == 0 for i in range(len(recorders[0].names))]),
    }
    return xr.Dataset(variables, coordinates)


def _exposures(exposures: Sequence[Exposure], task: Task, grid: Array) -> xr.Dataset:
    """The density, noise and information of each exposure at the values that are recorded."""
    density = np.stack([e.density_at(grid, task.along, task.period) for e in exposures])
    noise = np.stack([e.noise_at(grid, task.period) for e in exposures])
    # Without a channel there is no noise, and every channel gives the same.
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

"""Gradient descent in deep linear networks: the end-to-end map in the course of learning, by four engines.

Everything happens in the basis of the principal components, where the covariance is a diagonal. Learning is gradient
descent on the mean squared error over all output elements, so that a step of learning rate η advances the gradient flow
on ½E‖y − Ŵx‖² by the time 2η/d, d being the number of outputs. The engines must agree with each other and with the closed
forms of `fechner.learning.theory`; tests/learning/test_linear.py compares them. Only Adam learns differently: it scales
every weight by itself, so that its course depends on the basis, and a stage of pixels needs the covariance of the pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from torch import Tensor

from fechner import results
from fechner.arguments import AboveZero, Count, Real, check_device, check_dtype, checked
from fechner.errors import FechnerError
from fechner.learning.flow import evaluations, flow
from fechner.learning.linear_network import LinearNetwork, Weights, times
from fechner.learning.stage import Stage
from fechner.limits import check_memory, check_time
from fechner.progress import bar

Engine = Literal["flow", "descent", "adam", "minibatch"]


@checked
def learn(
    network: LinearNetwork,
    stages: Stage | Sequence[Stage],
    snapshots: Sequence[int],
    *,
    learning_rate: AboveZero = 1.0,
    engine: Engine = "flow",
    batch: Count = 16384,
    tolerance: Annotated[float, Real(0, 0.1, above=True)] = 2e-3,
    dtype: Annotated[torch.dtype, check_dtype] = torch.float32,
    device: Annotated[str | torch.device, check_device] = "cpu",
    progress: bool = True,
) -> xr.Dataset:
    """The end-to-end map of a linear network at chosen steps of learning.

    >>> learned = learn(LinearNetwork(2, "balanced", 0.01), Stage(np.array([4.0, 1.0]), 200), [0, 50, 200])
    >>> learned.end_to_end.dims
    ('step', 'output', 'component')

    Args:
        network: the network that learns, with its initial weights.
        stages: what it learns from: the variances of principal components (`principal_components(...).variance`), and the
            target. Several stages follow one another.
        snapshots: the steps at which the map is recorded.
        learning_rate: learning rate of gradient descent on the mean squared error, or of Adam.
        engine: "descent" takes every step, on the covariance; "flow" integrates gradient flow over the same time with
            adaptive steps; "adam" takes every step on the covariance by Adam (Kingma & Ba 2015, PyTorch's defaults), whose
            moments begin anew in every stage; "minibatch" draws `batch` of the stage's `data` (n, component) for every
            step, as published.
        batch: patches in a minibatch.
        tolerance: error of each adaptive step, relative to the weights.
        dtype: precision of the weights.
        device: where weights and covariances are.
        progress: whether a bar shows the steps.

    Returns:
        A Dataset: `end_to_end` (step, output, component) in the basis of the components; `loss`, the mean squared error
        over all elements minus the part that no linear map could explain; attributes with all settings.

    Raises:
        FechnerError: for snapshots outside the stages, a learning rate beyond the stability limit (which it names), data
            of another shape, and work that cannot fit into memory or end within thirty days.

    Command line:
        fechner components photographs/ --size 16 --out components.nc
        fechner learn components.nc --depth 2 --steps 2000 --snapshots 0:2000:21 --out learned.nc --figure learned.png
    """
    stages = [stages] if isinstance(stages, Stage) else list(stages)
    check_dtype(dtype)
    least = torch.finfo(dtype).eps ** (2 / 3)
    if tolerance < least:
        # In shorter steps of a method of second order rounding is the larger error, and the integration would never end.
        precision = str(dtype).removeprefix("torch.")
        raise FechnerError(
            f"tolerance must be at least {least:.1g} in {precision}, got {tolerance:g}: raise it, or use float64"
        )
    recorded, limit = _check(network, stages, snapshots, learning_rate, engine)
    _check_limits(network, stages, len(recorded), learning_rate, engine, batch)
    inputs, outputs = stages[0].inputs, stages[0].outputs
    target = check_device(device)
    weights = network.weights(inputs, outputs, dtype, target)
    maps: dict[int, tuple[npt.NDArray[np.floating], float]] = {}
    step = 0
    total = sum(s.steps for s in stages)
    with bar(progress, f"linear network, {network.depth}, {engine}", total, "steps") as progressing:
        for stage in stages:
            tensors = stage.tensors(dtype, target)
            advance = _engine(engine, network, stage, tensors, learning_rate, tolerance, batch)
            end = step + stage.steps
            for stop in sorted({step, *(s for s in recorded if step <= s <= end), end}):
                weights = advance(weights, stop - step)
                progressing.update(stop - step)
                step = stop
                if not all(bool(torch.isfinite(w).all()) for w in weights):
                    raise FechnerError(f"learning diverged before step {step}: lower learning_rate below {limit:.4g}")
                if step in recorded:
                    # A copy: the map of one layer is its weights, which no later step may change here.
                    end_to_end = network.map(weights).clone()
                    maps[step] = (end_to_end.cpu().numpy(), _loss(end_to_end, stage, *tensors))
    attributes = results.provenance("linear learning") | {
        "depth": str(network.depth),
        "start": network.start,
        "scale": network.scale,
        "seed": network.seed,
        "learning_rate": learning_rate,
        "engine": engine,
        # Adam's steps have no common length in the time of gradient flow.
        "time_per_step": np.nan if engine == "adam" else 2 * learning_rate / outputs,
        "dtype": str(dtype).removeprefix("torch."),
    }
    return xr.Dataset(
        {
            "end_to_end": (("step", "output", "component"), np.stack([maps[s][0] for s in recorded])),
            "loss": ("step", np.array([maps[s][1] for s in recorded]), {"long_name": "mean squared error"}),
        },
        {"step": recorded, "component": np.arange(1, inputs + 1)},
        attributes,
    )


def _engine(
    engine: Engine,
    network: LinearNetwork,
    stage: Stage,
    tensors: tuple[Tensor, Tensor],
    learning_rate: float,
    tolerance: float,
    batch: int,
) -> Callable[[Weights, int], Weights]:
    """The function that takes weights a number of steps further."""
    time = 2 * learning_rate / stage.outputs

    def slope(weights: Weights) -> Weights:
        return network.descent(weights, *tensors)

    curvature = 1.2 * network.curvature(stage.strongest())
    step: float | None = None

    def flowing(weights: Weights, steps: int) -> Weights:
        nonlocal step
        weights, step = flow(slope, weights, steps * time, curvature, tolerance, step)
        return weights

    def descending(weights: Weights, steps: int) -> Weights:
        for _ in range(steps):
            weights = [w + time * g for w, g in zip(weights, slope(weights), strict=True)]
        return weights

    rule: torch.optim.Optimizer | None = None

    def adapting(weights: Weights, steps: int) -> Weights:
        nonlocal rule
        if rule is None:
            weights = [w.clone() for w in weights]
            rule = torch.optim.Adam(weights, lr=learning_rate)
        for _ in range(steps):
            for w, downhill in zip(weights, slope(weights), strict=True):
                w.grad = -downhill * (2 / stage.outputs)
            rule.step()
        return weights

    rng = np.random.default_rng(network.seed)

    def sampling(weights: Weights, steps: int) -> Weights:
        assert stage.data is not None
        for _ in range(steps):
            patches = stage.data[rng.integers(0, len(stage.data), batch)]
            x = torch.as_tensor(patches, dtype=weights[0].dtype, device=weights[0].device)
            weights = [w.detach().requires_grad_() for w in weights]
            loss = (network.respond(weights, x) - x).square().mean()
            slopes = torch.autograd.grad(loss, weights)
            weights = [(w - learning_rate * g).detach() for w, g in zip(weights, slopes, strict=True)]
        return weights

    return {"flow": flowing, "descent": descending, "adam": adapting, "minibatch": sampling}[engine]


def _check(
    network: LinearNetwork, stages: Sequence[Stage], snapshots: Sequence[int], learning_rate: float, engine: Engine
) -> tuple[list[int], float]:
    """The steps to record, and the largest stable learning rate; `FechnerError` for what cannot be learned."""
    if not stages:
        raise FechnerError("at least one stage is needed, got none")
    for stage in stages:
        if (stage.inputs, stage.outputs) != (stages[0].inputs, stages[0].outputs):
            raise FechnerError("all stages must have the same number of inputs and of outputs")
        if network.depth == "tied" and stage.outputs != stage.inputs:
            raise FechnerError(f"a tied network returns {stage.inputs} values, the target has {stage.outputs}")
        if engine == "minibatch" and (stage.data is None or stage.covariance is not None):
            raise FechnerError("minibatches need the data of each stage (n, input), and have the input as target")
    total = sum(s.steps for s in stages)
    recorded = sorted({int(s) for s in snapshots})
    if not recorded or recorded[0] < 0 or recorded[-1] > total:
        raise FechnerError(f"snapshots must lie in [0, {total}], the steps of all stages, got {list(snapshots)[:5]}")
    strongest = max(s.strongest() for s in stages)
    if strongest <= 0:
        raise FechnerError("the inputs do not vary: there is nothing to learn")
    limit = stages[0].outputs / network.curvature(strongest)
    if learning_rate >= limit and engine in ("descent", "minibatch"):
        raise FechnerError(
            f"learning rate {learning_rate:g} diverges: with the largest variance {strongest:.4g} gradient descent is "
            f"stable below {limit:.4g}"
        )
    return recorded, limit


def _check_limits(
    network: LinearNetwork, stages: Sequence[Stage], maps: int, learning_rate: float, engine: Engine, batch: int
) -> None:
    """Raise `FechnerError` for maps that cannot fit into memory, and for learning that cannot end in good time."""
    inputs, outputs = stages[0].inputs, stages[0].outputs
    check_memory(4.0 * maps * inputs * outputs, f"{maps} maps of {outputs} × {inputs}", "take fewer snapshots")
    if engine == "minibatch":
        check_memory(8.0 * batch * inputs, f"{batch} patches of {inputs} numbers", "choose a smaller batch")
    # At least the seconds of a gradient: those of starting a few operations, or those of its matrix products at 10^15
    # operations a second, which no machine reaches.
    products = batch if engine == "minibatch" else inputs
    gradient = max(1e-5, 2.0 * network.matrices * inputs * outputs * products / 1e15)
    steps = sum(s.steps for s in stages)
    if engine != "flow":
        remedy = "take fewer steps, or engine 'flow'" if engine == "descent" else "take fewer steps"
        check_time(gradient * steps, f"{steps} steps of {engine}", remedy)
        return
    for stage in stages:
        curvature, duration = network.curvature(stage.strongest()), 2 * learning_rate / outputs * stage.steps
        check_time(
            gradient * evaluations(duration, curvature),
            f"{stage.steps} steps of learning rate {learning_rate:g} with a largest variance of {stage.strongest():.4g}",
            f"lower learning_rate (gradient descent is stable below {outputs / curvature:.4g}), or take fewer steps",
        )


def _loss(end: Tensor, stage: Stage, variance: Tensor, covariance: Tensor) -> float:
    """E‖y − Ŵx‖² / d; where the target is not the input, without the part of it that no linear map could explain."""
    fitted = (times(end, variance) * end).sum() - 2 * (covariance * end).sum()
    own = covariance.trace() if stage.covariance is None else _explained(variance, covariance)
    return float(own + fitted) / len(end)


def _explained(variance: Tensor, covariance: Tensor) -> Tensor:
    """The variance of the target that the best linear map of the input explains."""
    full = torch.diag(variance) if variance.dim() == 1 else variance
    return (covariance @ torch.linalg.pinv(full.double(), hermitian=True).to(covariance) * covariance).sum()

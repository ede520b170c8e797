"""The tangent of every layer against differences: whether forward mode gives the derivative of what the network computes.

A network may compute more than PyTorch differentiates: `detach`, `.data`, NumPy, an operation whose rule is missing, or
one whose rule is another function's on purpose, such as a straight-through estimator. Its tangent is then finite
and wrong. So the tangent t at θ is compared, unit by unit, with both one-sided differences, (r(θ) − r(θ−h)) / h and
(r(θ+h) − r(θ)) / h. It must lie between them: at a kink they differ, and the derivative from either side is right. The
criterion is how far it lies outside, ‖t − nearest‖ / max(‖t‖, ‖nearest‖), `nearest` being the closest value between them.

In float64 the step is a millionth of the parameter's scale. Where a network computes a part in float32, differences
over so small a step are rounding errors: the two differences then disagree in many units, and larger steps decide.
A third difference, over a larger step, finds responses that jump, which no derivative sees. `derivative_check` makes
notes and errors of the outcomes. Tests: tests/fisher/test_trust.py and test_random_networks.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from fechner.fisher.derivative import Exact
from fechner.fisher.passes import Run
from fechner.fisher.sweep import out_of_memory
from fechner.networks import INPUT, Layer, Network, tap
from fechner.stimuli import Design, render

# How far outside a tangent may lie in float64, where responses may be rounded to 32 bits, and where all is in float32.
_OUTSIDE, _OUTSIDE_ROUNDED, _OUTSIDE_SINGLE = 1e-2, 1e-2, 0.1
# Steps in units of the parameter's scale: those tried in float64, the one in float32, and the least for finding jumps.
_STEPS, _STEP_SINGLE, _FAR = (1e-6, 1e-4, 1e-3), 1.7e-5, 1e-4
# By how many units of its last bit a response may be off, in its own precision and where 32 bits are possible.
_BITS, _BITS_ROUNDED = 8, 64
# The two differences of a unit disagree if they are further apart than the first of these, relative to the larger. If
# they disagree in more than the second, a share of all units, rounding is the cause.
_APART, _SHARE = 1e-2, 1e-2
# A unit jumps if it changes so many times more than the largest tangent predicts, and by this share of the largest response.
_JUMP, _JUMP_SIZE = 20, 1e-3


@dataclass(frozen=True)
class Outcome:
    """What the comparison says of one layer at one value of the parameter.

    `wrong` says that the tangent is not the derivative. `tangent` and `nearest` are norms, as defined above. `jumps` says
    that a unit jumps. `undecided` asks for a larger step.
    """

    wrong: bool
    tangent: float
    nearest: float
    jumps: bool = False
    undecided: bool = False


# The outcome for each layer at one value of the parameter, in execution order.
Outcomes = dict[str, Outcome]


def wrong_layers(outcomes: Sequence[Outcomes]) -> list[str]:
    """Layers whose tangent is wrong at any of the values, those of the first value first."""
    return list(dict.fromkeys(name for at_value in outcomes for name, o in at_value.items() if o.wrong))


def in_double(network: Network) -> Run | None:
    """The network with its weights in float64, without changing or copying the modules; None where that is impossible."""
    tensors = dict([*network.named_parameters(), *network.named_buffers()])
    if any(t.device.type == "mps" for t in tensors.values()):
        return None
    wider = {torch.complex64: torch.complex128, torch.complex32: torch.complex128}
    try:
        doubled = {
            name: t.detach().to(torch.float64 if t.is_floating_point() else wider.get(t.dtype, t.dtype))
            for name, t in tensors.items()
        }
    except (RuntimeError, ValueError):
        # Parameters without data, or no memory for a second copy.
        return None
    return lambda images: functional_call(network, doubled, (images,))


@dataclass
class DifferenceCheck:
    """Compares tangents with differences.

    `run` computes the network's output; `double` says whether it does so in float64, and `together` whether images share
    a batch.
    """

    network: Network
    run: Run
    design: Design
    double: bool
    together: bool

    def at(self, values: Mapping[str, Tensor], layers: Mapping[str, Layer]) -> list[Outcomes]:
        """The outcomes for the pixels and these layers at each of the values (B,)."""
        outcomes: list[Outcomes] = []
        for step in _STEPS if self.double else (_STEP_SINGLE,):
            latest = self._compare(values, layers, step)
            # What a smaller step decided stays.
            outcomes = [
                {n: new[n] if old[n].undecided else old[n] for n in new}
                for old, new in zip(outcomes or latest, latest, strict=True)
            ]
            if not any(o.undecided for at_value in outcomes for o in at_value.values()):
                break
        return outcomes

    def _compare(self, values: Mapping[str, Tensor], layers: Mapping[str, Layer], share: float) -> list[Outcomes]:
        step, far, last = share * self.design.scale, max(share, _FAR) * self.design.scale, share == _STEPS[-1]
        along = values[self.design.along]
        dtype = torch.float64 if self.double else along.dtype
        values = {n: v.to(dtype) for n, v in values.items()}
        centre = self._responses(values, layers, tangents=True)
        moved = {n: v.repeat(3) for n, v in values.items()}
        moved[self.design.along] = torch.cat([values[self.design.along] + d for d in (-step, step, far)])
        displaced = self._responses(moved, layers, tangents=False)
        count = len(along)
        return [
            {
                name: _outcome(response[i], tangent[i], displaced[name][0][i::count], step, far, self.double, last)
                for name, (response, tangent) in centre.items()
            }
            for i in range(count)
        ]

    def _responses(
        self, values: Mapping[str, Tensor], layers: Mapping[str, Layer], tangents: bool
    ) -> dict[str, tuple[list[Tensor], list[Tensor]]]:
        """Responses and tangents of every layer, one for each stimulus; one pass a stimulus if memory runs out."""
        try:
            return self._passes(values, layers, tangents, self.together)
        except Exception as e:
            if not (self.together and out_of_memory(e)):
                raise
        return self._passes(values, layers, tangents, together=False)

    def _passes(
        self, values: Mapping[str, Tensor], layers: Mapping[str, Layer], tangents: bool, together: bool
    ) -> dict[str, tuple[list[Tensor], list[Tensor]]]:
        method = Exact()
        by_layer: dict[str, tuple[list[Tensor], list[Tensor]]] = {}
        count = len(values[self.design.along])
        # Not together if the sweep has one image in a batch: the responses may then depend on the others of a batch.
        for batch in [slice(0, count)] if together else [slice(i, i + 1) for i in range(count)]:
            with method.context():
                chosen = {n: v[batch] for n, v in values.items()}
                images = render(self.design.stimulus, method.prepare(chosen, self.design.along) if tangents else chosen)

                def record(name: str, output: Tensor) -> None:
                    response, tangent = method.derivative(output)
                    tangent = torch.zeros_like(response) if tangent is None else tangent.clone()
                    responses, slopes = by_layer.setdefault(name, ([], []))
                    responses += response.clone()
                    slopes += tangent

                def visit(name: str, module_name: str, module: nn.Module, tensor: Tensor, n: int = len(images)) -> None:
                    if name in layers:
                        record(name, layers[name].per_stimulus(tensor, n))

                images = images.to(values[self.design.along].dtype)
                record(INPUT, images)
                with tap(self.network, visit):
                    self.run(images)
        return by_layer


def _outcome(
    centre: Tensor, tangent: Tensor, displaced: list[Tensor], step: float, far: float, double: bool, last: bool
) -> Outcome:
    """The outcome for one response, from those at − step, + step and + far; `last` says that no larger step is left."""
    before, after, jump = (centre - displaced[0]) / step, (displaced[1] - centre) / step, displaced[2] - centre
    low, high = torch.minimum(before, after), torch.maximum(before, after)
    bit = centre.abs() / step
    size = float(torch.linalg.vector_norm(tangent))
    most = (
        max(_JUMP * far * float(tangent.abs().max()), _JUMP_SIZE * float(centre.abs().max())) if centre.numel() else 0.0
    )
    jumps = bool((jump.abs() > most).any())

    def outside(rounding: float) -> tuple[float, float]:
        """How far outside the tangent lies if responses are off by so much, and the norm of the nearest value inside."""
        slack = rounding * bit
        nearest = torch.minimum(torch.maximum(tangent, low - slack), high + slack)
        distance = float(torch.linalg.vector_norm(tangent - nearest))
        near = float(torch.linalg.vector_norm(nearest))
        return (distance / max(size, near) if distance else 0.0), near

    off, near = outside(_BITS * torch.finfo(centre.dtype).eps)
    if not double:
        return Outcome(off > _OUTSIDE_SINGLE, size, near)
    if not off > _OUTSIDE:
        return Outcome(False, size, near, jumps)
    if float(((after - before).abs() > _APART * torch.maximum(before.abs(), after.abs())).double().mean()) < _SHARE:
        return Outcome(True, size, near, jumps)
    off, near = outside(_BITS_ROUNDED * torch.finfo(torch.float32).eps)
    wrong = off > _OUTSIDE_ROUNDED
    return Outcome(wrong, size, near, jumps, undecided=not wrong and not last)

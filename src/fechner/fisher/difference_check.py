"""The tangent of every layer against differences: whether forward mode gives the derivative of what the network computes.

A network may compute more than PyTorch differentiates: `detach`, `.data`, NumPy, an operation whose rule is missing, or
one whose rule is another function's on purpose, such as a straight-through estimator. Its tangent is then there, finite,
and wrong. So the tangent t at θ is compared, unit by unit, with both one-sided differences, (r(θ) − r(θ−h)) / h and
(r(θ+h) − r(θ)) / h. It must lie between them: at a kink they differ, and the derivative from either side is right. What
counts is how far it lies outside, ‖t − nearest‖ / max(‖t‖, ‖nearest‖).

In float64 the step is a millionth of the parameter's scale. Where a network computes a part in float32, differences
over so small a step are rounding errors: the two differences then disagree in many units, and larger steps decide.
A third difference, over a larger step, finds responses that jump, which no derivative sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from fechner.fisher.derivative import Exact
from fechner.fisher.passes import Run
from fechner.fisher.sweep import out_of_memory
from fechner.networks import INPUT, Layer, Network, tap
from fechner.stimuli import Design, render

# How far outside a tangent may lie: in float64; where responses may be rounded to 32 bits; where all is in float32.
_OUTSIDE, _OUTSIDE_ROUNDED, _OUTSIDE_SINGLE = 1e-2, 1e-2, 0.1
# Steps in units of the parameter's scale: in float64, and the one in float32.
_STEPS, _STEP_SINGLE, _FAR = (1e-6, 1e-4, 1e-3), 1.7e-5, 1e-4
# Roundings, in units of the last bit, by which a response may be off.
_BITS, _BITS_ROUNDED = 8, 64
# The two differences disagree if they are further apart than this; in more than this share of all units, rounding does it.
_APART, _SHARE = 1e-2, 1e-2
# A unit jumps if it changes so many times more than any tangent says, and by so much of the largest response.
_JUMP, _JUMP_SIZE = 20, 1e-3


@dataclass(frozen=True)
class Outcome:
    """Of one layer at one value: whether its tangent is not the derivative, the norms of tangent and nearest, and jumps."""

    wrong: bool
    tangent: float
    nearest: float
    jumps: bool = False
    undecided: bool = False


def in_double(network: Network) -> Run | None:
    """The network with its weights in float64, without changing or copying the modules; None where that cannot be."""
    held = dict([*network.named_parameters(), *network.named_buffers()])
    if any(t.device.type == "mps" for t in held.values()):
        return None
    wider = {torch.complex64: torch.complex128, torch.complex32: torch.complex128}
    try:
        doubled = {
            name: t.detach().to(torch.float64 if t.is_floating_point() else wider.get(t.dtype, t.dtype))
            for name, t in held.items()
        }
    except (RuntimeError, ValueError):
        # Parameters without data, or no memory for a second copy.
        return None
    return lambda images: functional_call(network, doubled, (images,))


@dataclass
class DifferenceCheck:
    """Compares tangents with differences; `double` says in which precision, `together` whether images share a batch."""

    network: Network
    run: Run
    design: Design
    double: bool
    together: bool

    def at(self, values: Mapping[str, Tensor], layers: Mapping[str, Layer]) -> list[dict[str, Outcome]]:
        """What was found at each set of values (B,): for the pixels and these layers, in order."""
        found: list[dict[str, Outcome]] = []
        for step in _STEPS if self.double else (_STEP_SINGLE,):
            again = self._compare(values, layers, step)
            found = [
                {n: o if (o := old[n]) and not o.undecided else new[n] for n in new}
                for old, new in zip(found or again, again, strict=True)
            ]
            if not any(o.undecided for one in found for o in one.values()):
                break
        return found

    def _compare(
        self, values: Mapping[str, Tensor], layers: Mapping[str, Layer], share: float
    ) -> list[dict[str, Outcome]]:
        step, far, last = share * self.design.scale, max(share, _FAR) * self.design.scale, share == _STEPS[-1]
        along = values[self.design.along]
        dtype = torch.float64 if self.double else along.dtype
        values = {n: v.to(dtype) for n, v in values.items()}
        here = self._responses(values, layers, tangents=True)
        moved = {n: v.repeat(3) for n, v in values.items()}
        moved[self.design.along] = torch.cat([values[self.design.along] + d for d in (-step, step, far)])
        there = self._responses(moved, layers, tangents=False)
        found: list[dict[str, Outcome]] = []
        count = len(along)
        for i in range(count):
            one = {}
            for name, (response, tangent) in here.items():
                moved_to = [there[name][0][i + k * count] for k in range(3)]
                one[name] = _outcome(response[i], tangent[i], moved_to, step, far, self.double, last)
            found.append(one)
        return found

    def _responses(
        self, values: Mapping[str, Tensor], layers: Mapping[str, Layer], tangents: bool
    ) -> dict[str, tuple[list[Tensor], list[Tensor]]]:
        """Responses and tangents of every layer, one a stimulus; one after the other if memory runs out."""
        try:
            return self._heard(values, layers, tangents, self.together)
        except Exception as e:
            if not (self.together and out_of_memory(e)):
                raise
        return self._heard(values, layers, tangents, together=False)

    def _heard(
        self, values: Mapping[str, Tensor], layers: Mapping[str, Layer], tangents: bool, together: bool
    ) -> dict[str, tuple[list[Tensor], list[Tensor]]]:
        method = Exact()
        kept: dict[str, tuple[list[Tensor], list[Tensor]]] = {}
        count = len(values[self.design.along])
        # Images that share a batch must not depend on one another.
        for batch in [slice(0, count)] if together else [slice(i, i + 1) for i in range(count)]:
            with method.context():
                chosen = {n: v[batch] for n, v in values.items()}
                images = render(self.design.stimulus, method.prepare(chosen, self.design.along) if tangents else chosen)

                def listen(name: str, output: Tensor) -> None:
                    response, tangent = method.derivative(output)
                    tangent = torch.zeros_like(response) if tangent is None else tangent.clone()
                    responses, slopes = kept.setdefault(name, ([], []))
                    responses += response.clone()
                    slopes += tangent

                def visit(name: str, module_name: str, module: nn.Module, tensor: Tensor, n: int = len(images)) -> None:
                    if name in layers:
                        listen(name, layers[name].per_stimulus(tensor, n))

                images = images.to(values[self.design.along].dtype)
                listen(INPUT, images)
                with tap(self.network, visit):
                    self.run(images)
        return kept


def _outcome(
    here: Tensor, tangent: Tensor, moved: list[Tensor], step: float, far: float, double: bool, last: bool
) -> Outcome:
    before, after, jump = (here - moved[0]) / step, (moved[1] - here) / step, moved[2] - here
    low, high = torch.minimum(before, after), torch.maximum(before, after)
    unit = here.abs() / step
    size = float(torch.linalg.vector_norm(tangent))
    most = max(_JUMP * far * float(tangent.abs().max()), _JUMP_SIZE * float(here.abs().max())) if here.numel() else 0.0
    jumps = bool((jump.abs() > most).any())

    def outside(rounding: float) -> tuple[float, float]:
        slack = rounding * unit
        nearest = torch.minimum(torch.maximum(tangent, low - slack), high + slack)
        distance = float(torch.linalg.vector_norm(tangent - nearest))
        near = float(torch.linalg.vector_norm(nearest))
        return (distance / max(size, near) if distance else 0.0), near

    off, near = outside(_BITS * torch.finfo(here.dtype).eps)
    if not double:
        return Outcome(off > _OUTSIDE_SINGLE, size, near)
    if not off > _OUTSIDE:
        return Outcome(False, size, near, jumps)
    if float(((after - before).abs() > _APART * torch.maximum(before.abs(), after.abs())).double().mean()) < _SHARE:
        return Outcome(True, size, near, jumps)
    off, near = outside(_BITS_ROUNDED * torch.finfo(torch.float32).eps)
    wrong = off > _OUTSIDE_ROUNDED
    return Outcome(wrong, size, near, jumps, undecided=not wrong and not last)

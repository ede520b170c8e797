"""Whether the derivatives of layers can be taken, and are those of what the network computes.

The probe calls `Derivatives.checked` on two stimuli; `difference_check` compares, and this module says what is wrong and
how to mend it. A layer is accused only if a chosen layer is at fault, and the first layer at fault is named, because it
spoils those after it. Tests: tests/fisher/test_trust.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from fechner.errors import FechnerError, first_line
from fechner.fisher.derivative import Exact, norm
from fechner.fisher.difference_check import DifferenceCheck, Outcome, Outcomes, in_double, wrong_layers
from fechner.fisher.passes import explained, per_image
from fechner.fisher.repetition import Repetition
from fechner.networks import INPUT, Layer, Network, tap
from fechner.stimuli import Design, Family, render

_INSTEAD = "use method='central', which needs no derivative rule"


def accuse(
    network: Network,
    faults: Mapping[str, str],
    layers: Mapping[str, Layer],
    names: set[str],
    why: Callable[[str], str] | None = None,
) -> None:
    """Raise `FechnerError` for the first layer at fault, if a chosen layer is at fault.

    `faults` holds the reason for each layer, unless `why` finds the reason, which is then done for that layer only.
    """
    if faults.keys() & (names | {INPUT}):
        name = next(n for n in (INPUT, *layers) if n in faults)
        raise FechnerError(f"{network.name}: {faults[name] if why is None else why(name)}")


@dataclass(frozen=True)
class Derivatives:
    """Checks the derivatives of `layers`, of which those called `names` were chosen, at the two stimuli of `values`.

    `together` says that the sweep will have several images in a batch.
    """

    network: Network
    design: Design
    values: dict[str, Tensor]
    together: bool
    layers: Mapping[str, Layer]
    names: set[str]

    def checked(self, images: Tensor, slope: Tensor, repetition: Repetition) -> tuple[str, list[str]]:
        """How derivatives were checked, and notes for users on layers that pass.

        `images` and `slope` are the two stimuli and their derivatives; `repetition` holds the plain responses to them.
        """
        faults, norms, responses = self._tangents(images, slope)
        self._accuse(faults)
        self._accuse(
            {
                n: f"layer '{n}' responds differently when derivatives are taken: its code asks for gradients or for the kind "
                f"of its input; {_INSTEAD}"
                for n in repetition.differs_from(responses)
            }
        )
        run = in_double(self.network)
        check = DifferenceCheck(self.network, run or self.network, self.design, run is not None, self.together)
        values, chosen = self._inside(), {n: layer for n, layer in self.layers.items() if n in self.names}
        try:
            outcomes = _compared(check, values, chosen, norms)
        except FechnerError:
            raise
        except Exception:
            if run is None:
                raise
            # A part of the network or of the stimulus does not support float64.
            check.run, check.double = self.network, False
            outcomes = _compared(check, values, chosen, norms)
        notes = []
        if wrong := wrong_layers(outcomes):
            tied = self._accuse_wrong(check, values, norms)
            notes.append(
                f"at {self.design.along} {tied} units of layer '{wrong[0]}' tie, and PyTorch's rules give the derivative of "
                "neither side: leave this value out"
            )
        if not check.double:
            return "central differences in float32, a weaker check", notes
        rounded = _rounded(self.names, norms, outcomes)
        if rounded:
            more = f" and {len(rounded) - 3} more" if len(rounded) > 3 else ""
            notes.append(
                f"in {str(images.dtype).removeprefix('torch.')} the derivative of {', '.join(rounded[:3])}{more} is mostly "
                "rounding: in float64 it is smaller; use dtype float64"
            )
        reliable = self.names - set(rounded)
        jumping = [n for n in self.layers if n in reliable and any(at_value[n].jumps for at_value in outcomes)]
        if jumping:
            notes.append(
                f"the response of layer '{jumping[0]}' also jumps along {self.design.along}, which no derivative counts; "
                "see method='central'"
            )
        return "central differences in float64", notes

    def _tangents(self, images: Tensor, slope: Tensor) -> tuple[dict[str, str], dict[str, Tensor], dict[str, Tensor]]:
        """What is wrong with the tangents of layers, their norms, and the responses computed along with them."""
        faults: dict[str, str] = {}
        norms: dict[str, Tensor] = {}
        responses: dict[str, Tensor] = {}
        method = Exact()

        def visit(name: str, module_name: str, module: nn.Module, tensor: Tensor) -> None:
            if name not in self.layers:
                return
            response, tangent = method.derivative(per_image(self.layers[name], tensor, 2))
            responses[name] = response.clone()
            moves = not torch.equal(response[0], response[1])
            if tangent is None:
                if moves:
                    faults[name] = (
                        f"the output of layer '{name}' is detached from its input (detach, .data or NumPy on the way), so "
                        f"it has no derivative; remove that, or {_INSTEAD}"
                    )
                return
            norms[name] = norm(response, tangent).cpu().double()
            if moves and not tangent.any():
                faults[name] = (
                    f"the output of layer '{name}' changes with {self.design.along} in steps (rounding, sign or a comparison on the "
                    f"way), so its derivative is zero; use method='central' with a step over which the response changes"
                )
            elif not tangent.reshape(2, -1).isfinite().all(1).any():
                faults[name] = f"the derivative of layer '{name}' is NaN or Inf; {_INSTEAD}"

        def explain(where: str, reason: str) -> str:
            return f"{self.network.name}: {where} cannot be differentiated in forward mode ({reason}); {_INSTEAD}"

        with method.context(), explained(self.network, explain), tap(self.network, visit):
            self.network(forward_ad.make_dual(images, slope))
        return faults, norms, responses

    def _accuse_wrong(self, check: DifferenceCheck, values: dict[str, Tensor], norms: Mapping[str, Tensor]) -> str:
        """Accuse the first of all layers whose tangent is wrong here and at values in between.

        At a kink, or where units tie under a symmetric stimulus, PyTorch's rules may give the derivative of neither side,
        and no layer is at fault. Returns a list of the values at which that is so.
        """
        # Not simple shares of the way, at which stimuli may be symmetric too.
        shares = torch.tensor([0.381966, 0.723607])
        between = {n: v[0] + shares.to(v) * (v[1] - v[0]) for n, v in values.items()}
        outcomes = _compared(check, values, self.layers, norms)
        elsewhere = wrong_layers(check.at(between, self.layers))
        self._accuse({n: self._why_wrong(n, outcomes) for n in wrong_layers(outcomes) if n in elsewhere})
        tied = [any(o.wrong for o in at_value.values()) for at_value in outcomes]
        return ", ".join(f"{float(v):g}" for v, t in zip(values[self.design.along], tied, strict=True) if t)

    def _accuse(self, faults: Mapping[str, str]) -> None:
        accuse(self.network, faults, self.layers, self.names)

    def _why_wrong(self, name: str, outcomes: Sequence[Outcomes]) -> str:
        outcome = next(at_value[name] for at_value in outcomes if at_value[name].wrong)
        what = "the stimulus" if name == INPUT else f"layer '{name}'"
        norms = (
            f"forward mode gives {outcome.tangent:.3g} for the norm of its derivative, and differences give "
            f"{outcome.nearest:.3g}"
        )
        if outcome.nearest <= 0.1 * outcome.tangent:
            return (
                f"{what} changes with {self.design.along} in steps, and its derivative is another function's (a surrogate gradient, such "
                f"as that of a straight-through estimator): {norms}; use method='central' with a step over which it changes"
            )
        return (
            f"{what} has an incomplete derivative: {norms}. A part of it is detached (detach, .data, NumPy) or rounded to few "
            f"bits, or an operation in it has no derivative rule of its own or a wrong one; mend that, or {_INSTEAD}"
        )

    def _inside(self) -> dict[str, Tensor]:
        """The two values, each moved a little if steps around it would leave the range of the parameter."""
        reach, moved = 2e-3 * self.design.scale, self.values[self.design.along].clone()
        for i, value in enumerate(self.values[self.design.along]):
            for centre in (value, value - reach, value + reach):
                ends = torch.stack([centre - reach / 2, centre, centre + reach / 2])
                others = {n: v[i].expand(3) for n, v in self.values.items()}
                try:
                    with torch.no_grad():
                        render(self.design.stimulus, others | {self.design.along: ends})
                except Exception:
                    continue
                moved[i] = centre
                break
        return self.values | {self.design.along: moved}


def _rounded(names: set[str], norms: Mapping[str, Tensor], outcomes: Sequence[Outcomes]) -> list[str]:
    """Layers whose derivative, in the precision of the sweep, is mostly rounding."""
    return [
        n
        for n, values in norms.items()
        if n in names and all(float(v) > 1.5 * max(o[n].tangent, 1e-300) for v, o in zip(values, outcomes, strict=True))
    ]


def _compared(
    check: DifferenceCheck, values: dict[str, Tensor], layers: Mapping[str, Layer], norms: Mapping[str, Tensor]
) -> list[Outcomes]:
    """The outcomes of a check, where nothing is wrong that is small against rounding in the sweep's precision."""

    def rounding(name: str, outcome: Outcome, i: int) -> bool:
        return name in norms and max(outcome.tangent, outcome.nearest) < 0.5 * float(norms[name][i])

    return [
        {n: replace(o, wrong=o.wrong and not rounding(n, o, i)) for n, o in at_value.items()}
        for i, at_value in enumerate(check.at(values, layers))
    ]


def differentiable(stimulus: Family, values: dict[str, Tensor], along: str) -> tuple[Tensor, Tensor]:
    """Images and their derivative per unit of the parameter, both (B, C, H, W); `FechnerError` if they have none."""
    method = Exact()
    with method.context():
        try:
            images = render(stimulus, method.prepare(values, along))
        except FechnerError:
            raise
        except Exception as e:
            raise FechnerError(f"the stimulus cannot be differentiated in {along} ({first_line(e)}); {_INSTEAD}") from e
        pixels, tangent = method.derivative(images)
        if tangent is None or not tangent.any():
            raise FechnerError(
                f"the stimulus does not change with {along}: its derivative is zero at {listed_values(values)}"
            )
        if not tangent.isfinite().all():
            raise FechnerError(f"the stimulus' derivative in {along} is NaN or Inf at {listed_values(values)}")
        return pixels.clone(memory_format=torch.preserve_format), tangent.clone(memory_format=torch.preserve_format)


def listed_values(values: Mapping[str, Tensor]) -> str:
    """Names and first values, for errors."""
    return ", ".join(f"{k} = {float(v[0]):g}" for k, v in values.items())

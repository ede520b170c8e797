"""A check of a network before an expensive sweep: what is wrong with it, in which layer, and how to mend it.

Two stimuli run through the network: together, together once more, one of them alone, and together with their derivatives.
The responses must be the same each time (`repetition.py`). Then the tangents are compared with differences
(`difference_check.py`). A layer is accused only if a chosen layer is at fault, and the error names the first layer at fault.
The verdict is remembered for the same network, weights, stimulus, parameters and layers, so that only the first call pays
for it; what a verdict depends on must therefore be in its key. Tests: tests/fisher/test_probe.py and test_trust.py.
"""

from __future__ import annotations

import json
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from fechner.errors import FechnerError, first_line
from fechner.fisher.derivative import Exact, Method
from fechner.fisher.derivative_check import Derivatives, accuse, differentiable, listed_values
from fechner.fisher.passes import responses, returned, traced
from fechner.fisher.repetition import Repetition
from fechner.networks import Layer, Network, select
from fechner.stimuli import Design, Stimulus, render, settings

# How many verdicts on one network are remembered.
_REMEMBERED = 32
# Where the two stimuli lie between the ends of the values.
_PROBED = (0.236068, 0.618034)
# Relative difference of images that should be the same.
_ALIKE = 1e-3


@dataclass(frozen=True)
class Verdict:
    """What the probe learns of a network that can be measured.

    `layers` are all layers and `chosen` those to be measured, both in execution order. `image` is one stimulus (C, H, W).
    `check` says how derivatives were checked, and `notes` hold what users should know.
    """

    layers: list[Layer]
    chosen: list[Layer]
    image: Tensor
    check: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Probe:
    """The question whether these layers of this network can be measured as designed.

    `like` is a tensor with the dtype and on the device of the parameter values, and `selection` names the layers. `together`
    says that several stimuli will run in one batch. `original` is the module for which the verdict is remembered, of which
    `network` may hold a copy.
    """

    network: Network
    design: Design
    like: Tensor
    method: Method
    selection: str | Sequence[str]
    together: bool
    weights_sha256: str
    original: nn.Module

    @cached_property
    def values(self) -> dict[str, Tensor]:
        """The parameter values of the two stimuli that are presented.

        They are not the first value and the middle one: on many grids the stimuli of these are symmetric, and a faulty
        derivative may be right for a symmetric stimulus.
        """
        design, along, parameter = self.design, self.design.along, self.design.parameter
        presented = design.tensors(self.like)
        count, low, high = len(presented[along]), float(design.values.min()), float(design.values.max())
        two = {n: v[[int(share * count) for share in _PROBED]] for n, v in presented.items()}
        if high > low:
            two[along] = torch.as_tensor([low + share * (high - low) for share in _PROBED]).to(two[along])
        first, second = two[along]
        if first == second:
            # The design has one value only: the other lies a thousandth of the scale below or above it.
            step = 1e-3 * (parameter.period or max(abs(float(first)), 1e-3))
            two[along] = torch.stack([first, first - step if float(first) - step >= parameter.low else first + step])
        return two

    def verdict(self) -> Verdict:
        """The verdict that is remembered, or a new one.

        Raises `FechnerError` for training mode, images of the wrong size, NaN or Inf, a dtype that changes on the way,
        responses that are random or depend on other images of the batch, derivatives that are missing, incomplete or
        another function's, and stimuli that do not depend on the parameter.
        """
        verdicts = _VERDICTS.setdefault(self.original, OrderedDict())
        key = self._key()
        if key not in verdicts:
            verdicts[key] = self._examined()
            if len(verdicts) > _REMEMBERED:
                verdicts.popitem(last=False)
        return verdicts[key]

    def _key(self) -> object:
        """All that a verdict depends on, including switches and functions that modules hold besides weights."""
        modules = [
            (
                name,
                module.training,
                type(module).forward,
                *module._forward_hooks,
                *module._forward_pre_hooks,
                *_fields(module),
            )
            for name, module in self.original.named_modules()
        ]
        stimulus = (
            json.dumps(settings(self.design.stimulus), default=str)
            if isinstance(self.design.stimulus, Stimulus)
            else self.design.stimulus
        )
        first = next(iter(self.values.values()))
        selection = self.selection if isinstance(self.selection, str) else tuple(self.selection)
        normalisation = (tuple(self.network.mean.flatten().tolist()), tuple(self.network.std.flatten().tolist()))
        return (
            self.weights_sha256, tuple(modules), normalisation, type(self.design.stimulus), stimulus, self.design.along,
            tuple((name, *v.tolist()) for name, v in self.values.items()), self.design.scale,
            selection, self.together, self.method.name, first.dtype, first.device,
        )  # fmt: skip

    def _examined(self) -> Verdict:
        """A new verdict; the order of the checks is that of the reasons, so that a cause is named before its effects."""
        network, exact = self.network, isinstance(self.method, Exact)
        _check_mode(network)
        images = self._rendered()
        if exact:
            images, slope = differentiable(self.design.stimulus, self.values, self.design.along)
        elif torch.equal(images[0], images[1]):
            raise FechnerError(
                f"the stimulus does not change with {self.design.along}: it is the same at "
                + " and ".join(f"{float(v):g}" for v in self.values[self.design.along])
            )
        if not images.isfinite().all():
            raise FechnerError(f"the stimulus contains NaN or Inf at {listed_values(self.values)}")
        self._check_stimulus(images)
        random_before = torch.get_rng_state()
        listed, left_out = traced(network, images)
        outputs = returned(network, images)
        if not listed:
            raise FechnerError(f"{network.name}: no layer returns a floating-point tensor with one entry per image")
        chosen = select(listed, self.selection, network)
        last = max((i for i, layer in enumerate(listed) if layer in chosen), default=-1)
        # Layers after the last chosen one cannot spoil it, so they are not checked.
        layers = {layer.name: layer for layer in listed[: last + 1]}
        names = {layer.name for layer in chosen}
        first = {n: layer.per_stimulus(outputs[n], 2) for n, layer in layers.items()}
        scattered = {n for n, layer in layers.items() if outputs[n].shape[layer.batch_axis] != 2}
        accuse(network, _not_finite(first), layers, names)
        repetition = Repetition(network, layers, images, first)
        differing = repetition.not_repeated()
        accuse(network, dict.fromkeys(differing, ""), layers, names, lambda n: _why_not_repeated(n, repetition))
        if self.together or not exact:
            differing = repetition.not_alone()
            accuse(network, {n: self._why_not_alone(n, n in scattered) for n in differing}, layers, names)
        else:
            accuse(network, _not_finite(responses(network, layers, images[1:])), layers, names)
        check = "none: differences need no derivative"
        notes: list[str] = []
        # Only if all layers were checked: random numbers that are drawn after the chosen layers do not matter to them.
        if len(layers) == len(listed) and not torch.equal(random_before, torch.get_rng_state()):
            notes.append("it draws random numbers in evaluation; they changed no response here, and may elsewhere")
        if exact:
            derivatives = Derivatives(network, self.design, self.values, self.together, layers, names)
            check, derivative_notes = derivatives.checked(images, slope, repetition)
            notes += derivative_notes
        return Verdict(listed, chosen, images[0].clone(), check, (*left_out, *notes))

    def _rendered(self) -> Tensor:
        """The two stimuli; `FechnerError` for whatever a stimulus of one's own raises."""
        try:
            with torch.no_grad():
                return render(self.design.stimulus, self.values)
        except FechnerError:
            raise
        except Exception as e:
            raise FechnerError(
                f"the stimulus raised {type(e).__name__} ({first_line(e)}): it is called with a tensor (B,) for each parameter "
                "and must return images (B, C, H, W)"
            ) from e

    def _check_stimulus(self, images: Tensor) -> None:
        """Raise `FechnerError` if the stimulus is random, or depends on the other values of a batch."""
        with torch.no_grad():
            repeated = render(self.design.stimulus, self.values)
            alone = render(self.design.stimulus, {n: v[1:] for n, v in self.values.items()})
        size = float(torch.linalg.vector_norm(images))
        if float(torch.linalg.vector_norm(repeated - images)) > _ALIKE * size:
            raise FechnerError(
                "the stimulus is another one when it is rendered again for the same values: it is random; draw its random "
                "numbers once, outside of it"
            )
        if float(torch.linalg.vector_norm(alone[0] - images[1])) > _ALIKE * size:
            raise FechnerError(
                "the stimulus of a value depends on the other values of a batch; render each image from its own values alone"
            )

    def _why_not_alone(self, name: str, scattered: bool) -> str:
        if scattered:
            return (
                f"layer '{name}' returns parts of images in an order in which those of one image are not "
                "next to each other; use batch_size=1, or leave this layer out"
            )
        remedy = (
            "use batch_size=1, with which every stimulus is alone"
            if isinstance(self.method, Exact)
            else "use method='exact' with batch_size=1"
        )
        return (
            f"layer '{name}' responds differently to an image alone and in a batch: its responses depend on the other images "
            f"(batch statistics, a normalisation over the batch); {remedy}, or give a network that treats every image alone"
        )


# Weak, so that a network that is no longer used takes its verdicts with it.
_VERDICTS: weakref.WeakKeyDictionary[nn.Module, OrderedDict[object, Verdict]] = weakref.WeakKeyDictionary()


def _fields(module: nn.Module) -> Iterator[tuple[str, object]]:
    """What a module holds besides weights and other modules, such as switches and settings, by its content where possible."""
    for name, value in vars(module).items():
        if name.startswith("_") or name == "training":
            continue
        if isinstance(value, str | int | float | bool | None):
            yield name, value
        elif isinstance(value, dict | list | tuple | set):
            yield name, repr(value)
        elif isinstance(value, Tensor):
            yield name, (value.data_ptr(), value._version)
        else:
            yield name, (id(value), repr(getattr(value, "__dict__", "")))


def _check_mode(network: Network) -> None:
    training = next((n for n, m in network.model.named_modules() if m.training), None)
    if training is not None:
        where = f"its layer '{training}'" if training else "it"
        raise FechnerError(f"{network.name}: {where} is in training mode, so responses are random; call network.eval()")


def _not_finite(responses: Mapping[str, Tensor]) -> dict[str, str]:
    """Layers that return NaN or Inf for every image; if they do for some images only, the sweep names the values."""
    faults = {}
    for name, response in responses.items():
        if not response.reshape(len(response), -1).isfinite().all(1).any():
            bad = "NaN" if response.isnan().any() else "Inf"
            faults[name] = f"layer '{name}' returns {bad}; check its weights and the layers before it"
    return faults


def _why_not_repeated(name: str, repetition: Repetition) -> str:
    cause = (
        "it draws random numbers in evaluation. Switch that off (functional dropout needs training=self.training; a random "
        "mask must be passed in)"
        if repetition.is_random(name)
        else "it keeps state between calls, or draws random numbers of its own. Reset the state at the beginning of forward, "
        "or give a module that does"
    )
    return f"layer '{name}' responds differently when the same images are presented again: {cause}; no method can measure it"

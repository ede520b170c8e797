"""A stimulus is a frozen dataclass: its fields are its parameters and their defaults.

Calling it with tensors overrides any of them, batched:

>>> from fechner import Gabor
>>> Gabor(spatial_frequency=4)(orientation=torch.tensor([0.0, 45.0, 90.0])).shape
torch.Size([3, 3, 224, 224])

A stimulus of your own states its parameters and its luminance:

>>> @dataclass(frozen=True)
... class Rings(Stimulus):
...     radius: Length = 0.5
...     def luminance(self) -> Tensor:
...         x, y = self.grid()
...         return 0.5 + 0.5 * torch.cos(2 * torch.pi * torch.hypot(x, y) / self.radius)
>>> Rings()(radius=torch.tensor([0.2, 0.4])).shape
torch.Size([2, 3, 224, 224])
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, get_args, get_origin, get_type_hints

import numpy as np
import torch
from torch import Tensor
from torch.autograd import forward_ad

from fechner.arguments import Whole, check_fields, shown
from fechner.errors import FechnerError, choices
from fechner.limits import check_memory
from fechner.stimuli.parameter import (
    SLACK,
    Contrast,
    Frequency,
    Length,
    Number,
    Orientation,
    Parameter,
    Phase,
    as_numbers,
)

# An image and what is computed on the way to it, with a derivative of each.
_COPIES = 4


# What a callable's arguments mean when they carry a usual name and no annotation of their own.
_USUAL = {
    "orientation": Orientation,
    "hue": Annotated[Number, Parameter("degree", period=360.0)],
    "phase": Phase,
    "spatial_frequency": Frequency,
    "sigma": Length,
    "radius": Length,
    "contrast": Contrast,
}


@dataclass(frozen=True)
class Stimulus:
    """Base of all stimuli: subclasses add fields and `luminance` (or override `image` for colour).

    Fields annotated with a `Parameter` (`Orientation`, `Length`, …) are continuous: each may be overridden with a
    tensor when the stimulus is called, and images are differentiable in it, forward and reverse. `channels` is 1 for
    networks that take grey images. Images leave [0, 1] by at most `overshoot`, which is for noise with rare peaks.
    """

    overshoot: ClassVar[float] = 1e-3

    size: Annotated[int, Whole(2)] = dataclasses.field(default=224, kw_only=True)
    channels: int = dataclasses.field(default=3, kw_only=True)
    pixels_per_degree: Annotated[Number, Parameter("pixel/degree", positive=True)] = dataclasses.field(
        default=100.0, kw_only=True
    )

    def __post_init__(self) -> None:
        check_fields(self)
        check_memory(
            4.0 * _COPIES * self.channels * self.size**2,
            f"images of {self.size} × {self.size} pixels",
            "choose a smaller size",
        )
        if self.channels not in (1, 3):
            raise FechnerError(f"channels must be 3 (RGB) or 1 (grey), got {self.channels!r}")
        if self.channels == 1 and type(self).image is not Stimulus.image:
            raise FechnerError(f"{type(self).__name__} is coloured and has 3 channels, got channels=1")
        for name, parameter in parameters(self).items():
            value = getattr(self, name)
            one = as_numbers(value)
            if one is None:
                raise FechnerError(f"{name} must be a number ({parameter.units}), got {shown(value)}")
            if one.ndim:
                raise FechnerError(
                    f"{name} of {type(self).__name__} is one number, got {shown(value)}; several are given when it "
                    "is called, measured along or averaged over"
                )
            if not isinstance(value, int | float):
                # A number of Python, which can be recorded.
                object.__setattr__(self, name, float(one))
        self.validate()

    def validate(self, **overrides: Any) -> None:
        """Raise `FechnerError` if any parameter, with these overrides, is out of range."""
        known = parameters(self)
        values: dict[str, np.ndarray] = {}
        for name, parameter in known.items():
            value = overrides.get(name, getattr(self, name))
            found = as_numbers(value)
            if found is None:
                raise FechnerError(f"{name} must be a number ({parameter.units}), got {shown(value)}")
            values[name] = np.atleast_1d(found)
            parameter.check(name, values[name])
        self.check(values)

    def check(self, values: Mapping[str, np.ndarray]) -> None:
        """Rules that tie several parameters together; the Nyquist limit of every spatial frequency is one."""
        nyquist = float(values["pixels_per_degree"].min()) / 2
        for name, parameter in parameters(self).items():
            if parameter.units == "cycle/degree" and values[name].max() > nyquist * (1 + SLACK):
                raise FechnerError(
                    f"{name} {values[name].max():g} cycles/degree is above the Nyquist limit of {nyquist:g} "
                    f"at {2 * nyquist:g} pixels/degree; lower it or raise pixels_per_degree"
                )

    def __call__(self, **overrides: Any) -> Tensor:
        """Images for these parameter values.

        Each override is a number or a tensor of shape (B,); all are broadcast. Returns float images
        (B, channels, size, size) in [0, 1] with the dtype and on the device of the tensors given. Raises `FechnerError` for
        an unknown parameter or a value out of range.
        """
        known = parameters(self)
        for name in overrides:
            if name not in known:
                raise choices(f"parameter of {type(self).__name__}", name, known)
        self.validate(**overrides)
        return self.present(**overrides)

    def present(self, **overrides: Any) -> Tensor:
        """The same without a check, for values that were checked before, such as those of a `Design`."""
        known = parameters(self)
        tensors = {k: v for k, v in overrides.items() if isinstance(v, Tensor)}
        like = next(iter(tensors.values()), torch.empty(0))
        dtype = like.dtype if like.is_floating_point() else torch.get_default_dtype()
        names = list(known)
        given = [torch.as_tensor(overrides.get(n, getattr(self, n)), dtype=dtype, device=like.device) for n in names]
        batch = torch.broadcast_shapes(*[t.shape for t in given], (1,))
        if len(batch) != 1:
            raise FechnerError(f"parameters must be numbers or tensors of shape (B,), got shapes that make {batch}")
        if like.device.type == "cpu":
            check_memory(
                float(batch[0]) * _COPIES * self.channels * self.size**2 * dtype.itemsize,
                f"{batch[0]} images of {self.size} × {self.size} pixels",
                "choose a smaller batch or size",
            )
        filled = copy.copy(self)
        for name, value in zip(names, given, strict=True):
            # Only what varies is expanded, so that a shared value is computed with once.
            shaped = value if value.dim() == 0 else value.view(-1, 1, 1)
            object.__setattr__(filled, name, shaped)
        image = filled.image()
        return image.expand(batch[0], *image.shape[1:])

    def image(self) -> Tensor:
        """(B, channels, size, size); continuous fields are tensors that broadcast with it."""
        grey = self.luminance()
        return grey.view(-1, 1, *grey.shape[-2:]).expand(-1, self.channels, -1, -1)

    def luminance(self) -> Tensor:
        """(B, size, size) in [0, 1]; here every continuous field is a tensor that broadcasts with (B, y, x)."""
        raise FechnerError(f"{type(self).__name__} needs a method luminance() or image()")

    def grid(self) -> tuple[Tensor, Tensor]:
        """x (to the right) and y (up) of the pixel centres in degrees, symmetric about 0; shapes (1, N), (N, 1)."""
        scale = torch.as_tensor(self.pixels_per_degree)
        pixels = torch.arange(self.size, dtype=scale.dtype, device=scale.device) - (self.size - 1) / 2
        return pixels[None, :] / scale, -pixels[:, None] / scale


Family = Stimulus | Callable[..., Tensor]


def parameters(stimulus: Family) -> dict[str, Parameter]:
    """The continuous parameters of a stimulus, or of a callable (its arguments), in order.

    >>> from fechner import Gabor
    >>> parameters(Gabor())["orientation"].period
    180.0
    """
    if isinstance(stimulus, Stimulus):
        kind: Any = type(stimulus)
        return dict(_fields(kind))
    if isinstance(stimulus, type):
        raise FechnerError(f"a stimulus is made first: give {stimulus.__name__}(), not the class {stimulus.__name__}")
    try:
        target = stimulus if inspect.isroutine(stimulus) else type(stimulus).__call__
        hints = get_type_hints(target, include_extras=True)
        arguments = inspect.signature(stimulus).parameters.items()
    except (TypeError, ValueError, NameError) as e:
        raise FechnerError(
            f"a stimulus must be a Stimulus, or a function whose arguments are its parameters, got {shown(stimulus)} ({e})"
        ) from None
    names = [n for n, p in arguments if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return {n: _annotation(hints.get(n)) or _annotation(_USUAL.get(n)) or Parameter() for n in names}


def render(stimulus: Family, values: Mapping[str, Tensor], valid: bool = False) -> Tensor:
    """Images of a stimulus or callable, checked to be a floating (B, C, H, W) batch in [0, 1].

    Values that are known to be `valid` are not looked at again, which would wait for the device in every batch.
    """
    images = stimulus.present(**values) if valid and isinstance(stimulus, Stimulus) else stimulus(**values)
    size = max((len(v) for v in values.values()), default=1)
    if not isinstance(images, Tensor) or images.dim() != 4 or not images.is_floating_point():
        got = f"{images.dtype} {tuple(images.shape)}" if isinstance(images, Tensor) else type(images).__name__
        raise FechnerError(f"a stimulus must return floating-point images (B, C, H, W), got {got}")
    if len(images) != size:
        raise FechnerError(f"the stimulus was given {size} parameter values and returned {len(images)} images")
    _check_range(images, stimulus, values)
    # Convolutions are faster in this layout, and an expanded grey image would be slow in all of them.
    return images.contiguous(memory_format=torch.channels_last)


def _check_range(images: Tensor, stimulus: Family, values: Mapping[str, Tensor]) -> None:
    """Raise `FechnerError` for images that leave [0, 1], with the parameter values of one that does."""
    plain = forward_ad.unpack_dual(images).primal.detach()
    low, high = (float(v) for v in torch.aminmax(plain)) if plain.numel() else (0.0, 1.0)
    slack = stimulus.overshoot if isinstance(stimulus, Stimulus) else Stimulus.overshoot
    if -slack <= low and high <= 1 + slack:
        return
    flat = plain.flatten(1)
    bad = int(((flat.amin(1) < -slack) | (flat.amax(1) > 1 + slack) | flat.isnan().any(1)).int().argmax())
    place = ", ".join(f"{n} {float(v.detach().flatten()[bad % v.numel()]):g}" for n, v in values.items())
    found = "NaN" if flat[bad].isnan().any() else f"{float(flat[bad].min()):.4g} to {float(flat[bad].max()):.4g}"
    raise FechnerError(
        f"a stimulus must return images in [0, 1], got {found} at {place}: scale it there, and leave normalisation to the "
        "network (fechner.networks.Network(model, mean, std))"
    )


def settings(stimulus: Family) -> dict[str, Any]:
    """Name and parameter values of a stimulus, as recorded with every result."""
    if isinstance(stimulus, Stimulus):
        return {"stimulus": type(stimulus).__name__} | dataclasses.asdict(stimulus)
    return {"stimulus": getattr(stimulus, "__name__", type(stimulus).__name__)}


@cache
def _fields(kind: type[Stimulus]) -> dict[str, Parameter]:
    own = get_type_hints(kind, include_extras=True)
    return {f.name: p for f in dataclasses.fields(kind) if (p := _annotation(own[f.name])) is not None}


def _annotation(hint: Any) -> Parameter | None:
    if get_origin(hint) is Annotated:
        return next((a for a in get_args(hint)[1:] if isinstance(a, Parameter)), None)
    return None

"""A stimulus is a frozen dataclass: its fields are its parameters and their defaults.

When it is called with tensors, these replace any of the fields, and it returns a batch of images:

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

Measurements make images by `render`, of a `Stimulus` and of any other callable alike. Every stimulus must stay differentiable
in forward and in reverse mode, and inside transforms of `torch.func`. Tests: tests/stimuli/test_stimuli.py.
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

from fechner.arguments import Whole, check_fields, described
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
)

# How many copies of an image are in memory at once: itself and what is computed on the way to it, with a derivative of each.
_COPIES = 4


# What the arguments of a callable mean that have a usual name and no annotation of their own. The convention of its hue is
# not known: it may be that of HSV or of CIELCh.
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

    >>> from fechner import Gabor
    >>> Gabor(size=64)(orientation=torch.tensor([0.0, 90.0])).shape
    torch.Size([2, 3, 64, 64])

    Fields annotated with a `Parameter` (`Orientation`, `Length`, …) are continuous: each may be overridden with a
    tensor when the stimulus is called, and images are differentiable in it, in forward and in reverse mode. `channels` is 1
    for networks that take grey images. Images may leave [0, 1] by at most `overshoot`, which is for noise with rare peaks.
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
            number = parameter.numbers(name, value)
            if number.ndim:
                raise FechnerError(
                    f"{name} of {type(self).__name__} is one number, got {described(value)}; several are given when it "
                    "is called, measured along or averaged over"
                )
            if not isinstance(value, int | float):
                # Only numbers of Python can be recorded as settings.
                object.__setattr__(self, name, float(number))
        self.validate()

    def validate(self, **overrides: Any) -> None:
        """Raise `FechnerError` if any parameter, with these overrides, is out of range."""
        values: dict[str, np.ndarray] = {}
        for name, parameter in parameters(self).items():
            values[name] = np.atleast_1d(parameter.numbers(name, overrides.get(name, getattr(self, name))))
            parameter.check(name, values[name])
        self.check(values)

    def check(self, values: Mapping[str, np.ndarray]) -> None:
        """Raise `FechnerError` for values (B,) that do not go together, such as a spatial frequency above the Nyquist limit."""
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
        (B, channels, size, size) in [0, 1] with the dtype and on the device of these tensors. Raises `FechnerError` for
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
        like = next((v for v in overrides.values() if isinstance(v, Tensor)), torch.empty(0))
        dtype = like.dtype if like.is_floating_point() else torch.get_default_dtype()
        fields = {
            name: torch.as_tensor(overrides.get(name, getattr(self, name)), dtype=dtype, device=like.device)
            for name in parameters(self)
        }
        batch = torch.broadcast_shapes(*[t.shape for t in fields.values()], (1,))
        if len(batch) != 1:
            raise FechnerError(f"parameters must be numbers or tensors of shape (B,), got shapes that make {batch}")
        if like.device.type == "cpu":
            check_memory(
                float(batch[0]) * _COPIES * self.channels * self.size**2 * dtype.itemsize,
                f"{batch[0]} images of {self.size} × {self.size} pixels",
                "choose a smaller batch or size",
            )
        filled = copy.copy(self)
        for name, value in fields.items():
            # Only what varies gets a batch axis, so that what depends on shared values alone is computed once.
            object.__setattr__(filled, name, value if value.dim() == 0 else value.view(-1, 1, 1))
        image = filled.image()
        return image.expand(batch[0], *image.shape[1:])

    def image(self) -> Tensor:
        """The images (B, channels, size, size); here every continuous field is a tensor that broadcasts with (B, y, x)."""
        grey = self.luminance()
        return grey.view(-1, 1, *grey.shape[-2:]).expand(-1, self.channels, -1, -1)

    def luminance(self) -> Tensor:
        """The luminance (B, size, size) in [0, 1]; here every continuous field is a tensor that broadcasts with it."""
        raise FechnerError(f"{type(self).__name__} needs a method luminance() or image()")

    def grid(self) -> tuple[Tensor, Tensor]:
        """x (to the right) and y (up) of the pixel centres in degrees, symmetric about 0: (1, size) and (size, 1)."""
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
            f"a stimulus must be a Stimulus, or a function whose arguments are its parameters, got {described(stimulus)} ({e})"
        ) from None
    names = [n for n, p in arguments if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return {n: _annotation(hints.get(n)) or _annotation(_USUAL.get(n)) or Parameter() for n in names}


def render(stimulus: Family, values: Mapping[str, Tensor], valid: bool = False) -> Tensor:
    """Images (B, C, H, W) of a stimulus or callable, checked to be floating-point numbers in [0, 1].

    >>> from fechner import Gabor
    >>> render(Gabor(size=64), {"orientation": torch.tensor([0.0, 90.0])}).shape
    torch.Size([2, 3, 64, 64])

    `values` are tensors (B,) by the names of parameters. If they are known to be `valid`, they are not checked again, which
    would wait for the device in every batch. Raises `FechnerError` for values out of range, and for images of another shape,
    type or range.
    """
    # A stimulus whose class renders in a way of its own is called as anyone calls it.
    plain = isinstance(stimulus, Stimulus) and type(stimulus).__call__ is Stimulus.__call__
    images = stimulus.present(**values) if valid and plain else stimulus(**values)  # type: ignore[union-attr]
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
    extent = "NaN" if flat[bad].isnan().any() else f"{float(flat[bad].min()):.4g} to {float(flat[bad].max()):.4g}"
    raise FechnerError(
        f"a stimulus must return images in [0, 1], got {extent} at {place}: scale it there, and leave normalisation to the "
        "network (fechner.networks.Network(model, mean, std))"
    )


def settings(stimulus: Family) -> dict[str, Any]:
    """The name of a stimulus and the values of its fields, as recorded with every result.

    >>> from fechner import Gabor
    >>> settings(Gabor(sigma=0.5))["sigma"]
    0.5

    Of a callable only the name is known.
    """
    if isinstance(stimulus, Stimulus):
        return {"stimulus": type(stimulus).__name__} | dataclasses.asdict(stimulus)
    return {"stimulus": getattr(stimulus, "__name__", type(stimulus).__name__)}


@cache
def _fields(kind: type[Stimulus]) -> dict[str, Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return {f.name: p for f in dataclasses.fields(kind) if (p := _annotation(hints[f.name])) is not None}


def _annotation(hint: Any) -> Parameter | None:
    if get_origin(hint) is Annotated:
        return next((a for a in get_args(hint)[1:] if isinstance(a, Parameter)), None)
    return None

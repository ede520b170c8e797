"""What arguments of public functions may be: stated once, in their annotations, and checked before anything is done.

>>> @checked
... def take(number: Count, share: Share = 0.5) -> tuple[int, float]:
...     return number, share
>>> take(np.int64(3), np.float32(0.25))
(3, 0.25)
>>> take(0)
Traceback (most recent call last):
fechner.errors.FechnerError: number must be a whole number of at least 1, got 0

A number of NumPy becomes one of Python, so that it can be recorded. `bool` is no number, and 2.0 is no whole number.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import functools
import inspect
import math
import numbers
import os
import reprlib
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt
import torch

from fechner.errors import FechnerError, choices, first_line

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Whole:
    """A whole number within limits."""

    least: int | None = None
    most: int | None = None

    def __contains__(self, value: int) -> bool:
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        if self.least is None:
            return "a whole number"
        if self.most is None:
            return f"a whole number of at least {self.least}"
        return f"a whole number from {self.least} to {self.most}"


@dataclass(frozen=True)
class Real:
    """A finite number within limits, which belong to the range unless it is `above` the lower one."""

    low: float = -math.inf
    high: float = math.inf
    above: bool = False

    def __contains__(self, value: float) -> bool:
        return math.isfinite(value) and self.low <= value <= self.high and not (self.above and value == self.low)

    def __str__(self) -> str:
        if self.low == -math.inf:
            return "a finite number"
        if self.high == math.inf:
            return f"a number greater than {self.low:g}" if self.above else f"a number of at least {self.low:g}"
        return f"a number in {'(' if self.above else '['}{self.low:g}, {self.high:g}]"


Count = Annotated[int, Whole(1)]
Natural = Annotated[int, Whole(0)]
Seed = Annotated[int, Whole(0, 2**63 - 1)]
# More processes on one machine are a slip, and would bring it down.
MOST_PROCESSES = max(64, 4 * (os.cpu_count() or 1))
Processes = Annotated[int, Whole(0, MOST_PROCESSES)]
Share = Annotated[float, Real(0, 1)]
AboveZero = Annotated[float, Real(0, above=True)]


class _MisfitError(Exception):
    """The value is not what the annotation says."""


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, whose arguments are checked against their annotations when it is called.

    Raises `FechnerError` that names the argument, what was expected and what was given. A default is never checked.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def careful(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:
            # Python's own message names the argument that is missing or unknown.
            return function(*args, **kwargs)
        hints = _hints(function)
        for name, value in bound.arguments.items():
            parameter = signature.parameters[name]
            single = parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            if single and name in hints and value is not parameter.default:
                bound.arguments[name] = taken(name, value, hints[name])
        return function(*bound.args, **bound.kwargs)

    return careful


def check_fields(made: Any) -> None:
    """The same for the fields of a dataclass, from its `__post_init__`; also of a frozen one."""
    kind: Any = type(made)
    hints = _hints(kind)
    for field in dataclasses.fields(made):
        value = getattr(made, field.name)
        if field.name in hints and value is not field.default:
            object.__setattr__(made, field.name, taken(field.name, value, hints[field.name]))


def taken(name: str, value: Any, hint: Any) -> Any:
    """The value of this argument, as the annotation has it; `FechnerError` if it is none."""
    try:
        return _fit(value, hint)
    except _MisfitError:
        if get_origin(hint) is Literal and isinstance(value, str):
            raise choices(name, value, map(str, get_args(hint))) from None
        raise FechnerError(f"{name} must be {_expected(hint)}, got {shown(value)}") from None


def array(name: str, value: Any, *dimensions: int) -> npt.NDArray[np.float64]:
    """Real, finite numbers as an array with one of these numbers of dimensions; `FechnerError` if it is none."""
    found = numeric(value)
    if found is None:
        raise FechnerError(f"{name} must be an array of numbers, got {shown(value)}")
    if dimensions and found.ndim not in dimensions:
        several = " or ".join(map(str, dimensions))
        raise FechnerError(f"{name} must have {several} dimensions, got an array of shape {found.shape}")
    if not np.isfinite(found).all():
        raise FechnerError(f"{name} must be finite, got {found[~np.isfinite(found)][0]}")
    return found.astype(np.float64, copy=False)


def numeric(value: Any) -> npt.NDArray[Any] | None:
    """Real numbers as an array of any shape; None for what are none, as texts, truth values and complex numbers."""
    try:
        found = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    except (TypeError, ValueError):
        return None
    return found if found.dtype.kind in "iuf" else None


def check_dtype(dtype: Any) -> None:
    """Raise `FechnerError` unless this is a floating-point dtype of PyTorch."""
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise FechnerError(
            f"dtype must be a floating-point one such as torch.float32 or torch.float64, got {shown(dtype)}"
        )


def check_device(device: Any) -> torch.device:
    """The device that is named, or `FechnerError` if it cannot be used here."""
    try:
        found = torch.device(device)
        torch.empty(1, device=found)
    except Exception as e:
        raise FechnerError(f"device {shown(device)} cannot be used here ({first_line(e)}); 'cpu' can") from None
    return found


def shown(value: Any) -> str:
    """A value in an error: as Python writes it if that is short and plain, else by its type."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | bytes | int | float | complex | Path | types.EllipsisType):
        return reprlib.repr(str(value) if isinstance(value, Path) else value)
    if isinstance(value, list | tuple | dict | set | frozenset | range):
        return " ".join(reprlib.repr(value).split())[:80]
    if isinstance(value, torch.dtype | torch.device):
        return str(value)
    if isinstance(value, type):
        return f"the class {value.__name__}"
    shape = getattr(value, "shape", None)
    return f"{type(value).__name__}" + (f" of shape {tuple(shape)}" if isinstance(shape, tuple) else "")


@functools.cache
def _hints(of: Any) -> dict[str, Any]:
    """Annotations of a function or a class; none where they name what cannot be found, as in a function's own scope."""
    try:
        return get_type_hints(of, include_extras=True)
    except (NameError, TypeError):
        return {}


def _fit(value: Any, hint: Any) -> Any:
    """The value as the annotation has it; raises `_MisfitError`."""
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin is Annotated:
        rules = [a for a in args[1:] if isinstance(a, Whole | Real)]
        if not rules:
            # Other annotations, such as that of a stimulus parameter, have checks of their own.
            return value
        value = _number(value, args[0])
        if value not in rules[0]:
            raise _MisfitError
        return value
    if hint == npt.ArrayLike:
        if numeric(value) is None:
            raise _MisfitError
        return value
    if origin in (Union, types.UnionType):
        return _fit_any(value, args)
    if origin is Literal:
        if isinstance(value, str | int) and any(value == a and type(value) is type(a) for a in args):
            return value
        raise _MisfitError
    if hint in (int, float):
        value = _number(value, hint)
        if not math.isfinite(value):
            raise _MisfitError
        return value
    if hint is bool and isinstance(value, np.bool_):
        return bool(value)
    if origin is not None:
        return _fit_parts(value, origin, args)
    if hint is Path and not isinstance(value, Path):
        raise _MisfitError
    if isinstance(value, str | Path) and "\0" in str(value):
        raise _MisfitError
    if hint is None or hint is type(None):
        fits = value is None
    else:
        fits = not isinstance(hint, type) or isinstance(value, hint)
    if not fits:
        raise _MisfitError
    return value


def _fit_any(value: Any, hints: Sequence[Any]) -> Any:
    for hint in hints:
        try:
            return _fit(value, hint)
        except _MisfitError:
            continue
    raise _MisfitError


def _fit_parts(value: Any, origin: Any, args: tuple[Any, ...]) -> Any:
    """Sequences, mappings, arrays and functions. What is left as it was is given back itself."""
    if origin is collections.abc.Callable:
        if not callable(value):
            raise _MisfitError
    elif origin is np.ndarray:
        if isinstance(value, np.generic) or not hasattr(value, "__array__"):
            raise _MisfitError
    elif origin is tuple:
        if not isinstance(value, list | tuple) or (args[-1] is not Ellipsis and len(value) != len(args)):
            raise _MisfitError
        kinds = args[:1] * len(value) if args[-1] is Ellipsis else args
        return tuple(_fit(v, kind) for v, kind in zip(value, kinds, strict=True))
    elif issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise _MisfitError
        return {_fit(k, args[0]): _fit(v, args[1]) for k, v in value.items()}
    elif issubclass(origin, Sequence):
        # One text is a sequence of texts to Python only.
        listed = isinstance(value, Sequence) or (hasattr(value, "__array__") and np.ndim(value) == 1)
        if not listed or isinstance(value, str | bytes):
            raise _MisfitError
        return [_fit(v, args[0]) for v in value]
    elif not isinstance(value, origin):
        raise _MisfitError
    return value


def _number(value: Any, kind: type) -> Any:
    """A number of Python; numbers of NumPy and arrays without dimensions are taken too."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()
    wanted = numbers.Integral if kind is int else numbers.Real
    if isinstance(value, bool) or not isinstance(value, wanted):
        raise _MisfitError
    return value


def _expected(hint: Any) -> str:
    """An annotation in words."""
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return "anything"
    if hint == npt.ArrayLike:
        return "a number or an array of numbers"
    if origin is Annotated:
        return next((str(a) for a in args[1:] if isinstance(a, Whole | Real)), _expected(args[0]))
    if origin in (Union, types.UnionType):
        # None stands for leaving it out, which is no advice.
        return " or ".join(dict.fromkeys(_expected(a) for a in args if a is not type(None)))
    if origin is Literal:
        return " or ".join(map(repr, args))
    if origin is collections.abc.Callable:
        return "a function"
    if origin is np.ndarray:
        return "an array"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"a mapping of {_several(args[0])} to {_several(args[1])}"
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return f"a list of {_several(args[0])}"
    named = {int: "a whole number", float: "a number", bool: "True or False", str: "a text", Path: "a path"}
    if hint in named:
        return named[hint]
    if hint is None or hint is type(None):
        return "None"
    return f"a {getattr(hint, '__name__', str(hint))}"


def _several(hint: Any) -> str:
    """The same for more than one."""
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_several(a) for a in get_args(hint)))
    words = _expected(hint).removeprefix("a ")
    first, *rest = words.split(" ", 2)
    if first in ("whole", "finite"):
        return " ".join([first, "numbers", *words.split(" ")[2:]])
    return f"{words}s" if not rest else words.replace(first, f"{first}s", 1)

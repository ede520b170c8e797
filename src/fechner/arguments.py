"""What arguments of public functions may be: stated once, in their annotations, and checked before anything is done.

>>> @checked
... def take(number: Count, share: Share = 0.5) -> tuple[int, float]:
...     return number, share
>>> take(np.int64(3), np.float32(0.25))
(3, 0.25)
>>> take(0)
Traceback (most recent call last):
fechner.errors.FechnerError: number must be a whole number of at least 1, got 0

A number of NumPy becomes one of Python, so that it can be recorded. `bool` is not taken for a number, and 2.0 is not taken
for a whole number. Every public function is decorated with `checked`, and every public dataclass calls `check_fields`;
tests/battery tries bad values for every argument of every public function.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import os
import reprlib
import types
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt
import torch

from fechner.annotations import MisfitError, expected, fit
from fechner.annotations import Real as Real
from fechner.annotations import Whole as Whole
from fechner.annotations import numeric as numeric
from fechner.errors import FechnerError, choices, first_line

P = ParamSpec("P")
R = TypeVar("R")

Count = Annotated[int, Whole(1)]
Natural = Annotated[int, Whole(0)]
Seed = Annotated[int, Whole(0, 2**63 - 1)]
# More processes on one machine are a slip of the keyboard, and would bring it down.
MOST_PROCESSES = max(64, 4 * (os.cpu_count() or 1))
Processes = Annotated[int, Whole(0, MOST_PROCESSES)]
Share = Annotated[float, Real(0, 1)]
AboveZero = Annotated[float, Real(0, above=True)]


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, whose arguments are checked against their annotations when it is called.

    Raises `FechnerError` that names the argument, what was expected and the value. A default is never checked.
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


def check_fields(instance: Any) -> None:
    """Check the fields of a dataclass, which may be frozen, against their annotations; called from its `__post_init__`.

    Raises `FechnerError` as `checked` does.
    """
    kind: Any = type(instance)
    hints = _hints(kind)
    for field in dataclasses.fields(instance):
        value = getattr(instance, field.name)
        if field.name in hints and value is not field.default:
            object.__setattr__(instance, field.name, taken(field.name, value, hints[field.name]))


def taken(name: str, value: Any, hint: Any) -> Any:
    """The value of an argument in the type of its annotation; `FechnerError` if the value does not fit.

    >>> taken("seed", np.int64(3), Seed)
    3
    """
    try:
        return fit(value, hint)
    except MisfitError:
        if get_origin(hint) is Literal and isinstance(value, str):
            raise choices(name, value, map(str, get_args(hint))) from None
        raise FechnerError(f"{name} must be {expected(hint)}, got {shown(value)}") from None


def array(name: str, value: Any, *dimensions: int) -> npt.NDArray[np.float64]:
    """Real, finite numbers as an array in float64, whose number of dimensions is one of `dimensions`.

    >>> array("curve", [1, 2], 1)
    array([1., 2.])

    Raises `FechnerError` for anything else. Without `dimensions`, any shape will do.
    """
    numbers = numeric(value)
    if numbers is None:
        raise FechnerError(f"{name} must be an array of numbers, got {shown(value)}")
    if dimensions and numbers.ndim not in dimensions:
        several = " or ".join(map(str, dimensions))
        raise FechnerError(f"{name} must have {several} dimensions, got an array of shape {numbers.shape}")
    if not np.isfinite(numbers).all():
        raise FechnerError(f"{name} must be finite, got {numbers[~np.isfinite(numbers)][0]}")
    return numbers.astype(np.float64, copy=False)


def check_dtype(dtype: Any) -> None:
    """Raise `FechnerError` unless this is a floating-point dtype of PyTorch."""
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise FechnerError(
            f"dtype must be a floating-point one such as torch.float32 or torch.float64, got {shown(dtype)}"
        )


def check_device(device: Any) -> torch.device:
    """The device of this name; `FechnerError` if it cannot be used on this machine.

    >>> check_device("cpu")
    device(type='cpu')
    """
    try:
        usable = torch.device(device)
        torch.empty(1, device=usable)
    except Exception as e:
        raise FechnerError(f"device {shown(device)} cannot be used here ({first_line(e)}); 'cpu' can") from None
    return usable


def shown(value: Any) -> str:
    """A value as an error names it: as Python writes it if that is short and plain, otherwise by its type.

    >>> shown("resnet"), shown(np.zeros(3))
    ("'resnet'", 'ndarray of shape (3,)')
    """
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
def _hints(annotated: Any) -> dict[str, Any]:
    """Annotations of a function or a class.

    There are none where they name what cannot be found, such as a class defined inside another function.
    """
    try:
        return get_type_hints(annotated, include_extras=True)
    except (NameError, TypeError):
        return {}

"""Does a value fit an annotation, and what does an annotation say in words?

`fechner.arguments` asks both for every argument of a public function. What `fit` accepts and what `expected` says must
agree, since the second is the remedy in the error about the first: a new kind of annotation needs a line in both, and a
row in tests/test_arguments.py and in tests/battery/functions.txt.
"""

from __future__ import annotations

import collections.abc
import math
import numbers
import types
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Whole:
    """A whole number within limits.

    >>> 0 in Whole(1), str(Whole(1))
    (False, 'a whole number of at least 1')
    """

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
    """A finite number within limits. The limits belong to the range, except the lower one if `above` is true.

    >>> 0.0 in Real(0, 1, above=True), str(Real(0, 1, above=True))
    (False, 'a number in (0, 1]')
    """

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


_WORDS: dict[Any, str] = {
    Any: "anything",
    npt.ArrayLike: "a number or an array of numbers",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    str: "a text",
    Path: "a path",
}


class MisfitError(Exception):
    """The value does not fit the annotation; whoever catches it writes the message."""


def fit(value: Any, hint: Any) -> Any:
    """The value in the type of the annotation, such as a number of Python for one of NumPy; raises `MisfitError`.

    >>> fit(np.int64(3), int), fit((1, 2), Sequence[int])
    (3, [1, 2])
    """
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin is Annotated:
        limits = _limits(args)
        # Other annotations, such as that of a stimulus parameter, have checks of their own.
        if limits is None:
            return value
        number = _number(value, args[0])
        if number in limits:
            return number
    elif hint == npt.ArrayLike:
        if numeric(value) is not None:
            return value
    elif origin in (Union, types.UnionType):
        for alternative in args:
            with suppress(MisfitError):
                return fit(value, alternative)
    elif origin is Literal:
        # The types are compared first: an array has no single truth value for `==`, and True == 1.
        if any(type(value) is type(choice) and value == choice for choice in args):
            return value
    elif hint in (int, float):
        number = _number(value, hint)
        if math.isfinite(number):
            return number
    elif hint is bool and isinstance(value, np.bool_):
        return bool(value)
    elif origin is not None:
        return _fit_parts(value, origin, args)
    elif hint is None or hint is type(None):
        if value is None:
            return value
    elif isinstance(value, str | Path) and "\0" in str(value):
        # No file may have this character in its name, and the operating system's error would not name the argument.
        raise MisfitError
    elif not isinstance(hint, type) or isinstance(value, hint):
        return value
    raise MisfitError


def numeric(value: Any) -> npt.NDArray[Any] | None:
    """Real numbers as an array of any shape; None for anything else, such as text, truth values and complex numbers.

    >>> numeric([1, 2]), numeric("one")
    (array([1, 2]), None)
    """
    try:
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    except (TypeError, ValueError):
        return None
    return array if array.dtype.kind in "iuf" else None


def expected(hint: Any) -> str:
    """The annotation in words.

    >>> expected(Sequence[int] | None)
    'a list of whole numbers'
    """
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return str(_limits(args) or expected(args[0]))
    if hint in _WORDS:
        return _WORDS[hint]
    if origin in (Union, types.UnionType):
        # None means that the argument was left out, which is no advice to whoever gave it.
        return " or ".join(dict.fromkeys(expected(a) for a in args if a is not type(None)))
    if origin is Literal:
        return " or ".join(map(repr, args))
    if origin is collections.abc.Callable:
        return "a function"
    if origin is np.ndarray:
        return "an array"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"a mapping of {_plural(args[0])} to {_plural(args[1])}"
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return f"a list of {_plural(args[0])}"
    return f"a {getattr(hint, '__name__', str(hint))}"


def _plural(hint: Any) -> str:
    """The annotation in words, for several values of it."""
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_plural(a) for a in get_args(hint)))
    words = expected(hint).removeprefix("a ")
    first, *rest = words.split(" ", 2)
    if first in ("whole", "finite"):
        return " ".join([first, "numbers", *words.split(" ")[2:]])
    return f"{words}s" if not rest else words.replace(first, f"{first}s", 1)


def _limits(args: Sequence[Any]) -> Whole | Real | None:
    """The limits that an `Annotated` type states, if it states any."""
    return next((a for a in args[1:] if isinstance(a, Whole | Real)), None)


def _fit_parts(value: Any, origin: Any, args: tuple[Any, ...]) -> Any:
    """The same for sequences and mappings, which are copied, and for arrays and functions, which are not."""
    if origin is collections.abc.Callable:
        fits = callable(value)
    elif origin is np.ndarray:
        fits = hasattr(value, "__array__") and not isinstance(value, np.generic)
    elif origin is tuple:
        if not isinstance(value, list | tuple) or (args[-1] is not Ellipsis and len(value) != len(args)):
            raise MisfitError
        hints = args[:1] * len(value) if args[-1] is Ellipsis else args
        return tuple(fit(v, hint) for v, hint in zip(value, hints, strict=True))
    elif issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise MisfitError
        return {fit(k, args[0]): fit(v, args[1]) for k, v in value.items()}
    elif issubclass(origin, Sequence):
        # A Dataset has __array__ too, which raises.
        one_dimensional = getattr(value, "ndim", None) == 1 and hasattr(value, "__array__")
        listed = isinstance(value, Sequence) or one_dimensional
        # Python counts a text as a sequence of texts, which nobody means.
        if not listed or isinstance(value, str | bytes):
            raise MisfitError
        return [fit(v, args[0]) for v in value]
    else:
        fits = isinstance(value, origin)
    if not fits:
        raise MisfitError
    return value


def _number(value: Any, kind: type) -> Any:
    """A number of Python, also from a number of NumPy or an array without dimensions."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, numbers.Integral if kind is int else numbers.Real):
        raise MisfitError
    return value

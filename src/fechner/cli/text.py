"""What the text of an option means: `reader` finds it from the annotation of the argument that the option is for.

An annotation of a new kind needs a line in `reader`; nothing else in the command line knows kinds of values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np
import torch
import xarray as xr

from fechner import results
from fechner.arguments import check_device, described, taken
from fechner.errors import FechnerError
from fechner.limits import check_memory
from fechner.stimuli import Draws, Midpoints


@dataclass(frozen=True)
class Reader:
    """How an option is declared to typer, what stands for its value in the help, and what makes the value of the text.

    `read` takes the name of the option, which errors need, and what typer made of the text. A `file` is read; `form` says
    how a value is written.
    """

    type: Any
    read: Callable[[str, Any], Any] = lambda name, value: value
    metavar: str | None = None
    file: bool = False
    form: str = ""


def members(hint: Any) -> list[Any]:
    """The kinds of values that an annotation lists, without those that have no text: None, arrays and functions."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return members(args[0])
    if origin in (Union, UnionType):
        return [member for arg in args for member in members(arg)]
    return [] if hint is type(None) or origin is Callable or np.ndarray in (hint, origin) else [hint]


def reader(hint: Any) -> Reader | None:
    """How the text for an argument with this annotation is read; None for an argument that no text can give."""
    kinds = members(hint)
    origins = [get_origin(kind) or kind for kind in kinds]
    items = [m for kind in kinds if get_origin(kind) in (Sequence, tuple) for m in members(get_args(kind)[0])]
    if origins == [Literal]:
        return Reader(kinds[0])
    if torch.dtype in kinds:
        return Reader(Literal["float32", "float64"], lambda _, text: getattr(torch, text))
    if xr.Dataset in items:
        return Reader(list[str], lambda _, texts: [results.read(text) for text in texts], "FILE", file=True)
    if xr.Dataset in kinds:
        named = str in kinds or Literal in origins
        read = lambda _, text: text if named and text == "uniform" else results.read(text)  # noqa: E731
        return Reader(str, read, "uniform|FILE" if named else "FILE", file=True)
    if Mapping in origins:
        inner = reader(get_args(kinds[0])[1])
        meta = f"NAME={inner.metavar}" if inner else None
        return inner and Reader(list[str], lambda name, texts: pairs(name, texts, inner), meta, form=inner.form)
    if {int, float} & set(items):
        forms = (
            ["180"] * (int in kinds)
            + ["1,2,4", "0:8:5 (five from 0 to 8)"]
            + ["midpoints:0.5:0.9:8", "random:20"] * (Draws in kinds)
        )
        form = f"Written as {', '.join(forms[:-1])} or {forms[-1]}."
        return Reader(str, lambda name, text: numbers(name, text, kinds, items), "VALUES", form=form)
    if items and str not in kinds:
        return Reader(list[str])
    if int in kinds and len(kinds) > 1:
        return Reader(str, lambda _, text: int(text) if text.isdigit() else text)
    if kinds and kinds[0] in (bool, int, float, str):
        return Reader(kinds[0], lambda name, value: taken(name, value, hint), file=Path in kinds)
    return None


def device(name: str) -> str:
    """The name of a device that can be used; auto is the accelerator, or the CPU."""
    if name == "auto":
        accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return str(accelerator or "cpu")
    return str(check_device(name))


def numbers(name: str, text: str, kinds: Sequence[Any], items: Sequence[Any]) -> Any:
    """Numbers separated by commas, or LOW:HIGH:NUMBER for even steps with both ends; a single number where kinds allow it.

    `items` says whether several numbers are whole; midpoints:LOW:HIGH:NUMBER and random:NUMBER stand for the classes of
    these names, where they are of a kind that is allowed.
    """
    whole = float not in items
    try:
        if Draws in kinds and text.startswith("random:"):
            return Draws(int(text.removeprefix("random:")))
        if Midpoints in kinds and text.startswith("midpoints:"):
            low, high, number = text.removeprefix("midpoints:").split(":")
            return Midpoints(float(low), float(high), int(number))
        if text.count(":") == 2:
            low, high, number = text.split(":")
            check_memory(40.0 * int(number), f"{number} values", "take fewer")
            even = np.linspace(float(low), float(high), int(number))
            return even.round().astype(int).tolist() if whole else even.tolist()
        if int in kinds and text.lstrip("-").isdigit():
            return int(text)
        return [int(part) if whole else float(part) for part in text.split(",")]
    except FechnerError:
        raise
    except (ValueError, OverflowError):
        forms = ["a whole number"] * (int in kinds) + ["numbers separated by commas"]
        forms += ["midpoints:LOW:HIGH:NUMBER", "random:NUMBER"] * (Draws in kinds)
        raise FechnerError(f"{name} must be {', '.join(forms)}, or LOW:HIGH:NUMBER, got {described(text)}") from None


def pairs(name: str, texts: Sequence[str], of: Reader) -> dict[str, Any]:
    """NAME=VALUE of one or several options, each with one or, separated by commas, several of them."""
    read: dict[str, Any] = {}
    for text in (part for given in texts for part in re.split(r",(?=\w+=)", given)):
        key, equals, value = text.partition("=")
        if not equals or not key or not value:
            raise FechnerError(f"--{name} takes NAME=VALUE, got '{text}'")
        if key in read:
            raise FechnerError(f"--{name} {key} is given twice: give it once")
        read[key] = of.read(f"--{name} {key}", value)
    return read


def setting(_: str, text: str) -> Any:
    """What a field of a stimulus or a feature is set to: a whole number, a number, several numbers, or text."""
    try:
        parts = [int(part) if part.lstrip("-").isdigit() else float(part) for part in text.split(",")]
    except ValueError:
        return text
    return parts[0] if len(parts) == 1 else tuple(parts)


SETTINGS = Reader(list[str], lambda _, texts: pairs("set", texts, Reader(str, setting)), "NAME=VALUE")

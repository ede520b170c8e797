"""What the text of a command-line option means."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from fechner.arguments import check_device, shown
from fechner.errors import FechnerError, check_seed
from fechner.limits import check_memory


def fields(settings: list[str] | None) -> dict[str, Any]:
    """Names and values of --set: whole numbers, numbers, several numbers, or text."""
    found: dict[str, Any] = {}
    for setting in settings or []:
        name, text = pair(setting, "--set")
        _once(name, found, "--set")
        whole = name in ("size", "channels", "seed", "values")
        try:
            found[name] = int(text) if whole else _number(text)
        except ValueError:
            if whole:
                raise FechnerError(f"--set {name} takes a whole number, got '{text}'") from None
            found[name] = text
    check_seed(found.get("seed", 0))
    return found


def _number(text: str) -> float | tuple[float, ...]:
    numbers = tuple(float(part) for part in text.split(","))
    return numbers if len(numbers) > 1 else numbers[0]


def averages(given: list[str] | None) -> dict[str, int | list[float]] | None:
    """Names and values of --average; None if it is not given."""
    if given is None:
        return None
    found: dict[str, int | list[float]] = {}
    for average in given:
        name, text = pair(average, "--average")
        _once(name, found, "--average")
        found[name] = values(text)
    return found


def _once(name: str, found: dict[str, Any], option: str) -> None:
    if name in found:
        raise FechnerError(f"{option} {name} is given twice: give it once")


def pair(text: str, option: str) -> tuple[str, str]:
    """NAME=VALUE, split."""
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise FechnerError(f"{option} takes NAME=VALUE, got '{text}'")
    return name, value


def values(text: str) -> int | list[float]:
    """A number of values, values separated by commas, or LOW:HIGH:NUMBER for even steps with both ends."""
    try:
        if text.count(":") == 2:
            low, high, number = text.split(":")
            check_memory(40.0 * int(number), f"{number} values", "take fewer")
            return np.linspace(float(low), float(high), int(number)).tolist()
        return int(text) if text.lstrip("-").isdigit() else [float(v) for v in text.split(",")]
    except FechnerError:
        raise
    except ValueError:
        raise FechnerError(
            f"values must be a whole number, numbers separated by commas, or LOW:HIGH:NUMBER, got {shown(text)}"
        ) from None


def numbers(text: str | None, option: str) -> tuple[float, ...]:
    """Numbers separated by commas; none if there is no text."""
    try:
        return tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise FechnerError(f"{option} takes numbers separated by commas, got '{text}'") from None


def device(name: str) -> torch.device:
    """A device that can be used, by name; auto is the accelerator, or the CPU."""
    if name == "auto":
        accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return accelerator or torch.device("cpu")
    return check_device(name)

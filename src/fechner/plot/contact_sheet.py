"""Contact sheets of stimuli: parameters along rows, so that conventions and units can be seen."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fechner.errors import FechnerError
from fechner.plot.style import literal, new_figure, style
from fechner.stimuli import STIMULI, Stimulus, parameters, stimulus

_COLUMNS = 6


def of_one(shown: Stimulus, name: str) -> Figure:
    """One stimulus: a row for each parameter that has an effect, which changes along the row while the others stay."""
    rows: dict[str, tuple[np.ndarray, torch.Tensor]] = {}
    for parameter in parameters(shown):
        values = _values(shown, parameter)
        images = shown(**{parameter: torch.as_tensor(values, dtype=torch.float32)})
        # The width of a soft edge, say, does nothing to a hard one.
        if parameter != "pixels_per_degree" and not torch.equal(images, images[:1].expand_as(images)):
            rows[parameter] = values, images
    with style():
        figure = new_figure(7.2, 1.25 * len(rows) + 0.3)
        figure.suptitle(f"{literal(name)}: {shown.size} pixels, {shown.pixels_per_degree:g} pixels/degree", fontsize=9)
        grid = figure.subplots(len(rows), _COLUMNS, squeeze=False)
        for line, (parameter, (values, images)) in zip(grid, rows.items(), strict=True):
            units = parameters(shown)[parameter].units
            _row(line, images, [f"{v:.3g}" for v in values], f"{parameter.replace('_', ' ')}\n({literal(units)})")
    return figure


def of_all() -> Figure:
    """All stimuli by name at six orientations, hues or wavelengths, or values of their first parameter."""
    with style():
        figure = new_figure(7.2, 1.25 * len(STIMULI))
        grid = figure.subplots(len(STIMULI), _COLUMNS, squeeze=False)
        for line, name in zip(grid, STIMULI, strict=True):
            shown = stimulus(name)
            known = [n for n in parameters(shown) if n != "pixels_per_degree"]
            turned = next((n for n in ("orientation", "hue", "wavelength") if n in known), known[0])
            mark = "°" if parameters(shown)[turned].period else f" {parameters(shown)[turned].units}"
            values = _values(shown, turned)
            images = shown(**{turned: torch.as_tensor(values, dtype=torch.float32)})
            _row(line, images, [f"{v:.3g}{mark}" for v in values], name.replace("-", "\n"))
    return figure


def of_conditions(upright: torch.Tensor, seen: torch.Tensor, condition: str) -> Figure:
    """Photographs (number, 3, S, S) upright and as a network in training sees them."""
    with style():
        figure = new_figure(7.2, 2.1)
        grid = figure.subplots(2, len(upright), squeeze=False)
        for line, images, label in zip(grid, (upright, seen), ("upright", condition), strict=True):
            _row(line, images, [""] * len(images), literal(label).replace(", ", "\n"))
    return figure


def _values(shown: Stimulus, parameter: str) -> np.ndarray:
    """Six values around the default that the stimulus allows."""
    known, default = parameters(shown)[parameter], float(getattr(shown, parameter))
    if known.period is not None:
        return np.arange(_COLUMNS) * known.period / _COLUMNS
    if known.units == "nm":
        return np.linspace(known.low, known.high, _COLUMNS)
    if known.high == 1:
        return np.linspace(known.low, default, _COLUMNS)
    allowed = [f for f in np.linspace(0.5, 2, 31) if _valid(shown, parameter, default * f)]
    return default * np.linspace(allowed[0], allowed[-1], _COLUMNS)


def _valid(shown: Stimulus, parameter: str, value: float) -> bool:
    try:
        shown.validate(**{parameter: value})
    except FechnerError:
        return False
    return True


def _row(line: np.ndarray, images: torch.Tensor, titles: list[str], label: str) -> None:
    for axes, image, title in zip(line, images, titles, strict=True):
        assert isinstance(axes, Axes)
        axes.imshow(image.permute(1, 2, 0).clamp(0, 1).numpy())
        axes.set_title(title, pad=2)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    line[0].set_ylabel(label, rotation=0, ha="right", va="center")

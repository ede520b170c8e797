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
# Changes the size of the whole image, as no other parameter does.
_SCALE = "pixels_per_degree"


def of_one(family: Stimulus, name: str) -> Figure:
    """One stimulus: a row for each parameter that has an effect, which changes along the row while the others stay."""
    rows = {parameter: _pictures(family, parameter) for parameter in parameters(family) if parameter != _SCALE}
    # The width of a soft edge, say, does nothing to a hard one.
    rows = {p: row for p, row in rows.items() if not torch.equal(row[1], row[1][:1].expand_as(row[1]))}
    with style():
        figure = new_figure(7.2, 1.25 * len(rows) + 0.3)
        figure.suptitle(
            f"{literal(name)}: {family.size} pixels, {family.pixels_per_degree:g} pixels/degree", fontsize=9
        )
        grid = figure.subplots(len(rows), _COLUMNS, squeeze=False)
        for line, (parameter, (values, images)) in zip(grid, rows.items(), strict=True):
            units = parameters(family)[parameter].units
            _row(line, images, [f"{v:.3g}" for v in values], f"{parameter.replace('_', ' ')}\n({literal(units)})")
    return figure


def of_all() -> Figure:
    """All stimuli by name at six orientations, hues or wavelengths, or values of their first parameter."""
    with style():
        figure = new_figure(7.2, 1.25 * len(STIMULI))
        grid = figure.subplots(len(STIMULI), _COLUMNS, squeeze=False)
        for line, name in zip(grid, STIMULI, strict=True):
            family = stimulus(name)
            known = {n: p for n, p in parameters(family).items() if n != _SCALE}
            first = next((n for n in ("orientation", "hue", "wavelength") if n in known), next(iter(known)))
            mark = "°" if known[first].period else f" {known[first].units}"
            values, images = _pictures(family, first)
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


def _pictures(family: Stimulus, parameter: str) -> tuple[np.ndarray, torch.Tensor]:
    """Values of a parameter, and the images of a stimulus at them."""
    values = _values(family, parameter)
    return values, family(**{parameter: torch.as_tensor(values, dtype=torch.float32)})


def _values(family: Stimulus, parameter: str) -> np.ndarray:
    """Six values around the default that the stimulus allows."""
    known, default = parameters(family)[parameter], float(getattr(family, parameter))
    if known.period is not None:
        return np.arange(_COLUMNS) * known.period / _COLUMNS
    if known.units == "nm":
        return np.linspace(known.low, known.high, _COLUMNS)
    if known.high == 1:
        return np.linspace(known.low, default, _COLUMNS)
    allowed = [f for f in np.linspace(0.5, 2, 31) if _valid(family, parameter, default * f)]
    return default * np.linspace(allowed[0], allowed[-1], _COLUMNS)


def _valid(family: Stimulus, parameter: str, value: float) -> bool:
    try:
        family.validate(**{parameter: value})
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

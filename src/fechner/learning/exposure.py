"""What a learner sees: how often each value of a circular feature occurs, how noisy its labels are, and for how long.

`learn_labels` calls `check` before the first step, and then draws every stimulus through `sampler`. Densities are per unit
of the feature and integrate to 1 over the circle; both functions evaluate them on the same fine grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from torch import Tensor

from fechner import circular, contents
from fechner.arguments import AboveZero, Count, check_fields, checked
from fechner.errors import FechnerError
from fechner.learning.labels import Channel
from fechner.stimuli import Parameter

Array = npt.NDArray[np.float64]
Curve = Callable[[Array], Array]
Density = Literal["uniform"] | Curve | xr.Dataset
# Values of the grid on which densities are checked and from which stimuli are drawn.
POINTS = 3600


@dataclass(frozen=True)
class Exposure:
    """A number of steps in which stimuli have one density and their labels one noise.

    >>> from fechner import human
    >>> from fechner.learning import Erasure, balanced_noise
    >>> density = human.analytic_orientation_prior
    >>> exposure = Exposure(300, density, Erasure(), lambda x: balanced_noise(density(x), Erasure()))
    >>> float(exposure.noise_at(45.0).round(2))
    0.0

    Args:
        steps: of learning.
        density: how often each value occurs: "uniform", a function of values in degrees, or a Dataset of `image_statistics`.
        channel: what noise does to a label.
        noise: the probability that a label is noisy, a function of values in degrees, or probabilities on an even grid of the
            whole circle; it needs a `channel`.
    """

    steps: Count
    density: Density = field(default="uniform", repr=False)
    channel: Channel | None = None
    noise: float | Curve | Array = field(default=0.0, repr=False)

    def __post_init__(self) -> None:
        check_fields(self)

    def density_at(self, values: npt.ArrayLike, along: str = "orientation", period: float = 180.0) -> Array:
        """The density at these values, per unit of the feature; `FechnerError` for a Dataset that has none of it."""
        values = np.asarray(values, dtype=float) % period
        if isinstance(self.density, str):
            return np.full(values.shape, 1 / period)
        if isinstance(self.density, xr.Dataset):
            if "density" not in self.density or along not in self.density.density.dims:
                raise FechnerError(
                    f"a Dataset of `image_statistics` has a density along {along}, this one has "
                    f"{', '.join(map(str, self.density.data_vars)) or 'nothing'}"
                )
            try:
                contents.density(self.density, along)
            except FechnerError as e:
                raise FechnerError(f"stimuli cannot be drawn with this density: {e}") from None
            at, curve = circular.around(self.density[along].values, self.density.density.values, period)
            return np.interp(values, at, curve)
        return np.broadcast_to(np.asarray(self.density(values), dtype=float), values.shape).copy()

    def noise_at(self, values: npt.ArrayLike, period: float = 180.0) -> Array:
        """The noise of the labels at these values."""
        values = np.asarray(values, dtype=float) % period
        if callable(self.noise):
            return np.broadcast_to(np.asarray(self.noise(values), dtype=float), values.shape).copy()
        noise = np.atleast_1d(np.asarray(self.noise, dtype=float))
        return np.interp(values, *circular.around(circular.grid(len(noise), period), noise, period))

    def check(self, along: str, parameter: Parameter, classes: int) -> None:
        """Raise `FechnerError` for a density or a noise that cannot be sampled, or is one of another convention."""
        period = parameter.period or math.nan
        if isinstance(self.density, xr.Dataset) and along in self.density:
            convention = self.density[along].attrs.get("convention", parameter.convention)
            if convention != parameter.convention:
                raise FechnerError(
                    f"{along} is '{parameter.convention}' in the stimulus and '{convention}' in the density"
                )
        grid = circular.grid(POINTS, period)
        density, noise = self.density_at(grid, along, period), self.noise_at(grid, period)
        if not np.isfinite(density).all() or density.min() < 0:
            bad = int(np.argmin(np.where(np.isfinite(density), density, -np.inf)))
            raise FechnerError(
                f"a density must be finite and not negative, got {density[bad]:g} at {along} {grid[bad]:g}"
            )
        integral = density.mean() * period
        if not abs(integral - 1) < 0.01:
            raise FechnerError(
                f"the density of {along} must integrate to 1 over [0, {period:g}), got {integral:.4g}"
                + (f"; divide it by {integral:.4g}" if integral else "")
            )
        if not np.isfinite(noise).all() or noise.min() < 0 or noise.max() > 1:
            bad = int(np.argmax(np.where(np.isfinite(noise), np.abs(noise - 0.5), np.inf)))
            raise FechnerError(
                f"noise is a probability and must lie in [0, 1], got {noise[bad]:g} at {along} {grid[bad]:g}"
            )
        if noise.max() > 0 and self.channel is None:
            raise FechnerError("noise needs a channel, which says what happens to a label: Erasure() or Flips()")
        if self.channel is not None and self.channel.classes != classes:
            raise FechnerError(
                f"the channel has {self.channel.classes} classes and the task {classes}; make them equal"
            )

    def sampler(self, along: str, period: float, device: torch.device) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        """A function from uniform numbers in [0, 1) to values of the feature and the noise of their labels.

        Values come from the inverse of the cumulative density, so that the same uniform numbers give paired stimuli under
        different densities.
        """
        edges = np.arange(POINTS + 1) * (period / POINTS)
        middles = (edges[1:] + edges[:-1]) / 2
        mass = np.cumsum(np.append(0, self.density_at(middles, along, period)))
        cumulative = torch.as_tensor(mass / mass[-1], dtype=torch.float32, device=device)
        noise = torch.as_tensor(self.noise_at(middles, period), dtype=torch.float32, device=device)

        def sample(uniform: Tensor) -> tuple[Tensor, Tensor]:
            cell = (torch.searchsorted(cumulative, uniform, right=True) - 1).clamp(0, POINTS - 1)
            inside = (uniform - cumulative[cell]) / (cumulative[cell + 1] - cumulative[cell])
            # Rounding must not reach the end of the circle, which would be its beginning.
            return (cell + inside.clamp(0, 0.999)) * (period / POINTS), noise[cell]

        return sample


@checked
def sinusoidal(peak: float = 90.0) -> Curve:
    """A density of orientation that is three times as high at its peak as 90° from it, and sinusoidal between.

    >>> float(sinusoidal(90.0)(np.array(90.0)) / sinusoidal(90.0)(np.array(0.0)))
    3.0

    It is (2 + cos 2(θ − peak)) / 360 per degree. With its peak at 90° it is the density of Benjamin et al. (2022, Fig. 6).
    """
    return lambda orientation: (2 + np.cos(2 * np.deg2rad(orientation - peak))) / 360


@checked
def band(low: float, high: float, period: AboveZero = 180.0) -> Curve:
    """A density that is uniform between two values and 0 elsewhere, such as a burst of exposure to a narrow band.

    >>> band(15.0, 45.0)(np.array([0.0, 30.0])).round(4)
    array([0.    , 0.0333])

    Raises `FechnerError` unless low < high ≤ low + period.
    """
    if not low < high <= low + period:
        raise FechnerError(f"a band needs low < high ≤ low + {period:g}, got {low:g} to {high:g}")
    return lambda values: ((values - low) % period < high - low) / (high - low)

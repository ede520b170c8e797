"""What is presented to a network: a stimulus at values of one parameter, averaged over nuisance parameters.

A `Design` is made once from "stimulus, along, values, average" and checked as a whole. After that only the design is read: as
tensors to render, as coordinates of a result, and as the shape of what is measured. Whatever presents stimuli (`sensitivity`,
learning, recordings) uses it. The order of `tensors` and that of `arranged` must agree: tests/stimuli/test_design.py.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fechner.arguments import Seed, checked
from fechner.errors import FechnerError, choices
from fechner.layout import DRAW
from fechner.limits import check_memory
from fechner.stimuli.base import Family, Stimulus, parameters
from fechner.stimuli.nuisance import Draws, Midpoints, Nuisance, Weighted, values_and_rule
from fechner.stimuli.parameter import Parameter

Array = npt.NDArray[np.float64]
# What else has a name in results of `sensitivity` and in recordings.
RESERVED = {
    *(DRAW, "layer", "depth", "layer_type", "unit_count", "pixels", "step", "epoch", "seed"),
    *("sensitivity", "threshold", "relative_sensitivity", "uncertain", "resolved"),
    *("fisher_information", "fisher_information_samples", "fisher_information_error"),
}


Values = Annotated[int | Sequence[float] | np.ndarray, Parameter]


class Design:
    """A stimulus at values of one parameter, averaged over nuisance parameters: resolved, and checked as a whole.

    >>> from fechner import Gabor
    >>> four = Design(Gabor(), "orientation", 4, {"phase": 2})
    >>> four.values.tolist(), four.grids["phase"].tolist()
    ([0.0, 45.0, 90.0, 135.0], [0.0, 180.0])

    Args:
        stimulus: a `Stimulus`, or a callable from parameter tensors (B,) to images (B, C, H, W).
        along: the parameter that is measured along.
        values: the number of values, which are then evenly spaced (half-open on a circle), or the values themselves.
        average: nuisance parameters and how they are averaged over: a number of values (an even grid of a circle, or the
            centres of equal cells of a range), `Midpoints` of a part of a range, random `Draws`, or the values
            themselves. By default 20 phases where the stimulus has a phase; {} averages over nothing.
        seed: decides the random draws.

    Attributes:
        values: the values of the parameter (value,).
        grids: nuisance parameters whose every combination is presented, by name.
        drawn: nuisance parameters that are drawn together, with one value for each draw, by name.
        rules: the values half a step off, and their weights, of those grids that are integration rules, by name.

    Raises:
        FechnerError: for a parameter that the stimulus does not have, values out of range, and more stimuli than fit in
            memory.
    """

    @checked
    def __init__(
        self,
        stimulus: Family,
        along: str,
        values: Values,
        average: Mapping[str, Nuisance] | None = None,
        seed: Seed = 0,
    ) -> None:
        known = parameters(stimulus)
        if along not in known:
            raise choices("parameter of the stimulus", along, known)
        _check_name(along)
        if average is None:
            average = {"phase": 20} if "phase" in known and along != "phase" else {}
        for name in average:
            if name not in known:
                raise choices("parameter of the stimulus", name, known)
            _check_name(name)
            if name == along:
                raise FechnerError(f"'{along}' cannot be both the parameter measured and one averaged over")
        grids = {name: spec for name, spec in average.items() if not isinstance(spec, Draws)}
        draws = {name: spec.count for name, spec in average.items() if isinstance(spec, Draws)}
        if len(set(draws.values())) > 1:
            listed = ", ".join(f"{name} {count}" for name, count in draws.items())
            raise FechnerError(f"parameters that are drawn are drawn together: give them the same count, got {listed}")
        counts = [_count(values), *map(_count, grids.values()), *set(draws.values())]
        # An estimate of the bytes that each stimulus needs, for its parameter values and for what is computed in all layers.
        product = " × ".join(map(str, counts))
        check_memory(80.0 * len(counts) * math.prod(counts), f"{product} stimuli", "take fewer values")
        generator = np.random.default_rng(seed)
        self.stimulus, self.along = stimulus, along
        self.values: Array = known[along].values(along, values)
        both = {name: values_and_rule(name, spec, known[name]) for name, spec in grids.items()}
        self.grids = {name: values for name, (values, _) in both.items()}
        self.rules: dict[str, Weighted] = {name: rule for name, (_, rule) in both.items() if rule}
        self._weights: dict[str, Array] = {}
        self.drawn = {name: known[name].draw(name, count, generator) for name, count in draws.items()}
        self.check_reach(0.0)

    @property
    def parameter(self) -> Parameter:
        """The parameter that is measured along."""
        return parameters(self.stimulus)[self.along]

    @property
    def scale(self) -> float:
        """The scale of that parameter, which steps are shares of: its period, or the range or size of its values."""
        reach = max(float(np.ptp(self.values)), float(np.abs(self.values).max()), 1e-3)
        return self.parameter.period or reach

    def half_a_step_off(self) -> list[Design]:
        """The same design with one of its integration rules half a step off, for each rule of several values.

        >>> from fechner import Gabor
        >>> [twin.grids["phase"] for twin in Design(Gabor(), "orientation", 4, {"phase": 2}).half_a_step_off()]
        [array([ 90., 270.])]

        Rules that were shifted together would hide what depends on the sum or the difference of their parameters. Raises
        `FechnerError` where the values are out of range.
        """
        twins = []
        for name, (values, weights) in self.rules.items():
            if len(self.grids[name]) == 1:
                continue
            twin = copy.copy(self)
            twin.grids, twin._weights = self.grids | {name: values}, {name: weights}
            try:
                twin.check_reach(0.0)
            except FechnerError as e:
                raise FechnerError(
                    f"the grid half a step off, which estimates the integration error, cannot be presented: {e}; "
                    "or leave the error out (integration_error=False)"
                ) from None
            twins.append(twin)
        return twins

    @property
    def dims(self) -> tuple[str, ...]:
        """The dimensions of nuisance parameters in a result, of which draws come first."""
        return (*((DRAW,) if self.drawn else ()), *self.grids)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of values in each of these dimensions."""
        draws = [len(next(iter(self.drawn.values())))] if self.drawn else []
        return (*draws, *map(len, self.grids.values()))

    @property
    def nuisances(self) -> list[dict[str, float]]:
        """Every combination of nuisance values, the last dimension fastest."""
        draws: list[dict[str, float]] = [
            dict(zip(self.drawn, d, strict=True)) for d in zip(*self.drawn.values(), strict=True)
        ]
        combinations = [dict(zip(self.grids, c, strict=True)) for c in itertools.product(*self.grids.values())]
        return [draw | combination for draw in draws or [{}] for combination in combinations]

    def _presented(self, values: Array) -> dict[str, Array]:
        """The parameter values of every stimulus (stimulus,): nuisances outermost, values of the parameter innermost."""
        combinations = self.nuisances
        nuisances = {n: np.array([combination[n] for combination in combinations]) for n in combinations[0]}
        repeated = {n: np.repeat(v, len(values)) for n, v in nuisances.items()}
        return {self.along: np.tile(values, len(combinations))} | repeated

    def tensors(self, like: Tensor, values: npt.ArrayLike | None = None) -> dict[str, Tensor]:
        """The parameter values of every stimulus (stimulus,), as tensors like this one, in the order of `arranged`.

        `values` replace those of the design.
        """
        presented = self._presented(self.values if values is None else np.asarray(values, dtype=float))
        return {name: torch.as_tensor(v).to(like) for name, v in presented.items()}

    def runs(self, like: Tensor, values: npt.ArrayLike) -> list[dict[str, Tensor]]:
        """The same, one run for each combination of nuisances."""
        every = self.tensors(like, values)
        parts = {name: v.split(np.size(values)) for name, v in every.items()}
        return [{name: part[i] for name, part in parts.items()} for i in range(math.prod(self.shape))]

    def arranged(self, measured: Array) -> Array:
        """Measurements of all stimuli in the order of `tensors` (…, stimulus), arranged as (…, value, *nuisances)."""
        return np.moveaxis(measured.reshape(*measured.shape[:-1], *self.shape, -1), -1, measured.ndim - 1)

    def mean(self, samples: Array) -> Array:
        """The mean over nuisances of what `arranged` gives: (…, value, *nuisances) to (…, value)."""
        for name in reversed(self.dims):
            samples = np.average(samples, -1, self._weights.get(name))
        return samples

    def coordinates(self, values: npt.ArrayLike | None = None) -> dict[str, Any]:
        """Coordinates of a result, each with its units, period and convention."""
        along = self.values if values is None else np.asarray(values)
        by_name = {self.along: (self.along, along), **{n: (n, v) for n, v in self.grids.items()}}
        by_name |= {n: (DRAW, v) for n, v in self.drawn.items()}
        known = parameters(self.stimulus)
        return {name: (dim, v, known[name].attributes) for name, (dim, v) in by_name.items()}

    def check_reach(self, reach: float) -> None:
        """Raise `FechnerError` if values that are `reach` below or above those of the design are out of range."""
        for edge in (self.values - reach, self.values + reach):
            if isinstance(self.stimulus, Stimulus):
                # Every combination that is presented: rules may tie parameters together.
                self.stimulus.validate(**self._presented(edge))
            else:
                self.parameter.check(self.along, edge)


def _check_name(name: str) -> None:
    """Raise `FechnerError` for a parameter that would have the name of something else in a result."""
    if name in RESERVED:
        raise FechnerError(
            f"results use the name '{name}' themselves; give this parameter of the stimulus another name, such as "
            f"stimulus_{name}"
        )


def _count(spec: Any) -> int:
    """The number of values that a number of values or a list of them stands for, without making them."""
    if isinstance(spec, int | np.integer):
        return max(int(spec), 0)
    if isinstance(spec, Midpoints):
        return spec.count
    return len(spec) if hasattr(spec, "__len__") else 1

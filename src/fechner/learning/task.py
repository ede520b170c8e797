"""What is to be learned: to label a circular parameter of stimuli that are drawn anew for every step.

A `Task` says which stimuli there are and how they are labelled, an `Exposure` how often each occurs and how noisy its label
is. Whatever depends on the loss is here: the number of outputs, the loss of a stimulus, and the class of an output.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from fechner.arguments import Whole, check_fields
from fechner.errors import FechnerError, choices
from fechner.stimuli import Design, Draws, Grating, Parameter, Stimulus, parameters, settings
from fechner.stimuli.design import Values

# Five cycles across 64 pixels, as published.
GRATING = Grating(size=64, channels=1, pixels_per_degree=64.0, spatial_frequency=5.0, radius=0.45, edge=0.1)


@dataclass(frozen=True)
class Task:
    """To distinguish classes of orientation, or of another circular parameter of a stimulus.

    >>> Task(classes=30).outputs, Task(loss="circular").outputs
    (30, 2)

    Args:
        stimulus: what is labelled; by default a grating of 64 × 64 grey pixels.
        along: the circular parameter that is labelled.
        classes: how many labels there are; class k is centred on k/classes of the circle.
        loss: "cross-entropy" of the log-softmax of one output a class, or "circular": the squared distance of two outputs
            from (cos, sin) of the label's angle around the circle. A missing label counts as 0, and the mean is over the
            batch.
        average: nuisance parameters and their values in recordings, by default 11 phases; uniform on their circles while
            learning.
    """

    stimulus: Stimulus = GRATING
    along: str = "orientation"
    classes: Annotated[int, Whole(2)] = 60
    loss: Literal["cross-entropy", "circular"] = "cross-entropy"
    average: Mapping[str, Annotated[int | Sequence[float], Parameter]] = field(default_factory=lambda: {"phase": 11})

    def __post_init__(self) -> None:
        check_fields(self)
        known = parameters(self.stimulus)
        for name in (self.along, *self.average):
            if name not in known:
                raise choices("parameter of the stimulus", name, known)
            if known[name].period is None:
                raise FechnerError(
                    f"'{name}' is not circular: here it must be one of {[n for n in known if known[n].period]}"
                )
            if isinstance(self.average.get(name), Draws):
                raise FechnerError(f"recordings average over a grid: give values of {name}, or how many, and no Draws")
        self.design(1)

    @property
    def parameter(self) -> Parameter:
        """The parameter that is labelled."""
        return parameters(self.stimulus)[self.along]

    @property
    def period(self) -> float:
        """The period of the parameter that is labelled."""
        return float(self.parameter.period or math.nan)

    def design(self, values: Values) -> Design:
        """The stimuli of recordings: these values of the parameter, with all values of the nuisance parameters."""
        return Design(self.stimulus, self.along, values, self.average)

    @property
    def pixels(self) -> int:
        """How many numbers an image has."""
        return self.stimulus.channels * self.stimulus.size**2

    @property
    def outputs(self) -> int:
        """How many numbers a network must return for an image."""
        return self.classes if self.loss == "cross-entropy" else 2

    def images(self, values: Tensor, uniform: Tensor) -> Tensor:
        """Stimuli with these values, and nuisances from uniform numbers in [0, 1) (nuisance, B)."""
        known = parameters(self.stimulus)
        nuisances = {n: u * (known[n].period or math.nan) for n, u in zip(self.average, uniform, strict=True)}
        return self.stimulus(**{self.along: values}, **nuisances)

    def labels(self, values: Tensor) -> Tensor:
        """The class whose centre is nearest, around the circle."""
        return (values * (self.classes / self.period)).round().long() % self.classes

    def losses(self, output: Tensor, labels: Tensor) -> Tensor:
        """The loss of every stimulus (B,)."""
        if self.loss == "cross-entropy":
            return F.cross_entropy(output, labels, reduction="none")
        angle = labels * (2 * math.pi / self.classes)
        return (output - torch.stack([torch.cos(angle), torch.sin(angle)], -1)).square().sum(-1)

    def predicted(self, output: Tensor) -> Tensor:
        """The class that each output stands for (B,)."""
        if self.loss == "cross-entropy":
            return output.argmax(-1)
        turn = torch.atan2(output[:, 1], output[:, 0]) / (2 * math.pi)
        return (turn * self.classes).round().long() % self.classes

    def record(self) -> dict[str, Any]:
        """The settings of this task, for the attributes of a result."""
        return {
            "along": self.along,
            "stimulus": json.dumps(settings(self.stimulus)),
            "average": json.dumps({name: v.tolist() for name, v in self.design(1).grids.items()}),
            "classes": self.classes,
            "loss": self.loss,
        }

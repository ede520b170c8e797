"""How a network is trained: its length, the learning rate and its schedule, and the regularisation.

A change of a recipe below changes every training that uses it, and `resume` then refuses the earlier ones.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Literal

import torch
from torch import nn

from fechner.arguments import AboveZero, Count, Real, Whole, check_fields, checked
from fechner.errors import FechnerError, choices


@dataclass(frozen=True)
class Recipe:
    """Settings of a training.

    >>> Recipe(epochs=12, batch=128, learning_rate=0.2, weight_decay=5e-4).schedule
    'one-cycle'

    Args:
        epochs: how often every image is presented; by default 90 for large images and 12 for small ones.
            With 40, resnet18_small reaches 86 % of CIFAR-10.
        batch: images a step, of all processes together.
        learning_rate: the highest of the schedule.
        weight_decay: of all weights; with AdamW not of biases and normalisation.
        schedule: "steps" divides the learning rate by ten every `epochs_a_step` epochs; "one-cycle" raises it over the
            first fifth of the steps and lets it fall to nothing (Smith & Topin 2018).
        epochs_a_step: epochs between these divisions.
        optimizer: "sgd", or "adamw".
        momentum: of SGD; AdamW has its own.
        label_smoothing: the share of every label that is spread over all classes.
        mirror: mirror training images left to right at random, before anything else is done to them.
    """

    # No training comes near the upper bound, which catches a slip of the pen.
    epochs: Annotated[int, Whole(1, 10**6)]
    batch: Count
    learning_rate: AboveZero
    weight_decay: Annotated[float, Real(0)]
    schedule: Literal["steps", "one-cycle"] = "one-cycle"
    epochs_a_step: Count = 30
    optimizer: Literal["sgd", "adamw"] = "sgd"
    momentum: Annotated[float, Real(0, 1)] = 0.9
    label_smoothing: Annotated[float, Real(0, 1)] = 0.0
    mirror: bool = True

    def __post_init__(self) -> None:
        check_fields(self)
        if self.label_smoothing == 1:
            raise FechnerError("label_smoothing must be less than 1, at which labels say nothing, got 1.0")
        if self.momentum == 1:
            raise FechnerError("momentum must be less than 1, at which no step ever fades, got 1.0")

    def optimizers(self, network: nn.Module, steps_an_epoch: int) -> dict[str, Any]:
        """Optimizer and schedule, as Lightning takes them. AdamW does not decay biases and normalisation."""
        parameters = [p for p in network.parameters() if p.requires_grad]
        if self.optimizer == "adamw":
            groups = [
                {"params": [p for p in parameters if p.dim() > 1], "weight_decay": self.weight_decay},
                {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
            ]
            rule: torch.optim.Optimizer = torch.optim.AdamW(groups, lr=self.learning_rate)
        else:
            rule = torch.optim.SGD(parameters, self.learning_rate, self.momentum, weight_decay=self.weight_decay)
        if self.schedule == "steps":
            step = self.epochs_a_step * steps_an_epoch
            schedule: torch.optim.lr_scheduler.LRScheduler = torch.optim.lr_scheduler.StepLR(rule, step)
        else:
            steps = self.epochs * steps_an_epoch
            # With five steps, a fifth is a single step, for which PyTorch would divide by zero.
            rise = 0.4 if steps == 5 else 0.2
            schedule = torch.optim.lr_scheduler.OneCycleLR(
                rule, self.learning_rate, steps, pct_start=rise, cycle_momentum=False
            )
        return {"optimizer": rule, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


# IMAGENET is the one that Benjamin et al. (2022) published; the other two are for images of up to 64 pixels.
IMAGENET = Recipe(90, 256, 0.1, 1e-4, "steps")
SMALL = Recipe(12, 128, 0.2, 5e-4, label_smoothing=0.1)
ATTENTION = Recipe(20, 128, 1e-3, 0.05, optimizer="adamw", label_smoothing=0.1)


@checked
def recipe_for(network: nn.Module, size: Count, **changed: Any) -> Recipe:
    """The recipe for a network and a size of images in pixels, with some settings changed.

    >>> recipe_for(nn.Linear(2, 2), 224).epochs
    90

    It is the published recipe for images of more than 64 pixels. For smaller ones it is AdamW if the network has
    attention, and otherwise a fast schedule of 12 epochs. Settings that are None stay as they are.

    Raises `FechnerError` for a setting that recipes do not have or a value that makes no sense.
    """
    if size > 64:
        recipe = IMAGENET
    elif any(isinstance(m, nn.MultiheadAttention) for m in network.modules()):
        recipe = ATTENTION
    else:
        recipe = SMALL
    changed = {k: v for k, v in changed.items() if v is not None}
    for name in changed:
        if name not in (known := [f.name for f in fields(Recipe)]):
            raise choices("setting of a recipe", str(name), known)
    recipe = replace(recipe, **changed)
    if "epochs_a_step" in changed and recipe.schedule != "steps":
        raise FechnerError(
            f"epochs_a_step does nothing with schedule {recipe.schedule}: leave it out, or choose 'steps'"
        )
    if "momentum" in changed and recipe.optimizer != "sgd":
        raise FechnerError(f"momentum does nothing with optimizer {recipe.optimizer}: leave it out, or choose 'sgd'")
    return recipe

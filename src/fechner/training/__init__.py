"""Training networks on images whose statistics are changed, and measuring them on the way."""

from __future__ import annotations

from fechner.training.condition import Condition as Condition
from fechner.training.images import labelled as labelled
from fechner.training.recipe import Recipe as Recipe
from fechner.training.recipe import recipe_for as recipe_for
from fechner.training.train import preview as preview
from fechner.training.train import train as train

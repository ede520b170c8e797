"""A network of linear layers and its initial weights, as in Figure 6."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from fechner.errors import FechnerError, choices
from fechner.networks import Network
from fechner.seeds import seeded

ACTIVATIONS: dict[str, type[nn.Module] | None] = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "linear": None}


@dataclass(frozen=True)
class Perceptron:
    """Linear layers with an activation between them; called with a seed, it makes a `Network`.

    The default is that of Benjamin et al. (2022, Fig. 6): 1024 and 256 hidden units, ReLU, PyTorch's default
    initialisation × 0.1. Images in [0, 1] are scaled to [−1, 1] (`mean`, `std`): fed as they are, the common luminance
    keeps the published learning rate from learning anything in the published number of steps.

    >>> Perceptron(widths=(32,))(seed=0, inputs=64, outputs=10)(torch.rand(2, 1, 8, 8)).shape
    torch.Size([2, 10])
    """

    widths: tuple[int, ...] = (1024, 256)
    activation: Literal["relu", "tanh", "gelu", "linear"] = "relu"
    scale: float = 0.1
    mean: float = 0.5
    std: float = 0.5

    def __post_init__(self) -> None:
        if any(not isinstance(w, int) or w < 1 for w in self.widths):
            raise FechnerError(f"widths must be whole numbers of at least 1, got {self.widths}")
        if self.activation not in ACTIVATIONS:
            raise choices("activation", str(self.activation), ACTIVATIONS)
        if not self.scale > 0 or not self.std > 0:
            raise FechnerError(f"scale and std must be greater than 0, got {self.scale:g} and {self.std:g}")

    def __call__(self, seed: int, inputs: int, outputs: int) -> Network:
        """The network for so many pixels and outputs."""
        layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
        sizes = [inputs, *self.widths, outputs]
        kind = ACTIVATIONS[self.activation]
        with seeded(seed):
            for i, (before, after) in enumerate(itertools.pairwise(sizes), 1):
                layers[f"linear{i}"] = nn.Linear(before, after)
                if kind is not None and i < len(sizes) - 1:
                    layers[f"{self.activation}{i}"] = kind()
        model = nn.Sequential(layers)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(self.scale)
        name = "perceptron " + "-".join(map(str, sizes))
        return Network(model, self.mean, self.std, name=name, weights="learned", seed=seed)

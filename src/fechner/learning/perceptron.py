"""A network of linear layers and its initial weights, as in Figure 6 of Benjamin et al. (2022).

A `Perceptron` is a recipe: `learn_labels` calls it with each seed, and every call makes a new network.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from fechner.arguments import AboveZero, Count, Seed, check_fields, checked
from fechner.limits import check_memory
from fechner.networks import Network
from fechner.seeds import seeded

ACTIVATIONS: dict[str, type[nn.Module] | None] = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "linear": None}


@dataclass(frozen=True)
class Perceptron:
    """Linear layers with an activation between them; called with a seed, it makes a `Network`.

    >>> Perceptron(widths=(32,))(seed=0, inputs=64, outputs=10)(torch.rand(2, 1, 8, 8)).shape
    torch.Size([2, 10])

    The default is that of Benjamin et al. (2022, Fig. 6), but for images scaled to [−1, 1]: fed as they are, in [0, 1], the
    common luminance keeps the published learning rate from learning anything in the published number of steps.

    Args:
        widths: how many units each hidden layer has.
        activation: between layers.
        scale: by which PyTorch's default initialisation is multiplied.
        mean: subtracted from all pixels.
        std: by which pixels are divided after that.
    """

    widths: tuple[Count, ...] = (1024, 256)
    activation: Literal["relu", "tanh", "gelu", "linear"] = "relu"
    scale: AboveZero = 0.1
    mean: float = 0.5
    std: AboveZero = 0.5

    def __post_init__(self) -> None:
        check_fields(self)

    @checked
    def __call__(self, seed: Seed, inputs: Count, outputs: Count) -> Network:
        """The network of this seed, for images of `inputs` pixels."""
        layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
        sizes = [inputs, *self.widths, outputs]
        numbers = sum(before * after for before, after in itertools.pairwise(sizes))
        # Weights, and their gradients.
        check_memory(
            8.0 * numbers, f"{numbers} weights of a perceptron", "choose smaller widths, images or fewer classes"
        )
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

"""What is recorded of a network while it learns: sensitivity of every layer, accuracy, and weights on request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from fechner.errors import FechnerError
from fechner.fisher.ambient import undisturbed
from fechner.fisher.derivative import Exact, norm
from fechner.fisher.probe import Probe
from fechner.fisher.rules import forward_mode
from fechner.fisher.sweep import fitting_batch, sweep
from fechner.learning.task import Task
from fechner.limits import check_memory
from fechner.networks import INPUT, OUTPUT, Layer, Network
from fechner.stimuli import Design, render

Array = npt.NDArray[np.float64]
SOFTMAX = "softmax"
_INSIDE = "network.model."


class _Labelling(nn.Module):
    """A network and the softmax of its output, which belongs to the loss and not to the network."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.softmax = nn.Softmax(-1)

    def forward(self, images: Tensor) -> Tensor:
        return self.softmax(self.network(images))


def check_count(task: Task, design: Design) -> None:
    """Raise `FechnerError` for more stimuli than memory has room for: recordings keep them."""
    count = len(design.values) * len(design.nuisances)
    stimuli = f"{count} stimuli of {task.pixels} pixels, which recordings keep,"
    check_memory(16.0 * count * task.pixels, stimuli, "take fewer values or a smaller size")


class Recorder:
    """Measures one network again and again, on the same stimuli: all values × all nuisances.

    Raises `FechnerError` for a network that cannot be measured, or whose output does not fit the task.
    """

    def __init__(self, network: Network, task: Task, design: Design, layers: str | Sequence[str], keep: bool) -> None:
        self.network, self.task, self.keep = network, task, keep
        self.fisher_information: list[Array] = []
        self.accuracy: list[Array] = []
        self.weights: list[dict[str, npt.NDArray[np.floating]]] = []
        device = next((p.device for p in network.parameters()), torch.device("cpu"))
        like = torch.empty(0, dtype=torch.float32, device=device)
        presented = design.tensors(like)
        network.eval()
        with undisturbed():
            probe = Probe(network, design, like, Exact(), layers, True, network.weights_sha256(), network.model)
            self.layers = probe.verdict().chosen
            # Rendered once: the stimuli of every recording are the same.
            with forward_mode():
                images = render(task.stimulus, Exact().prepare(presented, task.along), valid=True)
                self._images, self._tangents = (t.clone() for t in forward_ad.unpack_dual(images))
        with torch.no_grad():
            shape = tuple(network(self._images[:2]).shape)
        if shape != (2, task.outputs):
            raise FechnerError(
                f"{network.name} must return (B, {task.outputs}) for B images, and for 2 returned {shape}"
            )
        self._right = task.labels(presented[task.along])
        self._count = len(design.values)
        self._labelling, self._inside = network, self.layers
        if task.loss == "cross-entropy":
            self._labelling = Network(_Labelling(network), name=network.name).eval()
            inside = [_renamed(layer) for layer in self.layers]
            softmax = Layer(SOFTMAX, SOFTMAX, "Softmax", (task.outputs,), 0)
            self.layers, self._inside = [*self.layers, softmax], [*inside, softmax]
        # Linear layers gain from large batches where convolutions do not.
        self._batch = fitting_batch(self._inside, self._images[0], most=1024)

    @property
    def names(self) -> list[str]:
        """Of the layers, pixels first."""
        return [INPUT, *(layer.name for layer in self.layers)]

    def record(self) -> None:
        """Keep what the network is like now."""
        training = self.network.training
        self._labelling.eval()
        self.fisher_information.append(self.measure())
        with torch.no_grad():
            right = self.task.predicted(self.network(self._images)) == self._right
        self.accuracy.append(right.double().cpu().numpy().reshape(-1, self._count).mean(0))
        if self.keep:
            state = self.network.model.state_dict()
            # Copies: what is learned later must not change them.
            self.weights.append({name: tensor.detach().cpu().clone().numpy() for name, tensor in state.items()})
        self.network.train(training)

    def measure(self) -> Array:
        """J of every layer (layer, value), averaged over nuisances."""
        measured = [Layer(INPUT, INPUT, "pixels", tuple(self._images.shape[1:]), 0), *self._inside]
        order = {"index": torch.arange(len(self._images), dtype=torch.float32)}
        with undisturbed():
            swept = sweep(
                self._labelling, self._kept, [order], "index", measured, Exact(), norm, self._batch, progress=False
            )
        samples = np.stack([swept[layer.name] for layer in measured]) ** 2
        return samples.reshape(len(samples), -1, self._count).mean(1)

    def _kept(self, index: Tensor) -> Tensor:
        """Images with these indices, which follow one another, and their derivatives."""
        first = int(index[0])
        chosen = slice(first, first + len(index))
        return forward_ad.make_dual(self._images[chosen], self._tangents[chosen])


def _renamed(layer: Layer) -> Layer:
    """The same layer inside the labelling network."""
    if layer.module == OUTPUT:
        return replace(layer, name=_INSIDE.removesuffix("."), module=_INSIDE.removesuffix("."))
    return replace(layer, name=_INSIDE + layer.name, module=_INSIDE + layer.module)

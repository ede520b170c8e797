"""What is recorded of a network while it learns: sensitivity of every layer, accuracy, and weights on request.

`learn_labels` makes one `Recorder` for each seed, and calls `record` at every snapshot. Recording must not change what is
learned, so it leaves the network in the mode in which it was. It measures with the loop of `fechner.sensitivity`.
"""

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
    """Raise `FechnerError` for more stimuli than fit into memory, where a `Recorder` keeps them."""
    count = len(design.values) * len(design.nuisances)
    stimuli = f"{count} stimuli of {task.pixels} pixels, which recordings keep,"
    check_memory(16.0 * count * task.pixels, stimuli, "take fewer values or a smaller size")


class Recorder:
    """Measures one network repeatedly, on the same stimuli: all values × all nuisances.

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
            # Rendered once, because every recording presents the same stimuli.
            with forward_mode():
                images = render(task.stimulus, Exact().prepare(presented, task.along), valid=True)
                self._images, self._tangents = (t.clone() for t in forward_ad.unpack_dual(images))
        with torch.no_grad():
            shape = tuple(network(self._images[:2]).shape)
        two = len(self._images[:2])
        if shape != (two, task.outputs):
            raise FechnerError(
                f"{network.name} must return (B, {task.outputs}) for B images, and for {two} returned {shape}"
            )
        self._labels = task.labels(presented[task.along])
        self._count = len(design.values)
        self._labelling, self._inside = network, self.layers
        if task.loss == "cross-entropy":
            self._labelling = Network(_Labelling(network), name=network.name).eval()
            inside = [_renamed(layer) for layer in self.layers]
            softmax = Layer(SOFTMAX, SOFTMAX, "Softmax", (task.outputs,), 0)
            self.layers, self._inside = [*self.layers, softmax], [*inside, softmax]
        # Linear layers are faster in large batches, whereas convolutions are not.
        self._batch = fitting_batch(self._inside, self._images[0], most=1024)

    @property
    def names(self) -> list[str]:
        """The names of the layers, beginning with the pixels."""
        return [INPUT, *(layer.name for layer in self.layers)]

    def record(self) -> None:
        """Measure the network as it is now, and append the measurements."""
        training = self.network.training
        self._labelling.eval()
        self.fisher_information.append(self.measure())
        with torch.no_grad():
            correct = self.task.predicted(self.network(self._images)) == self._labels
        self.accuracy.append(correct.double().cpu().numpy().reshape(-1, self._count).mean(0))
        if self.keep:
            state = self.network.model.state_dict()
            # Copies, because later steps change the weights in place.
            self.weights.append({name: tensor.detach().cpu().clone().numpy() for name, tensor in state.items()})
        self.network.train(training)

    def measure(self) -> Array:
        """J of every layer (layer, value), averaged over nuisances."""
        measured = [Layer(INPUT, INPUT, "pixels", tuple(self._images.shape[1:]), 0), *self._inside]
        order = {"index": torch.arange(len(self._images), dtype=torch.float32)}
        with undisturbed():
            norms = sweep(
                self._labelling, self._dual, [order], "index", measured, Exact(), norm, self._batch, progress=False
            )
        samples = np.stack([norms[layer.name] for layer in measured]) ** 2
        return samples.reshape(len(samples), -1, self._count).mean(1)

    def _dual(self, index: Tensor) -> Tensor:
        """The images of these consecutive indices, with their derivatives as tangents."""
        first = int(index[0])
        batch = slice(first, first + len(index))
        return forward_ad.make_dual(self._images[batch], self._tangents[batch])


def _renamed(layer: Layer) -> Layer:
    """The same layer, by its name inside the network with a softmax."""
    if layer.module == OUTPUT:
        return replace(layer, name=_INSIDE.removesuffix("."), module=_INSIDE.removesuffix("."))
    return replace(layer, name=_INSIDE + layer.name, module=_INSIDE + layer.module)

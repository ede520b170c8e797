"""Single passes of a few images through a network: what layers return, and which layer is to blame for an error.

The probe and its checks call these functions. The first pass of each kind runs inside `explained`, which turns an error of
a user's network into a `FechnerError` that names the innermost module running. Tests: tests/fisher/test_probe.py.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from fechner.errors import FechnerError, FechnerWarning, first_line
from fechner.networks import Layer, Network, tap, trace

Run = Callable[[Tensor], object]


@contextmanager
def explained(network: Network, explain: Callable[[str, str], str]) -> Iterator[None]:
    """Turns an error inside the context into a `FechnerError` that says `explain(the innermost module running, the reason)`."""
    running: list[str] = []
    handles = []
    for name, module in network.model.named_modules():
        label = f"layer '{name}' ({type(module).__name__})" if name else f"{type(module).__name__} itself"
        handles.append(module.register_forward_pre_hook(lambda m, a, label=label: running.append(label)))
        handles.append(module.register_forward_hook(lambda m, a, o: running.pop() and None))
    try:
        yield
    except FechnerError:
        raise
    except Exception as e:
        where = running[-1] if running else "its normalisation"
        raise FechnerError(explain(where, first_line(e))) from e
    finally:
        for handle in handles:
            handle.remove()


def traced(network: Network, images: Tensor) -> tuple[list[Layer], list[str]]:
    """The layers that the images pass through, and notes on those that are left out.

    Raises `FechnerError` if the network does not take the images.
    """
    shape = "×".join(map(str, images.shape[1:]))

    def explain(where: str, reason: str) -> str:
        return (
            f"{network.name} cannot run on {shape} images (in {where}: {reason}); "
            "check the stimulus' size and number of channels, and the network's dtype and device"
        )

    with warnings.catch_warnings(record=True) as caught, explained(network, explain):
        warnings.simplefilter("always", FechnerWarning)
        layers = trace(network, images)
    notes = [str(w.message).removeprefix(f"{network.name}: ") for w in caught if issubclass(w.category, FechnerWarning)]
    # Other warnings were caught too, and are issued now.
    for w in caught:
        if not issubclass(w.category, FechnerWarning):
            warnings.warn_explicit(w.message, w.category, w.filename, w.lineno)
    return layers, notes


def returned(network: Network, images: Tensor) -> dict[str, Tensor]:
    """The output of every layer, with the batch on whatever axis the module keeps it.

    Raises `FechnerError` if a layer's output has another dtype than the images.
    """
    outputs: dict[str, Tensor] = {}

    def visit(name: str, module_name: str, module: nn.Module, tensor: Tensor) -> None:
        if not (tensor.is_floating_point() or tensor.is_complex()):
            return
        if tensor.real.dtype != images.dtype:
            raise FechnerError(
                f"{network.name}: layer '{name}' returns {tensor.dtype} although the stimuli are {images.dtype}; "
                f"make the whole network one dtype, for example network.to({images.dtype})"
            )
        outputs[name] = tensor.clone()

    with torch.no_grad(), tap(network, visit):
        network(images)
    return outputs


def responses(
    network: Network, layers: Mapping[str, Layer], images: Tensor, run: Run | None = None, first: int | None = None
) -> dict[str, Tensor]:
    """Responses of these layers, one row for each image, or for the `first` images.

    `run` computes the network's output, for example with its weights in another dtype; by default it is the network.
    """
    rows: dict[str, Tensor] = {}

    def visit(name: str, module_name: str, module: nn.Module, tensor: Tensor) -> None:
        if name in layers:
            rows[name] = per_image(layers[name], tensor, len(images))[:first].clone()

    with torch.no_grad(), tap(network, visit):
        (run or network)(images)
    return rows


def per_image(layer: Layer, tensor: Tensor, images: int) -> Tensor:
    """As `Layer.per_stimulus`; a tensor of another shape, such as that of a network that squeezes, is cut into equal rows."""
    try:
        return layer.per_stimulus(tensor, images)
    except (FechnerError, IndexError, RuntimeError):
        return tensor.reshape(images, -1) if tensor.numel() % images == 0 else tensor.reshape(1, -1)

"""Which layers a network has, in execution order, and how to listen to them.

A layer is one tensor that one module returned in one call. It is named by the module's dotted name; a second call of
the same module adds "#2", and one of several tensors in a returned tuple or dict adds ":0" or ":key". What the whole
network returns is "output", where no module returned it. "input" are the pixels; a module of that name is "input#1".
"""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

from fechner.errors import FechnerError, choices
from fechner.networks.network import Network

OUTPUT = "output"
INPUT = "input"
_PASSIVE = (nn.Identity, nn.modules.dropout._DropoutNd, StochasticDepth)
_FEW, _MANY = 8, 24


@dataclass(frozen=True)
class Layer:
    """One tensor that a module returned: its name, the module, and how the batch lies in it."""

    name: str
    module: str
    kind: str
    shape: tuple[int, ...]
    batch_axis: int
    passive: bool = False

    @property
    def units(self) -> int:
        """Number of activations per stimulus."""
        return int(torch.tensor(self.shape).prod())

    def per_stimulus(self, output: Tensor, batch: int) -> Tensor:
        """The output as (batch, …), wherever the module keeps the batch."""
        if self.batch_axis:
            output = output.movedim(self.batch_axis, 0)
        if len(output) != batch:
            output = output.reshape(batch, -1, *output.shape[1:])
        return output


Visit = Callable[[str, str, nn.Module, Tensor], None]


@contextmanager
def tap(network: Network, visit: Visit, modules: Collection[str] | None = None) -> Iterator[None]:
    """Call `visit(layer name, module name, module, tensor)` for each tensor as its module returns it.

    The tensor is seen before any in-place operation downstream; `visit` must use it up or copy it.
    """
    calls: Counter[str] = Counter()

    def hook(name: str) -> Callable[[nn.Module, object, object], None]:
        def listen(module: nn.Module, args: object, output: object) -> None:
            calls[name] += 1
            base = name if calls[name] == 1 and name != INPUT else f"{name}#{calls[name]}"
            parts = list(_tensors(output))
            for key, tensor in parts:
                visit(base if len(parts) == 1 else base + key, name, module, tensor)

        return listen

    handles = []
    try:
        handles.append(network.model.register_forward_pre_hook(lambda module, args: calls.clear()))
        for name, module in network.model.named_modules():
            name = name or OUTPUT
            if modules is None or name in modules:
                handles.append(module.register_forward_hook(hook(name)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _tensors(output: object, key: str = "") -> Iterator[tuple[str, Tensor]]:
    if isinstance(output, Tensor):
        yield key, output
    elif isinstance(output, Mapping):
        for k, v in output.items():
            yield from _tensors(v, f"{key}:{k}")
    elif isinstance(output, tuple) and hasattr(output, "_fields"):
        for k, v in zip(output._fields, output, strict=True):
            yield from _tensors(v, f"{key}:{k}")
    elif isinstance(output, list | tuple):
        for i, v in enumerate(output):
            yield from _tensors(v, f"{key}:{i}")


@torch.no_grad()
def trace(network: Network, images: Tensor) -> list[Layer]:
    """All layers that these images (one is enough) pass through, in the order in which their modules return.

    Runs the network on two and on three images, and takes for the batch axis the one whose length follows; tensors
    that do not depend on the batch, and integer tensors, are no layers.
    """
    two, three = (_shapes(network, images[:1].expand(n, *images.shape[1:])) for n in (2, 3))
    layers = []
    for name, (module_name, module, shape) in two.items():
        axis = _batch_axis(shape, three[name][2]) if name in three else None
        if axis is not None:
            rest = list(shape)
            blocks = rest.pop(axis) // 2
            per = (blocks, *rest) if blocks > 1 else tuple(rest)
            layers.append(Layer(name, module_name, type(module).__name__, per, axis, isinstance(module, _PASSIVE)))
    return layers


def _shapes(network: Network, images: Tensor) -> dict[str, tuple[str, nn.Module, tuple[int, ...]]]:
    found: dict[str, tuple[str, nn.Module, tuple[int, ...]]] = {}
    last: list[Tensor] = []

    def visit(name: str, module_name: str, module: nn.Module, tensor: Tensor) -> None:
        repeated = module_name == OUTPUT and bool(last) and tensor is last[-1]
        if tensor.is_floating_point() and not repeated:
            found[name] = (module_name, module, tuple(tensor.shape))
            last[:] = [tensor]

    with tap(network, visit):
        network(images)
    return found


def _batch_axis(two: tuple[int, ...], three: tuple[int, ...]) -> int | None:
    if len(two) != len(three):
        return None
    differ = [i for i, (a, b) in enumerate(zip(two, three, strict=True)) if a != b]
    if len(differ) == 1 and two[differ[0]] * 3 == three[differ[0]] * 2:
        return differ[0]
    return None


def select(layers: Sequence[Layer], wanted: str | Sequence[str], network: Network) -> list[Layer]:
    """The layers that "all", "blocks" or globs name, in execution order.

    Globs are separated by commas or given as a list; "layer1.*" matches dotted names. Raises `FechnerError` for a glob
    that matches nothing.
    """
    globs = [g.strip() for g in wanted.split(",")] if isinstance(wanted, str) else list(wanted)
    names = {layer.name for layer in layers}
    chosen: set[str] = set()
    for glob in globs:
        if glob == "all":
            chosen |= names
        elif glob == "blocks":
            chosen |= {layer.name for layer in blocks(layers, network)}
        else:
            matched = set(fnmatch.filter(names, glob)) or {n for n in names if n.split("#")[0] == glob}
            if not matched:
                idle = fnmatch.filter([n for n, _ in network.model.named_modules()], glob)
                if idle:
                    raise FechnerError(f"layer '{idle[0]}' exists but returns no tensor of its own in evaluation")
                raise choices("layer", glob, [layer.name for layer in layers], " ('all', 'blocks' or a glob also work)")
            chosen |= matched
    return [layer for layer in layers if layer.name in chosen]


def blocks(layers: Sequence[Layer], network: Network) -> list[Layer]:
    """About a dozen layers that stand for the whole network, in execution order.

    The network's children, the ones with most parameters opened up until there are at least eight; a child that is a
    long chain of single operations is represented by the last operation before each next layer with weights.
    """
    last: dict[str, Layer] = {}
    for layer in layers:
        if not layer.passive:
            last[layer.name.split("#")[0].split(":")[0]] = layer
    modules = dict(network.model.named_modules())

    def inside(name: str) -> list[str]:
        """Nearest descendants that ran."""
        found: list[str] = []
        for child, _ in modules[name].named_children():
            full = f"{name}.{child}" if name else child
            found += [full] if full in last else inside(full)
        return found

    def size(name: str) -> int:
        return sum(p.numel() for p in modules[name].parameters())

    frontier = inside("")
    if len(frontier) > _MANY and not any(inside(c) for c in frontier):
        frontier = _one_per_weights(frontier, modules)
    while len(frontier) < _FEW:
        open_up = [n for n in frontier if len(inside(n)) > 1]
        if not open_up:
            break
        biggest = max(open_up, key=size)
        children = inside(biggest)
        if not any(inside(c) for c in children):
            children = _one_per_weights(children, modules)
        at = frontier.index(biggest)
        frontier[at : at + 1] = children
    order = {layer.name: i for i, layer in enumerate(layers)}
    chosen = [last[n] for n in frontier] or [layer for layer in layers if layer.name == OUTPUT]
    return sorted(chosen, key=lambda layer: order[layer.name])


def _one_per_weights(names: list[str], modules: Mapping[str, nn.Module]) -> list[str]:
    """The last of each run of operations that a convolution or linear layer begins."""
    heavy = [isinstance(modules[n], nn.Linear | nn.modules.conv._ConvNd) for n in names]
    return [n for i, n in enumerate(names) if i + 1 == len(names) or heavy[i + 1]]

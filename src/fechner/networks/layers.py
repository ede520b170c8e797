"""Which layers a network has, in execution order, and how to read their responses.

A layer is one tensor that one module returned in one call. It is named by the module's dotted name; a second call of
the same module adds "#2", and one of several tensors in a returned tuple or dict adds ":0" or ":key". The output of the whole
network is "output", unless it is the tensor that a module returned last. The pixels are "input"; a module of that name is
"input#1".

Measurements call `trace` once, `select` the layers, and `tap` every pass. Names are saved with results, so they must stay.
Tests: tests/networks/test_layers.py.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

from fechner.errors import FechnerError, FechnerWarning, choices
from fechner.networks.network import Network

OUTPUT = "output"
INPUT = "input"
# Modules that do nothing in evaluation mode.
_PASSIVE = (nn.Identity, nn.modules.dropout._DropoutNd, StochasticDepth)
# The least number of blocks, and the most of a network that is a plain chain.
_FEW, _MANY = 8, 24
# How many containers within containers are searched for tensors.
_DEEP = 8


@dataclass(frozen=True)
class Layer:
    """One tensor that a module returns.

    >>> Layer("layer1", "layer1", "Sequential", (64, 56, 56), batch_axis=0).unit_count
    200704

    `module` is the module's dotted name and `kind` its class. `shape` is that of one stimulus, without the batch, which lies
    on axis `batch_axis` of what the module returns. `passive` says that the module does nothing in evaluation mode.
    """

    name: str
    module: str
    kind: str
    shape: tuple[int, ...]
    batch_axis: int
    passive: bool = False

    @property
    def unit_count(self) -> int:
        """Number of activations per stimulus."""
        return int(torch.tensor(self.shape).prod())

    def per_stimulus(self, output: Tensor, batch: int) -> Tensor:
        """The output as (batch, …), wherever the module keeps the batch; a complex number becomes two real ones.

        Raises `FechnerError` if the output has another shape than the layer.
        """
        output = _real(output)
        if self.batch_axis and self.batch_axis < output.dim():
            output = output.movedim(self.batch_axis, 0)
        if output.dim() and len(output) != batch and not len(output) % batch:
            output = output.reshape(batch, -1, *output.shape[1:])
        if output.shape != (batch, *self.shape):
            expected, got = ("×".join(map(str, s)) or "nothing" for s in ((batch, *self.shape), output.shape))
            raise FechnerError(
                f"layer '{self.name}' returns {got} activations where {expected} were expected: their number depends on the "
                "image; leave it out of the layers"
            )
        return output


Visit = Callable[[str, str, nn.Module, Tensor], None]


@contextmanager
def tap(network: Network, visit: Visit, modules: Collection[str] | None = None) -> Iterator[None]:
    """Call `visit(layer name, module name, module, tensor)` for each tensor when its module returns it.

    >>> network, names = Network(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()).eval()), []
    >>> with tap(network, lambda name, *rest: names.append(name)):
    ...     responses = network(torch.rand(1, 3, 8, 8))
    >>> names
    ['0', '1', 'output']

    `modules` are the names of those to hook, by default all. `visit` gets the tensor before any in-place operation
    downstream, which will overwrite it: it must use the tensor at once or copy it.
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


def _tensors(output: object, key: str = "", within: tuple[object, ...] = ()) -> Iterator[tuple[str, Tensor]]:
    """The tensors in whatever a module returned, each with the keys that lead to it."""
    if isinstance(output, Tensor):
        yield key, output
    elif len(within) < _DEEP and not any(output is outer for outer in within):
        for k, v in _parts(output):
            yield from _tensors(v, f"{key}:{k}", (*within, output))


def _parts(output: object) -> list[tuple[object, object]]:
    """The entries of a container: items, elements, or the public fields of an object."""
    if isinstance(output, Mapping):
        return list(output.items())
    if isinstance(output, tuple) and hasattr(output, "_fields"):
        return list(zip(output._fields, output, strict=True))
    if isinstance(output, list | tuple):
        return list(enumerate(output))
    if isinstance(output, type | nn.Module) or callable(output):
        return []
    if dataclasses.is_dataclass(output):
        names = [f.name for f in dataclasses.fields(output)]
    elif hasattr(output, "__attrs_attrs__"):
        names = [f.name for f in output.__attrs_attrs__]
    else:
        names = [name for name in getattr(output, "__dict__", {}) if not name.startswith("_")]
    return [(name, getattr(output, name, None)) for name in names]


def _real(tensor: Tensor) -> Tensor:
    """Complex numbers as pairs of real ones, with the same norm; other tensors as they are."""
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


@torch.no_grad()
def trace(network: Network, images: Tensor) -> list[Layer]:
    """All layers that these images (B, C, H, W) pass through, in the order in which their modules return; B may be 1.

    >>> network = Network(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()).eval())
    >>> [(layer.name, layer.shape) for layer in trace(network, torch.rand(1, 3, 8, 8))]
    [('0', (8, 6, 6)), ('1', (8, 6, 6))]

    The network runs on two and on three images, and the batch axis is the one whose length changes with their number.
    Tensors that do not depend on the batch, and integer tensors, are no layers. Layers that have another number of
    activations for each of two different images, as in detectors, are left out with a warning. Raises `FechnerError` if two
    layers would have the same name.
    """
    two, three = (_shapes(network, images[torch.arange(n) % min(2, len(images))]) for n in (2, 3))
    layers, varying = [], []
    for name, (module_name, module, shape) in two.items():
        axis = _batch_axis(shape, three[name][2]) if name in three else None
        if axis is not None:
            rest = list(shape)
            blocks = rest.pop(axis) // 2
            # Modules such as windowed attention return several entries for each image.
            single = (blocks, *rest) if blocks > 1 else tuple(rest)
            layers.append(Layer(name, module_name, type(module).__name__, single, axis, isinstance(module, _PASSIVE)))
        elif name in three and shape != three[name][2]:
            varying.append(name)
    if varying:
        warnings.warn(
            f"{network.name}: {len(varying)} layers are left out, because their size is not in proportion to the number of "
            f"images, such as '{varying[0]}'",
            FechnerWarning,
            stacklevel=2,
        )
    return layers


def _shapes(network: Network, images: Tensor) -> dict[str, tuple[str, nn.Module, tuple[int, ...]]]:
    """The module name, the module and the shape of every floating-point tensor that a module returns."""
    shapes: dict[str, tuple[str, nn.Module, tuple[int, ...]]] = {}
    last: list[Tensor] = []

    def visit(name: str, module_name: str, module: nn.Module, tensor: Tensor) -> None:
        repeated = module_name == OUTPUT and bool(last) and tensor is last[-1]
        if (tensor.is_floating_point() or tensor.is_complex()) and not repeated:
            if name in shapes:
                raise FechnerError(
                    f"{network.name}: two layers would be called '{name}'; rename module '{module_name}' or "
                    f"'{shapes[name][0]}'"
                )
            shapes[name] = (module_name, module, tuple(_real(tensor).shape))
            last[:] = [tensor]

    with tap(network, visit):
        network(images)
    return shapes


def _batch_axis(two: tuple[int, ...], three: tuple[int, ...]) -> int | None:
    """The axis whose length is in proportion to the number of images; None if there is none, or others change too."""
    axes = [i for i, (a, b) in enumerate(zip(two, three, strict=False)) if a != b]
    proportional = len(two) == len(three) and len(axes) == 1 and two[axes[0]] * 3 == three[axes[0]] * 2
    return axes[0] if proportional else None


def select(layers: Sequence[Layer], wanted: str | Sequence[str], network: Network) -> list[Layer]:
    """The layers that "all", "blocks" or globs name, in execution order.

    >>> network = Network(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten()).eval())
    >>> [layer.name for layer in select(trace(network, torch.rand(1, 3, 8, 8)), "2,0", network)]
    ['0', '2']

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
            matched = (
                {glob} & names
                or {layer.name for layer in layers if layer.module == glob}
                or set(fnmatch.filter(names, glob))
            )
            if not matched:
                modules = [n for n, _ in network.model.named_modules()]
                silent = [glob] if glob in modules else fnmatch.filter(modules, glob)
                if silent:
                    raise FechnerError(
                        f"layer '{silent[0]}' exists but returns no tensor of its own in evaluation, or one whose shape "
                        "depends on the image"
                    )
                raise choices("layer", glob, [layer.name for layer in layers], " ('all', 'blocks' or a glob also work)")
            chosen |= matched
    return [layer for layer in layers if layer.name in chosen]


def blocks(layers: Sequence[Layer], network: Network) -> list[Layer]:
    """About a dozen layers that represent the whole network, in execution order.

    >>> from fechner import load
    >>> network = load("resnet18", "init")
    >>> [layer.name for layer in blocks(trace(network, torch.rand(1, 3, 64, 64)), network)]
    ['conv1', 'bn1', 'relu', 'maxpool', 'layer1', 'layer2', 'layer3', 'layer4', 'avgpool', 'fc']

    They are the network's children. As long as there are fewer than eight, the one with the most parameters is replaced by
    its own children. A long chain of single operations is represented by the last operation before each next layer with
    weights.
    """
    last: dict[str, Layer] = {}
    for layer in layers:
        if not layer.passive:
            last[layer.module] = layer
    modules = dict(network.model.named_modules())

    def inside(name: str) -> list[str]:
        """The nearest descendants that ran."""
        descendants: list[str] = []
        for child, _ in modules[name].named_children():
            full = f"{name}.{child}" if name else child
            descendants += [full] if full in last else inside(full)
        return descendants

    frontier = inside("")
    if len(frontier) > _MANY and not any(inside(c) for c in frontier):
        frontier = _one_per_weights(frontier, modules)
    while len(frontier) < _FEW:
        divisible = [n for n in frontier if len(inside(n)) > 1]
        if not divisible:
            break
        biggest = max(divisible, key=lambda n: sum(p.numel() for p in modules[n].parameters()))
        children = inside(biggest)
        if not any(inside(c) for c in children):
            children = _one_per_weights(children, modules)
        place = frontier.index(biggest)
        frontier[place : place + 1] = children
    # In the order in which modules run, which may differ from that in which they are defined.
    chosen = [last[n] for n in frontier] or [layer for layer in layers if layer.module == OUTPUT]
    return [layer for layer in layers if layer in chosen]


def _one_per_weights(names: list[str], modules: Mapping[str, nn.Module]) -> list[str]:
    """The last operation of each run of operations that begins with a convolution or linear layer."""
    has_weights = [isinstance(modules[n], nn.Linear | nn.modules.conv._ConvNd) for n in names]
    return [n for i, n in enumerate(names) if i + 1 == len(names) or has_weights[i + 1]]

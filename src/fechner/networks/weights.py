"""Weights: those that a network takes from a file, and how they are shuffled.

`zoo` reads all tensors of a file by `checkpoint`, `choose` finds the state dict among them, and `fit` loads it. No network
may be measured with a mixture of loaded and random weights, so whatever does not fit is an error. The same seed must always
give the same shuffle, because results name only the seed. Tests: tests/networks/test_weights.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fechner.errors import FechnerError, choices

# The parts of names that wrappers of a network or of its layers add: DataParallel, torch.compile, FSDP, checkpointing.
_WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
# Names of running averages of weights, and of networks that follow another one in training.
_AVERAGED = re.compile(r"(^|[_.])(ema|swa|avg|averaged?|teacher|momentum|target|encoder_k)($|[_.])")


@dataclass(frozen=True)
class Chosen:
    """The state dict that a network takes from a file, its prefix there, and the prefixes of others that fit too."""

    state: dict[str, Tensor]
    prefix: str
    others: tuple[str, ...]


def choose(tensors: Mapping[str, Tensor], model: nn.Module, source: str, key: str = "") -> Chosen:
    """The state dict among all tensors of a file, under the prefix below which most tensors have the model's names and shapes.

    >>> linear = nn.Linear(3, 2)
    >>> choose({f"net.{name}": tensor for name, tensor in linear.state_dict().items()}, linear, "a file").prefix
    'net'

    If several prefixes fit equally well, it is the first that is not a running average (EMA, teacher), or the one that `key`
    names: a prefix, or some of its parts in a row. Some layers may also lie one level up, such as a head next to a backbone.
    Raises `FechnerError` if `key` names nothing. `source` is what errors call the file.
    """
    own = model.state_dict()
    wrappers = _WRAPPERS - {part for name in own for part in name.split(".")}
    unwrapped = {_without(name, wrappers): tensor for name, tensor in tensors.items()}
    below: dict[str, dict[str, Tensor]] = {}
    for name, tensor in unwrapped.items():
        parts = name.split(".")
        for i in range(len(parts)):
            if (rest := ".".join(parts[i:])) in own:
                below.setdefault(".".join(parts[:i]), {})[rest] = tensor
    candidates = [prefix for prefix in below if f".{_without(key, wrappers)}." in f".{prefix}." or not key]

    def under(prefix: str) -> dict[str, Tensor]:
        start = prefix and prefix + "."
        return {name.removeprefix(start): tensor for name, tensor in unwrapped.items() if name.startswith(start)}

    compared = {prefix: _compare(under(prefix), own) for prefix in below}
    if key and not candidates:
        sets = [prefix for prefix in below if compared[prefix].most and prefix]
        raise choices(f"weights in {source}", key, sets or {name.split(".")[0] for name in tensors})
    if not candidates:
        return Chosen(dict(tensors), "", ())

    def order(prefix: str) -> tuple[int, bool, bool]:
        match = compared[prefix]
        return -len(match.fits), bool(match.inside), bool(_AVERAGED.search(prefix))

    prefix = min(candidates, key=order)
    state = under(prefix)
    # What lies one level up or more, and is not in this set, belongs to it: a head next to a backbone.
    outer = prefix
    while outer:
        outer = outer.rpartition(".")[0]
        if not below.get(outer, {}).keys() & below[prefix].keys():
            state |= below.get(outer, {})
    # Other sets may lie inside this one.
    others = [p for p in below if p != prefix and compared[p].most]
    for other in others:
        start = other.removeprefix(prefix and prefix + ".") + "."
        state = {name: tensor for name, tensor in state.items() if not name.startswith(start)}
    return Chosen(state, prefix, tuple(others))


def _without(name: str, wrappers: set[str]) -> str:
    return ".".join(part for part in name.split(".") if part not in wrappers)


@dataclass(frozen=True)
class _Comparison:
    """A comparison of a state dict with a model.

    `fits` are the tensors that fit, and `most` says that these are more than half of the model's. The others are `missing`,
    of other `shapes`, or `inside` a child of the model that has no such tensor. `head` is the model's last module, if it is
    all that is missing.
    """

    fits: dict[str, Tensor]
    most: bool
    missing: list[str]
    shapes: list[str]
    inside: list[str]
    head: str | None


def _compare(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> _Comparison:
    fits = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    # Old checkpoints have no count of batches, and nothing here reads it.
    missing = [k for k in own if k not in state and not k.endswith("num_batches_tracked")]
    shapes = [k for k in state if k in own and k not in fits]
    most = 2 * len(fits) > len(own)
    head = _head(own, missing) if most else None
    children = {name.split(".")[0] for name in own}
    inside = [k for k in state if k not in own and k.split(".")[0] in children]
    inside = [k for k in inside if not (head and k.startswith(head + "."))]
    return _Comparison(fits, most, missing, shapes, inside, head)


def fit(model: nn.Module, state: Mapping[str, Tensor], source: str, *, partly: bool = False) -> list[str]:
    """Load a state dict into a model, and return notes for the user on a missing head and on layers that are not used.

    >>> fit(nn.Linear(3, 2), nn.Linear(3, 2).state_dict(), "a file")
    []

    A head (the last module with weights) that is missing as a whole becomes `nn.Identity`. With `partly`, entries of
    other names or shapes are skipped, if more than half of the model and of the state dict fit. Otherwise, and for values
    that are not finite or of another kind, a `FechnerError` says how the two differ.
    """
    own = model.state_dict()
    match = _compare(state, own)
    fits, head = match.fits, match.head
    if (match.missing and not head) or match.inside or match.shapes:
        unexpected = [k for k in state if k not in own]
        parts = [
            f"{len(names)} {what} (such as {names[0]})"
            for names, what in (
                (match.missing, "missing"), (unexpected, "unexpected"), (match.shapes, "of another shape")
            )
            if names
        ]  # fmt: skip
        if not (partly and match.most and 2 * len(fits) > len(state)):
            raise FechnerError(
                f"{source} does not fit {type(model).__name__}: {', '.join(parts)} of {len(own)} tensors"
            )
    _check_tensors(fits, own, source)
    model.load_state_dict(fits, strict=False)
    notes = []
    if head and not partly:
        model.set_submodule(head, nn.Identity())
        notes.append(f"it has no weights for '{head}', which is left out of the network")
    children = {name.split(".")[0] for name in own}
    # A single number is no layer, but a count or a score.
    unused = dict.fromkeys(k.split(".")[0] for k in state if state[k].numel() > 1)
    names = ", ".join(f"'{name}'" for name in unused if name not in children)
    if names:
        notes.append(f"what it has for {names} is not used, because the network has no such layers")
    return notes


def _head(own: Mapping[str, Tensor], missing: list[str]) -> str | None:
    """The module whose tensors are all that is missing, if it is the last one that has any."""
    if not missing or missing[-1] != list(own)[-1]:
        return None
    common = []
    for parts in zip(*(name.split(".")[:-1] for name in missing), strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    head = ".".join(common)
    whole = [k for k in own if k.startswith(head + ".") and not k.endswith("num_batches_tracked")]
    return head if head and whole == missing else None


def _kind(tensor: Tensor) -> str:
    if tensor.is_meta or tensor.layout != torch.strided:
        return "unreadable"
    return "complex" if tensor.is_complex() else "floating-point" if tensor.is_floating_point() else "integer"


def _check_tensors(fits: Mapping[str, Tensor], own: Mapping[str, Tensor], source: str) -> None:
    """Raise `FechnerError` for weights of another kind than the model's, and for NaN and Inf where the model has none."""
    for name, tensor in fits.items():
        expected, got = _kind(own[name]), _kind(tensor)
        if expected != got and not (expected == "integer" and got == "floating-point"):
            raise FechnerError(
                f"{source} holds {got} weights ({tensor.dtype}) in '{name}', where the network has {expected} ones "
                f"({own[name].dtype}); save them in the network's dtype"
            )
    bad = {}
    for name, tensor in fits.items():
        if tensor.is_floating_point() or tensor.is_complex():
            infinite = int((~tensor.to(own[name].dtype).isfinite()).sum())
            if infinite and bool(own[name].isfinite().all()):
                bad[name] = infinite
    if bad:
        raise FechnerError(
            f"{source} holds {sum(bad.values())} weights that are not finite (NaN or Inf), the first in "
            f"'{next(iter(bad))}'; take a checkpoint from before the training diverged, or a whole copy of the file"
        )


def classes(model: nn.Module, state: Mapping[str, Tensor]) -> int | None:
    """The number of classes that a state dict was trained for, which is the length of the model's last parameter.

    >>> classes(nn.Linear(3, 2), nn.Linear(3, 5).state_dict())
    5

    None if the state dict does not have this parameter.
    """
    tensor = state.get(list(model.state_dict())[-1])
    return None if tensor is None or tensor.dim() == 0 else len(tensor)


@torch.no_grad()
def shuffle(module: nn.Module, seed: int = 0, buffers: bool = False) -> nn.Module:
    """Shuffle all weights of a module in place, and return the module; the same seed gives the same shuffle.

    >>> linear = nn.Linear(4, 1, bias=False)
    >>> before = linear.weight.flatten().tolist()
    >>> sorted(shuffle(linear, seed=1).weight.flatten().tolist()) == sorted(before)
    True

    Convolution kernels permute their output channels independently at every kernel position; matrices permute rows
    and columns; vectors permute (Benjamin et al. 2022, Fig. 2). The statistics of batch normalisation are not changed, as
    in the published code; with `buffers` each of them is permuted too.
    """
    generator = torch.Generator().manual_seed(seed)
    for owner in module.modules():
        kernels = isinstance(owner, nn.modules.conv._ConvNd)
        parameters = [*owner.named_parameters(recurse=False)]
        for name, tensor in [*parameters, *owner.named_buffers(recurse=False)]:
            number = tensor.is_floating_point() or tensor.is_complex()
            if number and name not in owner._non_persistent_buffers_set:
                # Permutations are drawn for buffers in any case, so that `buffers` does not change those of parameters.
                shuffled = _shuffled(tensor, kernels and name == "weight", generator)
                if buffers or name in dict(parameters):
                    tensor.copy_(shuffled)
    return module


def _shuffled(tensor: Tensor, kernel: bool, generator: torch.Generator) -> Tensor:
    def order(n: int) -> Tensor:
        return torch.randperm(n, generator=generator).to(tensor.device)

    if kernel:
        positions = tensor.flatten(2)
        return torch.stack([positions[order(len(tensor)), :, i] for i in range(positions.shape[2])], 2).view_as(tensor)
    result = tensor.squeeze()
    for axis in range(result.dim()):
        result = result.index_select(axis, order(result.shape[axis]))
    return result.reshape(tensor.shape)

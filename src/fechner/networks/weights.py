"""Weights: those that a network takes from a file, and how they are shuffled."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fechner.errors import FechnerError, choices

# Parts of names that wrappers of a network or of its layers add: DataParallel, torch.compile, FSDP, checkpointing.
_WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
# Running averages of weights, and networks that follow another one.
_AVERAGED = re.compile(r"(^|[_.])(ema|swa|avg|averaged?|teacher|momentum|target|encoder_k)($|[_.])")


@dataclass(frozen=True)
class Chosen:
    """The state dict that a network takes from a file: its prefix there, and the prefixes of others that would do."""

    state: dict[str, Tensor]
    prefix: str
    others: tuple[str, ...]


def choose(found: Mapping[str, Tensor], model: nn.Module, source: str, key: str = "") -> Chosen:
    """The state dict among all tensors of a file, under the prefix below which most tensors have the model's names and shapes.

    Where several prefixes do as well, it is the first that is not a running average (EMA, teacher), or the one that `key`
    names: a prefix, or some of its parts in a row. Layers may also lie one level up, as a head beside a backbone. Raises
    `FechnerError` if `key` names nothing.
    """
    own = model.state_dict()
    wrappers = _WRAPPERS - {part for name in own for part in name.split(".")}
    named = {_without(name, wrappers): tensor for name, tensor in found.items()}
    below: dict[str, dict[str, Tensor]] = {}
    for name, tensor in named.items():
        parts = name.split(".")
        for i in range(len(parts)):
            if (rest := ".".join(parts[i:])) in own:
                below.setdefault(".".join(parts[:i]), {})[rest] = tensor
    known = [prefix for prefix in below if f".{_without(key, wrappers)}." in f".{prefix}." or not key]

    def under(prefix: str) -> dict[str, Tensor]:
        start = prefix and prefix + "."
        return {name.removeprefix(start): tensor for name, tensor in named.items() if name.startswith(start)}

    compared = {prefix: _compare(under(prefix), own) for prefix in below}
    if key and not known:
        sets = [prefix for prefix in below if compared[prefix].most and prefix]
        raise choices(f"weights in {source}", key, sets or {name.split(".")[0] for name in found})
    if not known:
        return Chosen(dict(found), "", ())

    def order(prefix: str) -> tuple[int, bool, bool]:
        match = compared[prefix]
        return -len(match.fits), bool(match.inside), bool(_AVERAGED.search(prefix))

    prefix = min(known, key=order)
    state = under(prefix)
    outer = prefix
    while outer:
        outer = outer.rpartition(".")[0]
        if not below.get(outer, {}).keys() & below[prefix].keys():
            state |= below.get(outer, {})
    others = [p for p in below if p != prefix and compared[p].most]
    for other in others:
        start = other.removeprefix(prefix and prefix + ".") + "."
        state = {name: tensor for name, tensor in state.items() if not name.startswith(start)}
    return Chosen(state, prefix, tuple(others))


def _without(name: str, wrappers: set[str]) -> str:
    return ".".join(part for part in name.split(".") if part not in wrappers)


@dataclass(frozen=True)
class _Comparison:
    """What of a state dict fits a model, what the model lacks and has besides, and the head if that is all it lacks."""

    fits: dict[str, Tensor]
    most: bool
    missing: list[str]
    shapes: list[str]
    inside: list[str]
    head: str | None


def _compare(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> _Comparison:
    fits = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    # Old checkpoints have no count of batches; nothing here reads it.
    missing = [k for k in own if k not in state and not k.endswith("num_batches_tracked")]
    shapes = [k for k in state if k in own and k not in fits]
    most = 2 * len(fits) > len(own)
    head = _head(own, missing) if most else None
    children = {name.split(".")[0] for name in own}
    inside = [k for k in state if k not in own and k.split(".")[0] in children]
    inside = [k for k in inside if not (head and k.startswith(head + "."))]
    return _Comparison(fits, most, missing, shapes, inside, head)


def fit(model: nn.Module, state: Mapping[str, Tensor], source: str, *, partly: bool = False) -> list[str]:
    """Load a state dict into a model; returns what the user should know: a head that is missing, layers that are not used.

    A head (the last module with weights) that is missing as a whole becomes `nn.Identity`. With `partly`, entries of
    other names or shapes are left as they are, if more than half of both fit. Otherwise, and for values that are not
    finite or of another kind, a `FechnerError` says how the two differ.
    """
    own = model.state_dict()
    found = _compare(state, own)
    fits, head = found.fits, found.head
    if (found.missing and not head) or found.inside or found.shapes:
        unexpected = [k for k in state if k not in own]
        parts = [
            f"{len(names)} {what} (such as {names[0]})"
            for names, what in (
                (found.missing, "missing"), (unexpected, "unexpected"), (found.shapes, "of another shape")
            )
            if names
        ]  # fmt: skip
        if not (partly and found.most and 2 * len(fits) > len(state)):
            raise FechnerError(
                f"{source} does not fit {type(model).__name__}: {', '.join(parts)} of {len(own)} tensors"
            )
    _check_values(fits, own, source)
    model.load_state_dict(fits, strict=False)
    notes = []
    if head and not partly:
        model.set_submodule(head, nn.Identity())
        notes.append(f"it has no weights for '{head}', which is left out of the network")
    # A single number is a count or a score.
    children = {name.split(".")[0] for name in own}
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


def _check_values(fits: Mapping[str, Tensor], own: Mapping[str, Tensor], source: str) -> None:
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
    """How many classes the state dict was trained for, read off the model's last parameter."""
    tensor = state.get(list(model.state_dict())[-1])
    return None if tensor is None or tensor.dim() == 0 else len(tensor)


@torch.no_grad()
def shuffle(module: nn.Module, seed: int = 0, buffers: bool = False) -> nn.Module:
    """Shuffle all weights of a module in place; the same seed gives the same shuffle.

    Convolution kernels permute their output channels independently at every kernel position; matrices permute rows
    and columns; vectors permute (Benjamin et al. 2022, Fig. 2). The statistics of batch normalisation stay as they are, as
    in the published code; with `buffers` each of them is permuted too. Returns the module.
    """
    generator = torch.Generator().manual_seed(seed)
    for owner in module.modules():
        kernels = isinstance(owner, nn.modules.conv._ConvNd)
        parameters = [*owner.named_parameters(recurse=False)]
        for name, tensor in [*parameters, *owner.named_buffers(recurse=False)]:
            number = tensor.is_floating_point() or tensor.is_complex()
            if number and name not in owner._non_persistent_buffers_set:
                # Drawn for buffers too: parameters are the same with them and without.
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

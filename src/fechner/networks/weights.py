"""Weights: read from a file without executing code, fitted to a network, or shuffled."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from fechner.errors import FechnerError, first_line
from fechner.outputs import expanded

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network")
_PREFIXES = ("module.", "model.", "network.", "_orig_mod.")


def read(path: str | Path) -> dict[str, Tensor]:
    """The state dict in a .pt, .pth, .ckpt or .safetensors file, or in a checkpoint that holds one.

    Raises `FechnerError` if the file is missing, truncated, not weights, or would need to execute code.
    """
    path = expanded(path)
    if not path.is_file():
        raise FechnerError(f"no weights file '{path}'; give a file, or one of pretrained, init, shuffled")
    if _scripted(path):
        raise FechnerError(
            f"'{path}' is a TorchScript archive, which holds code: it was not loaded. If you trust it, save its weights "
            "alone: torch.save(torch.jit.load(FILE).state_dict(), …)"
        )
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            found: object = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as e:
        if "unsupported global" in str(e).lower():
            raise FechnerError(
                f"'{path}' holds Python objects besides tensors, and loading them could run code: it was not loaded. "
                "If you trust it, save its state dict alone: torch.save(model.state_dict(), …)"
            ) from None
        raise FechnerError(f"'{path}' is damaged or not a weights file") from None
    except Exception as e:
        raise FechnerError(f"'{path}' is truncated, damaged or not a weights file ({first_line(e)})") from None
    state = _state(found)
    if not state:
        raise FechnerError(
            f"'{path}' holds no state dict: expected names and tensors, at the top or under 'state_dict'"
        )
    return state


def _scripted(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def _state(found: object) -> dict[str, Tensor]:
    """Names and tensors under a usual key, or else at the top; none if there are none."""
    if not isinstance(found, Mapping):
        return {}
    # Tensors may lie beside the state dict, such as the best accuracy.
    wrapped = (_state(found.get(key)) for key in _WRAPPERS)
    return next(filter(None, wrapped), None) or {str(k): v for k, v in found.items() if isinstance(v, Tensor)}


def fit(model: nn.Module, state: Mapping[str, Tensor], source: str, *, partly: bool = False) -> None:
    """Load a state dict into a model, under common prefixes if need be.

    With `partly`, entries of other names or shapes are left as they are, if more than half of both fit; otherwise a
    `FechnerError` says how the two differ.
    """
    own = model.state_dict()
    state = _unprefixed(state, own)
    fits = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    # Old checkpoints have no count of batches; nothing here reads it.
    missing = [k for k in own if k not in state and not k.endswith("num_batches_tracked")]
    unexpected = [k for k in state if k not in own]
    shapes = [k for k in state if k in own and k not in fits]
    enough = partly and 2 * len(fits) > max(len(state), len(own))
    if (missing or unexpected or shapes) and not enough:
        parts = [
            f"{len(names)} {what} (such as {names[0]})"
            for names, what in ((missing, "missing"), (unexpected, "unexpected"), (shapes, "of another shape"))
            if names
        ]
        raise FechnerError(f"{source} does not fit {type(model).__name__}: {', '.join(parts)} of {len(own)} tensors")
    model.load_state_dict(fits, strict=False)


def classes(model: nn.Module, state: Mapping[str, Tensor]) -> int | None:
    """How many classes the state dict was trained for, read off the model's last parameter."""
    last = list(model.state_dict())[-1]
    tensor = _unprefixed(state, model.state_dict()).get(last)
    return None if tensor is None or tensor.dim() == 0 else len(tensor)


def _unprefixed(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    while not any(k in own for k in state):
        prefix = next((p for p in _PREFIXES if any(k.startswith(p) for k in state)), None)
        if prefix is None:
            break
        state = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    return state


@torch.no_grad()
def shuffle(module: nn.Module, seed: int = 0) -> nn.Module:
    """Shuffle all weights of a module in place, batch-norm buffers included; the same seed gives the same shuffle.

    Convolution kernels permute their output channels independently at every kernel position; matrices permute rows
    and columns; vectors permute (Benjamin et al. 2022, Fig. 2). Returns the module.
    """
    generator = torch.Generator().manual_seed(seed)
    for owner in module.modules():
        kernels = isinstance(owner, nn.modules.conv._ConvNd)
        for name, tensor in [*owner.named_parameters(recurse=False), *owner.named_buffers(recurse=False)]:
            if tensor.is_floating_point() and name not in owner._non_persistent_buffers_set:
                tensor.copy_(_shuffled(tensor, kernels and name == "weight", generator))
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

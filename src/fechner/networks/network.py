"""A network: a module together with the normalisation of its inputs and a record of its weights.

Everything that measures takes a `Network`, or makes one of a plain module by `as_network`. The wrapped module itself is never
changed: another dtype is a copy. Tests: tests/networks/test_network.py.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from fechner.arguments import array, checked
from fechner.errors import FechnerError, first_line

_COMPLEX = {torch.float16: torch.complex32, torch.float32: torch.complex64, torch.float64: torch.complex128}


class Network(nn.Module):
    """A module that takes images in [0, 1] and returns the output of `model` on (images − mean) / std.

    >>> network = Network(nn.Conv2d(3, 8, 5).eval(), mean=0.5, std=0.25)
    >>> network(torch.rand(2, 3, 16, 16)).shape
    torch.Size([2, 8, 12, 12])

    Normalisation belongs here and not to the stimulus. `mean` and `std` are a number or one number per channel; layers
    are named as in `model`, and each of them stays in the mode it is in: call `eval()` first. Raises `FechnerError` for
    scripted, traced and exported modules. `image_size` records the side in pixels of the images that it was trained on, where
    that is known; images of other sizes may be presented.
    """

    mean: Tensor
    std: Tensor

    @checked
    def __init__(
        self,
        model: nn.Module,
        mean: Annotated[float | tuple[float, ...], "checked below"] = 0.0,
        std: Annotated[float | tuple[float, ...], "checked below"] = 1.0,
        *,
        name: str | None = None,
        weights: str = "as given",
        seed: int | None = None,
        image_size: int | None = None,
    ) -> None:
        super().__init__()
        self.name = name or type(model).__name__
        if any(isinstance(m, torch.jit.ScriptModule) for m in model.modules()):
            raise FechnerError(
                f"{self.name} is scripted or traced (torch.jit), and such modules cannot be tapped; "
                "give the module that it was made from"
            )
        if any(isinstance(m, torch.fx.GraphModule) and "eval" in vars(m) for m in model.modules()):
            raise FechnerError(
                f"{self.name} is an exported program (torch.export): its layers cannot be tapped, and its mode cannot be "
                "seen or changed; give the module that it was exported from"
            )
        self.model = model
        like = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0))
        for key, value in (("mean", mean), ("std", std)):
            check_normalisation(key, value)
            self.register_buffer(key, torch.as_tensor(value).to(like).reshape(-1, 1, 1), persistent=False)
        self.weights = weights
        self.seed = seed
        self.image_size = image_size
        self.training = model.training

    def forward(self, images: Tensor) -> Tensor:
        return self.model((images - self.mean) / self.std)

    def weights_sha256(self) -> str:
        """The SHA-256 digest of the names, shapes and values of the model's parameters and buffers.

        Raises `FechnerError` if some have no values yet.
        """
        check_values(self)
        digest = hashlib.sha256()
        for name, tensor in self.model.state_dict().items():
            if isinstance(tensor, Tensor):
                tensor = tensor.to_dense() if tensor.layout is not torch.strided else tensor
                digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
                values = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
                digest.update(values.flatten().view(torch.uint8).numpy().data)
        return digest.hexdigest()


def check_values(network: Network) -> None:
    """Raise `FechnerError` if a parameter or buffer has no values yet."""
    for name, tensor in itertools.chain(network.model.named_parameters(), network.model.named_buffers()):
        layer = name.rpartition(".")[0]
        if nn.parameter.is_lazy(tensor):
            kind, where = type(network.model.get_submodule(layer)).__name__, f"layer '{layer}'" if layer else "it"
            raise FechnerError(
                f"{network.name}: {where} ({kind}) has no weights before it has seen an image; run the network once "
                "on an image of the size of the stimulus, in evaluation mode"
            )
        if isinstance(tensor, nn.Parameter) and not (tensor.is_floating_point() or tensor.is_complex()):
            raise FechnerError(
                f"{network.name}: its weights '{name}' are {str(tensor.dtype).removeprefix('torch.')}, and derivatives need "
                "floating-point ones; give the network before it was quantised, or convert them"
            )
        if tensor.is_meta:
            raise FechnerError(
                f"{network.name}: '{name}' is on the meta device, so it has no values; load the weights with "
                "load_state_dict(state, assign=True), or make the network outside torch.device('meta')"
            )


def in_dtype(network: Network, dtype: torch.dtype) -> Network:
    """The network itself if all its numbers have this dtype, else a copy in which they have.

    >>> in_dtype(Network(nn.Conv2d(3, 8, 5).eval()), torch.float64).mean.dtype
    torch.float64

    Complex numbers take the complex dtype of the same precision. Raises `FechnerError` if parameters or buffers have no
    values yet, for complex ones where there is no such dtype, and for a network that cannot be copied.
    """
    check_values(network)

    def target(tensor: Tensor) -> torch.dtype | None:
        """The dtype that a tensor should have; None for a complex one where no complex dtype has this precision."""
        if tensor.is_complex():
            return _COMPLEX.get(dtype)
        return dtype if tensor.is_floating_point() else tensor.dtype

    tensors = [*network.named_parameters(), *network.named_buffers()]
    for name, tensor in tensors:
        if target(tensor) is None:
            raise FechnerError(
                f"{network.name}: '{name.removeprefix('model.')}' is complex, and complex numbers do not come in {dtype}; "
                "use torch.float32 or torch.float64"
            )
    if all(t.dtype == target(t) for _, t in tensors):
        return network
    try:
        copied = copy.deepcopy(network, _computed(network))
        return copied._apply(lambda t: t.to(dtype=target(t)))  # type: ignore[no-untyped-call]
    except Exception as e:
        raise FechnerError(
            f"{network.name} cannot be copied to {dtype} ({first_line(e)}); convert it before: network.to({dtype})"
        ) from e


def _computed(network: Network) -> dict[int, Tensor]:
    """Copies of tensors that a module computed from its parameters, which `deepcopy` cannot copy by itself.

    Old-fashioned weight normalisation stores such tensors; they are computed anew in the next pass.
    """
    attributes = [value for module in network.modules() for value in vars(module).values()]
    return {id(v): v.detach().clone() for v in attributes if isinstance(v, Tensor) and not v.is_leaf}


def check_normalisation(name: str, value: Any) -> None:
    """Raise `FechnerError` unless `mean`, or `std`, is a number or a number for each of 1 or 3 channels."""
    numbers = array(name, value)
    if numbers.size not in (1, 3):
        raise FechnerError(f"{name} must be one number, or one for each of 3 channels, got {numbers.size} of them")
    if name == "std" and numbers.min() <= 0:
        raise FechnerError(f"std must be greater than 0, got {numbers.min():g}: images are divided by it")


def as_network(module: nn.Module) -> Network:
    """The module itself if it is a `Network`, else a `Network` without normalisation around it.

    >>> as_network(nn.Conv2d(3, 8, 5).eval()).name
    'Conv2d'
    """
    return module if isinstance(module, Network) else Network(module)

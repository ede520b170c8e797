"""A network: a module together with the normalisation of its inputs and a record of its weights."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from fechner.arguments import array, checked
from fechner.errors import FechnerError


class Network(nn.Module):
    """Images in [0, 1] in, outputs of `model` on (images − mean) / std out.

    >>> network = Network(nn.Conv2d(3, 8, 5).eval(), mean=0.5, std=0.25)
    >>> network(torch.rand(2, 3, 16, 16)).shape
    torch.Size([2, 8, 12, 12])

    Normalisation belongs here and not to the stimulus. `mean` and `std` are a number or one number per channel; layers
    are named as in `model`, and each of them stays in the mode it is in: call `eval()` first. Raises `FechnerError` for
    scripted and traced modules.
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
    ) -> None:
        super().__init__()
        self.name = name or type(model).__name__
        if any(isinstance(m, torch.jit.ScriptModule) for m in model.modules()):
            raise FechnerError(
                f"{self.name} is scripted or traced (torch.jit), and such modules cannot be tapped; "
                "give the module that it was made from"
            )
        self.model = model
        like = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0))
        for key, value in (("mean", mean), ("std", std)):
            check_normalisation(key, value)
            self.register_buffer(key, torch.as_tensor(value).to(like).reshape(-1, 1, 1), persistent=False)
        self.weights = weights
        self.seed = seed
        self.training = model.training

    def forward(self, images: Tensor) -> Tensor:
        return self.model((images - self.mean) / self.std)

    def weights_sha256(self) -> str:
        """SHA-256 over the names, shapes and values of the model's parameters and buffers."""
        digest = hashlib.sha256()
        for name, tensor in self.model.state_dict().items():
            if isinstance(tensor, Tensor):
                digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
                digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        return digest.hexdigest()


def check_normalisation(name: str, value: Any) -> None:
    """Raise `FechnerError` unless `mean`, or `std`, is a number or a number for each of 1 or 3 channels."""
    found = array(name, value)
    if found.size not in (1, 3):
        raise FechnerError(f"{name} must be one number, or one for each of 3 channels, got {found.size} of them")
    if name == "std" and found.min() <= 0:
        raise FechnerError(f"std must be greater than 0, got {found.min():g}: images are divided by it")


def as_network(module: nn.Module) -> Network:
    """The module itself if it is a `Network`, else a `Network` without normalisation around it."""
    return module if isinstance(module, Network) else Network(module)

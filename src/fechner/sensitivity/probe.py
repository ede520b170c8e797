"""One look at a network before an expensive sweep: what is wrong with it, in which layer, and how to mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from fechner.errors import FechnerError, first_line
from fechner.networks import Layer, Network, Visit, tap, trace
from fechner.sensitivity.tangent import Exact, Method
from fechner.stimuli import Family, render

_INSTEAD = "use method='central', which needs no derivative rule"


def probe(network: Network, stimulus: Family, values: dict[str, Tensor], along: str, method: Method) -> list[Layer]:
    """The network's layers, once it is known that the sweep will work; `values` are those of two stimuli.

    Raises `FechnerError` for training mode, images of the wrong size, NaN or Inf, a dtype that changes on the way,
    detached outputs, operations without forward-mode rule, and stimuli that do not depend on the parameter.
    """
    training = next((n for n, m in network.model.named_modules() if m.training), None)
    if training is not None:
        where = f"its layer '{training}'" if training else "it"
        raise FechnerError(f"{network.name}: {where} is in training mode, so responses are random; call network.eval()")
    with torch.no_grad():
        images = render(stimulus, values)
    if not images.isfinite().all():
        raise FechnerError("the stimulus contains NaN or Inf")
    layers = _plain_pass(network, images)
    if isinstance(method, Exact):
        _dual_pass(network, stimulus, values, along, layers)
    return layers


def _plain_pass(network: Network, images: Tensor) -> list[Layer]:
    shape = "×".join(map(str, images.shape[1:]))

    def visit(name: str, module_name: str, module: nn.Module, tensor: Tensor) -> None:
        if not tensor.is_floating_point():
            return
        if tensor.dtype != images.dtype:
            raise FechnerError(
                f"{network.name}: layer '{name}' returns {tensor.dtype} although the stimuli are {images.dtype}; "
                f"make the whole network one dtype, for example network.to({images.dtype})"
            )
        if not tensor.isfinite().all():
            bad = "NaN" if tensor.isnan().any() else "Inf"
            raise FechnerError(
                f"{network.name}: layer '{name}' returns {bad}; check its weights and the layers before it"
            )

    def explain(where: str, reason: str) -> str:
        return (
            f"{network.name} cannot run on {shape} images (in {where}: {reason}); "
            "check the stimulus' size and number of channels, and the network's dtype and device"
        )

    with torch.no_grad():
        _run(network, images, visit, explain)
    layers = trace(network, images)
    if not layers:
        raise FechnerError(f"{network.name}: no layer returns a floating-point tensor with one entry per image")
    return layers


def check_batch(network: Network, images: Tensor, layers: Sequence[Layer]) -> None:
    """Raise `FechnerError` if a layer does not keep what belongs to an image together; `images` are two different ones.

    Layers that see several parts of an image at once, such as windows of attention, return more entries than images.
    """
    known = {layer.name: layer for layer in layers}
    together: dict[str, Tensor] = {}

    def keep(name: str, module_name: str, module: nn.Module, tensor: Tensor) -> None:
        if name in known and tensor.shape[known[name].batch_axis] != len(images):
            together[name] = known[name].per_stimulus(tensor, len(images))[0].clone()

    def compare(name: str, module_name: str, module: nn.Module, tensor: Tensor) -> None:
        if name in together and not torch.allclose(
            known[name].per_stimulus(tensor, 1)[0],
            together[name],
            rtol=1e-3,
            atol=1e-3 * float(together[name].abs().max()),
        ):
            raise FechnerError(
                f"{network.name}: layer '{name}' returns parts of images in an order in which those of one image are not "
                "next to each other; use batch_size=1, or leave this layer out"
            )

    with torch.no_grad():
        with tap(network, keep):
            network(images)
        if together:
            with tap(network, compare):
                network(images[:1])


def _dual_pass(network: Network, stimulus: Family, values: dict[str, Tensor], along: str, layers: list[Layer]) -> None:
    known = {layer.name: layer for layer in layers}
    method = Exact()

    def visit(name: str, module_name: str, module: nn.Module, tensor: Tensor) -> None:
        layer = known.get(name)
        if layer is None:
            return
        response, tangent = method.derivative(layer.per_stimulus(tensor, len(images)))
        moves = not torch.equal(response[0], response[1])
        if tangent is None and moves:
            raise FechnerError(
                f"{network.name}: the output of layer '{name}' is detached from its input (detach, .data or NumPy on "
                f"the way), so it has no derivative; remove that, or {_INSTEAD}"
            )
        if tangent is not None and moves and not tangent.any():
            raise FechnerError(
                f"{network.name}: the output of layer '{name}' changes with {along} in steps (rounding, sign or a "
                f"comparison on the way), so its derivative is zero; {_INSTEAD}"
            )
        if tangent is not None and not tangent.isfinite().all():
            raise FechnerError(f"{network.name}: the derivative of layer '{name}' is NaN or Inf; {_INSTEAD}")

    def explain(where: str, reason: str) -> str:
        return f"{network.name}: {where} cannot be differentiated in forward mode ({reason}); {_INSTEAD}"

    with method.context():
        images = differentiable(stimulus, values, along)
        _run(network, images, visit, explain)


def _run(network: Network, images: Tensor, visit: Visit, explain: Callable[[str, str], str]) -> None:
    """One pass; if it fails, the error is `explain(the layer to blame, the reason)`."""
    with _blame(network) as where, tap(network, visit):
        try:
            network(images)
        except FechnerError:
            raise
        except Exception as e:
            raise FechnerError(explain(where(), first_line(e))) from e


def differentiable(stimulus: Family, values: dict[str, Tensor], along: str) -> Tensor:
    """Images that carry their derivative; `FechnerError` if they cannot."""
    method = Exact()
    try:
        images = render(stimulus, method.prepare(values, along))
    except FechnerError:
        raise
    except Exception as e:
        raise FechnerError(f"the stimulus cannot be differentiated in {along} ({first_line(e)}); {_INSTEAD}") from e
    tangent = method.derivative(images)[1]
    if tangent is None or not tangent.any():
        raise FechnerError(f"the stimulus does not change with {along}: its derivative is zero at {_listed(values)}")
    if not tangent.isfinite().all():
        raise FechnerError(f"the stimulus' derivative in {along} is NaN or Inf at {_listed(values)}")
    return images


@contextmanager
def _blame(network: Network) -> Iterator[Callable[[], str]]:
    """Gives a function that names the innermost module still running: the one to blame when a pass fails."""
    running: list[str] = []
    handles = []
    for name, module in network.model.named_modules():
        label = f"layer '{name}' ({type(module).__name__})" if name else f"{type(module).__name__} itself"
        handles.append(module.register_forward_pre_hook(lambda m, a, label=label: running.append(label)))
        handles.append(module.register_forward_hook(lambda m, a, o: running.pop() and None))
    try:
        yield lambda: running[-1] if running else "its normalisation"
    finally:
        for handle in handles:
            handle.remove()


def _listed(values: dict[str, Tensor]) -> str:
    return ", ".join(f"{k} = {float(v[0]):g}" for k, v in values.items())

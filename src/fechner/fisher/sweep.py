"""One pass over all stimuli: every layer's response and derivative are reduced inside the hook and never stored.

`sensitivity` and the recorder of learning call `sweep`. Two things must not break: no activation outlives its layer, and the
same batches give the same bits. Tests: tests/fisher/test_measure.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import psutil
import torch
from torch import Tensor, nn

from fechner import processes
from fechner.errors import FechnerError
from fechner.fisher.derivative import Method
from fechner.networks import INPUT, Layer, Network, tap
from fechner.progress import bar
from fechner.stimuli import Family, render

Reducer = Callable[[Tensor, Tensor], Tensor]
# A run, the first stimulus of a batch in it, how many stimuli the batch has, and where the run begins in the result.
Batch = tuple[dict[str, Tensor], int, int, int]


def sweep(
    network: Network,
    stimulus: Family,
    runs: Sequence[dict[str, Tensor]],
    along: str,
    layers: Sequence[Layer],
    method: Method,
    reduce: Reducer,
    batch_size: int,
    progress: bool = True,
    shared: bool = False,
) -> dict[str, np.ndarray]:
    """What `reduce(response, derivative)` returns for each stimulus, by the names of layers: (stimulus, …).

    The first of `layers` are the pixels ("input"). A run is a set of parameter values of equal length, in order; batches do
    not reach across runs. `reduce` gets tensors (n, …) and returns (n, …); it runs inside the forward hook, so that no
    activation outlives its layer. When memory runs out, the batch is halved and repeated. If `shared`, every process of
    torchrun takes its share of the batches, and all return the same. Raises `FechnerError` if memory does not suffice for
    one stimulus, and for a layer that does not run.
    """
    hooked = {layer.name: layer for layer in layers[1:]}
    lengths = [len(next(iter(run.values()))) - method.overlap for run in runs]
    # Made before the first pass: small tensors that outlive their layer would fragment the memory between large ones.
    results = {layer.name: _allocated(layer, reduce, sum(lengths), runs[0][along]) for layer in layers}
    batches: list[Batch] = [
        (run, start, min(batch_size, length - start), offset)
        for run, length, offset in zip(runs, lengths, np.cumsum([0, *lengths]).tolist(), strict=False)
        for start in range(0, length, batch_size)
    ]
    if shared:
        rank, world = processes.share()
        batches = batches[rank::world]
    rows = slice(0, 0)

    def record(name: str, per_stimulus: Tensor) -> None:
        response, tangent = method.derivative(per_stimulus)
        # A layer that the stimulus does not reach has no tangent: its derivative is zero.
        results[name][rows] = reduce(response, torch.zeros_like(response) if tangent is None else tangent)

    total = sum(count for _, _, count, _ in batches)
    with bar(progress, f"{network.name} ({network.weights})", total, "stimuli") as progressing:
        while batches:
            run, start, count, offset = batches.pop(0)
            rows = slice(offset + start, offset + start + count)
            values = {name: v[start : start + count + method.overlap] for name, v in run.items()}
            try:
                _present(network, stimulus, method, values, along, hooked, record)
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as e:
                if not out_of_memory(e):
                    raise
                if count == 1:
                    raise FechnerError(f"{network.name}: not enough memory for a single stimulus ({e})") from e
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
                batches = list(_halved([(run, start, count, offset), *batches], count // 2))
                continue
            progressing.update(count)
    reduced = {name: values.cpu().double().numpy() for name, values in results.items()}
    if not shared:
        return reduced
    shares = processes.gather(reduced)
    return {name: _joined([share[name] for share in shares]) for name in reduced}


def _halved(batches: Sequence[Batch], most: int) -> Iterator[Batch]:
    """The same batches, none with more than `most` stimuli."""
    for run, start, count, offset in batches:
        for first in range(start, start + count, most):
            yield run, first, min(most, start + count - first), offset


def _joined(shares: Sequence[np.ndarray]) -> np.ndarray:
    """Each value from the process that measured it; the others have NaN there."""
    whole = shares[0].copy()
    for part in shares[1:]:
        np.copyto(whole, part, where=~np.isnan(part))
    return whole


def _allocated(layer: Layer, reduce: Reducer, total: int, like: Tensor) -> Tensor:
    """A tensor of NaN for the reduced values of a layer; the meta device gives their shape without computing anything."""
    response = torch.empty(1, *layer.shape, dtype=like.dtype, device="meta")
    return like.new_full((total, *reduce(response, response).shape[1:]), torch.nan)


def _present(
    network: Network,
    stimulus: Family,
    method: Method,
    values: dict[str, Tensor],
    along: str,
    layers: dict[str, Layer],
    record: Callable[[str, Tensor], None],
) -> None:
    """Run one batch through the network, and call `record` with the name and the output of the pixels and each layer."""
    silent = set(layers)

    def visit(name: str, module_name: str, module: nn.Module, tensor: Tensor) -> None:
        if name in layers:
            record(name, layers[name].per_stimulus(tensor, len(images)))
            silent.discard(name)

    with method.context():
        images = render(stimulus, method.prepare(values, along), valid=True)
        record(INPUT, images)
        with tap(network, visit, {layer.module for layer in layers.values()}):
            network(images)
    if silent:
        raise FechnerError(f"{network.name}: layer '{min(silent)}' ran in the probe and not in the sweep")


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, on any device.

    >>> out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    True
    """
    text = str(error).lower()
    return (
        isinstance(error, torch.OutOfMemoryError | MemoryError) or "allocate memory" in text or "out of memory" in text
    )


def fitting_batch(layers: Sequence[Layer], image: Tensor, most: int | None = None) -> int:
    """A batch size that fits in half of the free memory, at most 16 on a CPU and 256 on a GPU, or at most `most`.

    >>> fitting_batch([Layer("1", "1", "Conv2d", (8, 30, 30), 0)], torch.empty(3, 32, 32), most=4)
    4

    An image is taken to need eight copies of the largest layer: its input and output with their tangents, and as much
    again for what an operation allocates. Larger batches of photographs are no faster on a CPU. The number that fits is
    rounded down to a power of two, because the last bits of a result depend on the batch, and free memory differs from run
    to run.
    """
    largest = max([image.numel(), *(layer.unit_count for layer in layers)]) * image.element_size()
    if image.device.type == "cuda":
        free, usual = torch.cuda.mem_get_info(image.device)[0], 256
    else:
        free, usual = psutil.virtual_memory().available, 16
    fitting = 2 ** math.floor(math.log2(max(1, free // 2 // (8 * largest))))
    return min(usual if most is None else most, fitting)

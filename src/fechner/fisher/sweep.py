"""One pass over all stimuli: every layer's response and derivative are reduced inside the hook and never kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import psutil
import torch
from torch import Tensor, nn

from fechner import processes
from fechner.errors import FechnerError
from fechner.fisher.derivative import Method, at
from fechner.networks import INPUT, Layer, Network, tap
from fechner.progress import bar
from fechner.stimuli import Family, render

Reducer = Callable[[Tensor, Tensor], Tensor]


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
    """What `reduce(response, derivative)` gives per stimulus, for each layer; the first are the pixels ("input").

    A run is a set of parameter values of equal length, in order; batches do not reach across runs. `reduce` gets
    tensors (n, …) and returns (n, …); it runs inside the forward hook, so that no activation outlives its layer. On
    out-of-memory the batch is halved and repeated. If `shared`, every process of torchrun takes its share of the
    batches, and all return the same.
    """
    wanted = {layer.name: layer for layer in layers[1:]}
    lengths = [len(next(iter(run.values()))) - method.overlap for run in runs]
    # Made before the first pass: small tensors that outlive their layer would fragment the memory between large ones.
    results = {layer.name: _room(layer, reduce, sum(lengths), runs[0][along]) for layer in layers}
    work = [
        (run, start, min(batch_size, length - start), offset)
        for run, length, offset in zip(runs, lengths, np.cumsum([0, *lengths]).tolist(), strict=False)
        for start in range(0, length, batch_size)
    ]
    if shared:
        rank, world = processes.share()
        work = work[rank::world]
    at_result = slice(0, 0)

    def record(name: str, per_stimulus: Tensor) -> None:
        response, tangent = method.derivative(per_stimulus)
        # A layer that the stimulus does not reach has no tangent: its derivative is zero.
        results[name][at_result] = reduce(response, torch.zeros_like(response) if tangent is None else tangent)

    total = sum(count for _, _, count, _ in work)
    with bar(progress, f"{network.name} ({network.weights})", total, "stimuli") as progressing:
        while work:
            run, start, count, offset = work.pop(0)
            at_result = slice(offset + start, offset + start + count)
            values = at(run, slice(start, start + count + method.overlap))
            try:
                _batch(network, stimulus, method, values, along, wanted, record)
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as e:
                if not out_of_memory(e):
                    raise
                if count == 1:
                    raise FechnerError(f"{network.name}: not enough memory for a single stimulus ({e})") from e
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
                work = list(_halved([(run, start, count, offset), *work], count // 2))
                continue
            progressing.update(count)
    found = {name: values.cpu().double().numpy() for name, values in results.items()}
    if not shared:
        return found
    shares = processes.gather(found)
    # Where a process measured nothing, it has NaN.
    return {name: _joined([one[name] for one in shares]) for name in found}


Work = tuple[dict[str, Tensor], int, int, int]


def _halved(work: Sequence[Work], most: int) -> Iterator[Work]:
    """The same batches, none with more than `most` stimuli."""
    for run, start, count, offset in work:
        for first in range(start, start + count, most):
            yield run, first, min(most, start + count - first), offset


def _joined(shares: Sequence[np.ndarray]) -> np.ndarray:
    """Each value from the process that measured it."""
    whole = shares[0].copy()
    for part in shares[1:]:
        np.copyto(whole, part, where=~np.isnan(part))
    return whole


def _room(layer: Layer, reduce: Reducer, total: int, like: Tensor) -> Tensor:
    """Where the reduced values of a layer go; their shape is learnt without computing anything."""
    one = torch.empty(1, *layer.shape, dtype=like.dtype, device="meta")
    return like.new_full((total, *reduce(one, one).shape[1:]), torch.nan)


def _batch(
    network: Network,
    stimulus: Family,
    method: Method,
    values: dict[str, Tensor],
    along: str,
    wanted: dict[str, Layer],
    record: Callable[[str, Tensor], None],
) -> None:
    missed = set(wanted)

    def visit(name: str, module_name: str, module: nn.Module, tensor: Tensor) -> None:
        if name in wanted:
            record(name, wanted[name].per_stimulus(tensor, len(images)))
            missed.discard(name)

    with method.context():
        images = render(stimulus, method.prepare(values, along), valid=True)
        record(INPUT, images)
        with tap(network, visit, {layer.module for layer in wanted.values()}):
            network(images)
    if missed:
        raise FechnerError(f"{network.name}: layer '{min(missed)}' ran in the probe and not in the sweep")


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, on any device."""
    text = str(error).lower()
    return (
        isinstance(error, torch.OutOfMemoryError | MemoryError) or "allocate memory" in text or "out of memory" in text
    )


def fitting_batch(layers: Sequence[Layer], image: Tensor, most: int | None = None) -> int:
    """A batch size that leaves room: half of free memory, at most 16 on a CPU and 256 on a GPU, or at most `most`.

    Memory per image is taken as eight copies of the largest layer: input and output with their tangents, and room for
    what an operation needs besides. Larger batches of photograph size are no faster on a CPU. What fits is rounded down to a
    power of two, because the last bits of a result hang on the batch, and free memory differs from run to run.
    """
    largest = max([image.numel(), *(layer.unit_count for layer in layers)]) * image.element_size()
    if image.device.type == "cuda":
        free, usual = torch.cuda.mem_get_info(image.device)[0], 256
    else:
        free, usual = psutil.virtual_memory().available, 16
    fitting = 2 ** math.floor(math.log2(max(1, free // 2 // (8 * largest))))
    return min(usual if most is None else most, fitting)

"""The surroundings of a measurement: one at a time, and the same numbers whatever modes of PyTorch are switched on.

PyTorch has one forward-mode level for all threads, and hooks on a network hear every thread that runs it. So a second
measurement waits until the first is done. Modes that would change the numbers (autocast, inference mode) are switched off
for the time of the measurement; modes that cannot be switched off are refused.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch.autograd import forward_ad

from fechner.errors import FechnerError

_ONE_AT_A_TIME = threading.RLock()
_DEVICE_TYPES = ("cpu", "cuda", "mps", "xpu")


@contextmanager
def undisturbed() -> Iterator[None]:
    """What must surround everything that `sensitivity` does.

    Raises `FechnerError` inside transforms of `torch.func`, inside a forward-mode level and on the meta device.
    """
    if torch._C._functorch.peek_interpreter_stack() is not None:
        raise FechnerError(
            "sensitivity cannot be measured inside vmap, jvp, grad or another transform of torch.func: "
            "these replace the tensors that it reads; call it outside"
        )
    if torch.get_default_device().type == "meta":
        raise FechnerError(
            "sensitivity cannot be measured inside torch.device('meta'), where nothing has a value; call it outside"
        )
    with _ONE_AT_A_TIME:
        if forward_ad._current_level >= 0:
            raise FechnerError(
                "sensitivity cannot be measured inside forward_ad.dual_level(), because levels do not nest; call it outside"
            )
        with ExitStack() as modes:
            modes.enter_context(torch.inference_mode(False))
            for kind in _DEVICE_TYPES:
                if torch.is_autocast_enabled(kind):
                    modes.enter_context(torch.autocast(kind, enabled=False))
            yield

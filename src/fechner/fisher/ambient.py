"""The surroundings of a measurement: one at a time, and the same numbers whatever modes of PyTorch are switched on.

PyTorch has one forward-mode level for all threads, and a hook is called by every thread that runs the network. A second
measurement therefore waits until the first is done. Modes that would change the numbers (autocast, inference mode) are
switched off during the measurement. Modes that cannot be switched off are refused. Tests: tests/fisher/test_trust.py.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch.autograd import forward_ad

from fechner.errors import FechnerError

# Reentrant, so that a call from inside a measurement gets the error below and does not wait for itself.
_ONE_AT_A_TIME = threading.RLock()
_DEVICE_TYPES = ("cpu", "cuda", "mps", "xpu")


@contextmanager
def undisturbed() -> Iterator[None]:
    """The context in which all that `sensitivity` does must run.

    >>> with undisturbed():
    ...     torch.is_inference_mode_enabled()
    False

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
            for device_type in _DEVICE_TYPES:
                if torch.is_autocast_enabled(device_type):
                    modes.enter_context(torch.autocast(device_type, enabled=False))
            yield

"""Checkpoints that are whole or not there: a full disk or a kill leaves the last good one readable."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from fechner import outputs
from fechner.errors import FechnerError, first_line, printable

# What Lightning goes on from.
_HELD = {
    "state_dict": dict,
    "callbacks": dict,
    "loops": dict,
    "optimizer_states": list,
    "lr_schedulers": list,
    "epoch": int,
    "global_step": int,
}


class WholeCheckpoints(TorchCheckpointIO):
    """Writes beside the old file and replaces it once everything is on the disk."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Raises `FechnerError` if it cannot be written; what was there stays."""
        with outputs.whole(Path(path)) as part, part.open("wb") as file:
            try:
                torch.save(checkpoint, file)
            except RuntimeError as e:
                # Closing the archive fails too, and hides why writing it did.
                raise e.__context__ if isinstance(e.__context__, OSError) else e from None

    def load_checkpoint(
        self, path: Any, map_location: Any | None = lambda storage, loc: storage, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Raises `FechnerError` if it is damaged, which its checksums tell, or holds no training."""
        try:
            with zipfile.ZipFile(path) as archive:
                damaged = archive.testzip()
            if damaged is not None:
                raise ValueError(f"the checksum of {damaged} is wrong")
            found = super().load_checkpoint(path, map_location, weights_only)
            if not isinstance(found, dict) or not all(isinstance(found.get(k), t) for k, t in _HELD.items()):
                raise ValueError(f"a training holds {', '.join(_HELD)}")
        except Exception as e:
            raise _damaged(path, e) from None
        return found


def check_fits(checkpoint: Mapping[str, Any], expected: Mapping[str, torch.Tensor], path: Any) -> None:
    """Raise `FechnerError` if a checkpoint holds other weights than those of the network in training."""
    held = checkpoint["state_dict"]
    for name, tensor in expected.items():
        if not isinstance(held.get(name), torch.Tensor) or held[name].shape != tensor.shape:
            raise _damaged(path, ValueError(f"its weights '{name}' are not those of this network"))


def _damaged(path: Any, error: Exception) -> FechnerError:
    return FechnerError(
        f"cannot go on from '{path}': it is damaged ({printable(first_line(error))}); delete it, and training starts anew"
    )

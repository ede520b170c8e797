"""Writes checkpoints as a whole or not at all, and reads them with checks.

If the disk is full or the process is killed, the last good checkpoint must stay readable
(tests/training/test_saving.py). A damaged one must be reported before training continues from it, by its name and with
the remedy.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from fechner import outputs
from fechner.errors import FechnerError, first_line, printable

# The entries that Lightning needs to resume a training.
_ENTRIES = {
    "state_dict": dict,
    "callbacks": dict,
    "loops": dict,
    "optimizer_states": list,
    "lr_schedulers": list,
    "epoch": int,
    "global_step": int,
}


class WholeCheckpoints(TorchCheckpointIO):
    """Writes to a new file, which replaces the old one once everything is on the disk."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Raises `FechnerError` if the checkpoint cannot be written; the old one stays."""
        with outputs.whole(Path(path)) as part, part.open("wb") as file:
            try:
                torch.save(checkpoint, file)
            except RuntimeError as e:
                # After a failed write, closing the archive fails too: its error would hide the reason.
                raise e.__context__ if isinstance(e.__context__, OSError) else e from None

    def load_checkpoint(
        self, path: Any, map_location: Any | None = lambda storage, loc: storage, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Raises `FechnerError` if a checksum of the file is wrong, or if it holds no training."""
        try:
            with zipfile.ZipFile(path) as archive:
                damaged = archive.testzip()
            if damaged is not None:
                raise ValueError(f"the checksum of {damaged} is wrong")
            checkpoint = super().load_checkpoint(path, map_location, weights_only)
            entries = checkpoint if isinstance(checkpoint, dict) else {}
            if not all(isinstance(entries.get(k), t) for k, t in _ENTRIES.items()):
                raise ValueError(f"a training holds {', '.join(_ENTRIES)}")
        except Exception as e:
            raise _damaged(path, e) from None
        return checkpoint


class EveryEpoch(lightning.Callback):
    """Keeps a checkpoint of every epoch as OUT/epoch-001.ckpt and so on, and of the initial weights as OUT/epoch-000.ckpt."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Keep the initial weights, unless training is resumed."""
        if trainer.current_epoch == 0:
            trainer.save_checkpoint(self.out / "epoch-000.ckpt")

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Keep those of this epoch."""
        trainer.save_checkpoint(self.out / f"epoch-{trainer.current_epoch + 1:03}.ckpt")


def check_fits(checkpoint: Mapping[str, Any], expected: Mapping[str, torch.Tensor], path: Any) -> None:
    """Raise `FechnerError` if a checkpoint holds other weights than those of the network in training."""
    weights = checkpoint["state_dict"]
    for name, tensor in expected.items():
        if not isinstance(weights.get(name), torch.Tensor) or weights[name].shape != tensor.shape:
            raise _damaged(path, ValueError(f"its weights '{name}' are not those of this network"))


def _damaged(path: Any, error: Exception) -> FechnerError:
    return FechnerError(
        f"cannot resume from '{path}': it is damaged ({printable(first_line(error))}); delete it, and training starts anew"
    )

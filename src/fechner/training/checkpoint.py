"""Checkpoints that are whole or not there: a full disk or a kill leaves the last good one readable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from fechner import outputs


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

"""Checkpoints that are whole or not there: a full disk or a kill leaves the last good one readable."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from fechner.errors import FechnerError


class WholeCheckpoints(TorchCheckpointIO):
    """Writes beside the old file and replaces it once everything is on the disk."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Raises `FechnerError` if it cannot be written; what was there stays."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        try:
            with part.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except (OSError, RuntimeError) as e:
            kept = f"; the last one, '{path}', is kept" if path.exists() else ""
            raise FechnerError(f"cannot write a checkpoint ({e}){kept}: make room and resume") from None
        finally:
            part.unlink(missing_ok=True)

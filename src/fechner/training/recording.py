"""A Lightning callback that measures sensitivity while a network trains, into one growing file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
import torch.distributed as dist
import xarray as xr
from torch import nn

from fechner import processes, results
from fechner.errors import FechnerError
from fechner.networks import as_network
from fechner.sensitivity import sensitivity
from fechner.stimuli import Family


class RecordSensitivity(lightning.Callback):
    """Records `fechner.sensitivity` of a network while it trains, in anyone's own Trainer.

    >>> from fechner import Gabor
    >>> record = RecordSensitivity("curves.nc", Gabor(size=32, pixels_per_degree=32, sigma=0.16), per_epoch=2, values=12)
    >>> record.path.name
    'curves.nc'

    Pass it to `Trainer(callbacks=[record])`. It measures before the first step, and then every `every` steps, or
    `per_epoch` times an epoch (the last time at its end). `network` is the attribute of the LightningModule that holds
    the network, or "" for the module itself; further arguments are those of `sensitivity`.

    The file holds one Dataset with a dimension `step`, whole after each recording. A training that goes on from a
    checkpoint continues the file from there. Under DDP the processes share the stimuli, and the first one writes.
    Raises `FechnerError` at the start of training for whatever `sensitivity` finds wrong.
    """

    def __init__(
        self,
        path: str | Path,
        stimulus: Family,
        *,
        network: str = "network",
        every: int | None = None,
        per_epoch: int | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        if (every is None) == (per_epoch is None):
            raise FechnerError("give one of every (steps) and per_epoch (recordings)")
        if (every or per_epoch or 0) < 1:
            raise FechnerError(f"every and per_epoch must be at least 1, got {every or per_epoch}")
        self.path, self.stimulus, self.network = Path(path), stimulus, network
        self.every, self.per_epoch, self.settings = every, per_epoch, settings
        results.writable(self.path)
        self.recorded: list[xr.Dataset] = []

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Goes on from the file of an interrupted training, or measures what is there before the first step."""
        self.recorded = []
        if trainer.global_step and self.path.exists():
            before = results.read(self.path)
            self.recorded = [
                before.isel(step=[i]) for i in range(before.sizes["step"]) if before.step[i] <= trainer.global_step
            ]
        if not self.recorded or int(self.recorded[-1].step[0]) < trainer.global_step:
            self._record(trainer, pl_module)

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Measures when it is time."""
        if self.every is not None:
            due = trainer.global_step % self.every == 0
        else:
            assert self.per_epoch is not None
            steps = int(trainer.num_training_batches)
            due = (batch_idx + 1) * self.per_epoch // steps > batch_idx * self.per_epoch // steps
        if due:
            self._record(trainer, pl_module)

    def _measured(self, pl_module: lightning.LightningModule) -> nn.Module:
        try:
            return pl_module.get_submodule(self.network)
        except AttributeError:
            known = ", ".join(name for name, _ in pl_module.named_children())
            raise FechnerError(
                f"{type(pl_module).__name__} has no module '{self.network}' to record; network must be one of: {known}"
            ) from None

    def _record(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        module = self._measured(pl_module)
        modes = {m: m.training for m in module.modules()}
        module.eval()
        shared = trainer.world_size > 1
        if shared:
            _alike(module)
        try:
            measured = sensitivity(as_network(module), self.stimulus, progress=False, shared=shared, **self.settings)
        except FechnerError as e:
            if not trainer.global_step:
                raise
            raise FechnerError(
                f"after {trainer.global_step} steps of training: {e}; if it diverges, train it more slowly"
            ) from e
        finally:
            for m, training in modes.items():
                m.training = training
        step = {"step": ("step", [trainer.global_step], {"units": "1", "long_name": "training step"})}
        epoch = ("step", [trainer.global_step / max(1, int(trainer.num_training_batches))])
        own = measured.expand_dims(step=1).assign_coords(step).assign_coords(epoch=epoch)
        self.recorded.append(own.astype(dict.fromkeys(own.data_vars, "float32")))
        if processes.is_first():
            whole = xr.concat(self.recorded, "step", combine_attrs="override", join="exact")
            results.save(whole.assign_attrs(self.recorded[-1].attrs), self.path)


def _alike(module: nn.Module) -> None:
    """Running statistics of the first process in all of them, which DDP sees to before the next step anyway."""
    with torch.no_grad():
        for buffer in module.buffers():
            dist.broadcast(buffer, 0)

"""A Lightning callback that records the sensitivity of a network while it trains, in one growing file.

It works in anyone's Trainer, so it may assume nothing about the module, the data or the optimiser, and must leave no
trace: a training with it gives the same weights as one without (tests/training/test_callback.py).
"""

from __future__ import annotations

import inspect
import math
from pathlib import Path
from typing import Annotated, Any

import lightning.pytorch as lightning
import numpy as np
import torch
import torch.distributed as dist
import xarray as xr
from torch import nn

from fechner import results
from fechner.arguments import Count, checked
from fechner.errors import FechnerError, choices
from fechner.fisher import sensitivity
from fechner.networks import Network, in_dtype
from fechner.networks.network import check_normalisation
from fechner.outputs import expanded
from fechner.stimuli import Family


class RecordSensitivity(lightning.Callback):
    """Records `fechner.sensitivity` of a network while it trains, in anyone's own Trainer.

    >>> from fechner import Gabor
    >>> record = RecordSensitivity("curves.nc", Gabor(size=32, pixels_per_degree=32, sigma=0.16), per_epoch=2, values=12)
    >>> record.path.name
    'curves.nc'

    Pass it to `Trainer(callbacks=[record])`. It measures before the first step. After that it measures every `every`
    steps, or `per_epoch` times in each epoch (the last time at its end), and never twice at one step. Steps are those
    of optimisers, as in `trainer.global_step`. `network` is the attribute of the LightningModule that holds the
    network, or "" for the module itself. Stimuli are in [0, 1]. If images are normalised before they come to the
    network, give the same `mean` and `std`, a number or one number per channel, as to `fechner.networks.Network`.
    Further arguments are those of `sensitivity`; the integration error is left out unless `integration_error=True`, because it
    doubles the stimuli.

    The file holds one Dataset with a dimension `step` and can be read after each recording. Its coordinate `epoch` is
    the number of epochs trained, and NaN within epochs of unknown length. A training that is resumed from a checkpoint
    continues the file from there. Under DDP the processes share the stimuli, and the first one writes.

    Raises `FechnerError` for a file that cannot be written. At the start of training it raises one for `per_epoch` with
    data of unknown length, for `mean` or `std` given with a `Network`, which has its own, and for whatever
    `sensitivity` finds wrong.
    """

    @checked
    def __init__(
        self,
        path: str | Path,
        stimulus: Family,
        *,
        network: str = "network",
        every: Count | None = None,
        per_epoch: Count | None = None,
        mean: Annotated[float | tuple[float, ...] | None, "checked below"] = None,
        std: Annotated[float | tuple[float, ...] | None, "checked below"] = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        if (every is None) == (per_epoch is None):
            raise FechnerError("give one of every (steps) and per_epoch (recordings)")
        for name in settings:
            if name not in (known := _settings()):
                raise choices("argument of sensitivity", name, known)
        self.path, self.stimulus, self.network = expanded(path), stimulus, network
        # It would double what every recording costs.
        self.every, self.per_epoch, self.settings = every, per_epoch, {"integration_error": False} | settings
        self.normalisation: dict[str, Any] = {k: v for k, v in (("mean", mean), ("std", std)) if v is not None}
        for name, value in self.normalisation.items():
            check_normalisation(name, value)
        results.writable(self.path)
        self.recorded: list[xr.Dataset] = []

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Continue the file of an interrupted training, or measure the network before its first step."""
        batches = trainer.num_training_batches
        if self.per_epoch is not None and math.isinf(batches):
            raise FechnerError(
                f"per_epoch={self.per_epoch} needs training data of known length, and these have none; use every= (steps)"
            )
        self.recorded = []
        if trainer.global_step and self.path.exists():
            # What was recorded after the checkpoint is measured again.
            before = recordings(self.path)
            self.recorded = [
                before.isel(step=[i]) for i in range(before.sizes["step"]) if before.step[i] <= trainer.global_step
            ]
        if not self.recorded or self._last() < trainer.global_step:
            # At the end of an epoch Lightning counts the epoch already and still counts its batches: hence the modulo.
            self._record(trainer, pl_module, _epochs(trainer, (trainer.fit_loop.epoch_loop.batch_idx + 1) % batches))

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Measure when a recording is due, unless there was no step since the last one."""
        if self.every is not None:
            due = trainer.global_step // self.every > self._last() // self.every
        else:
            assert self.per_epoch is not None
            batches = trainer.num_training_batches
            due = (batch_idx + 1) * self.per_epoch // batches > batch_idx * self.per_epoch // batches
        if due and trainer.global_step > self._last():
            self._record(trainer, pl_module, _epochs(trainer, batch_idx + 1))

    def _last(self) -> int:
        """The step of the last recording."""
        return int(self.recorded[-1].step[0])

    def _module(self, pl_module: lightning.LightningModule) -> nn.Module:
        """The module to measure, by its name within the one that is trained."""
        try:
            module = pl_module.get_submodule(self.network)
        except AttributeError:
            known = ", ".join(name for name, _ in pl_module.named_children())
            raise FechnerError(
                f"{type(pl_module).__name__} has no module '{self.network}' to record; network must be one of: {known}"
            ) from None
        if isinstance(module, Network) and self.normalisation:
            raise FechnerError(
                f"'{self.network}' is a fechner Network, which normalises its images; "
                f"leave out {' and '.join(self.normalisation)}"
            )
        return module

    def _record(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, epochs: float) -> None:
        """Measure the network in evaluation mode, put its modes back, and write the file anew."""
        module = self._module(pl_module)
        modes = {m: m.training for m in module.modules()}
        module.eval()
        shared = trainer.world_size > 1
        if shared:
            _broadcast_buffers(module)
        try:
            network = module if isinstance(module, Network) else Network(module)
            if self.normalisation:
                # Mean and std stay exact: half precision would round them.
                exact = in_dtype(network, self.settings.get("dtype", torch.float32)).model
                network = Network(exact, **self.normalisation, name=network.name)
            measured = sensitivity(network, self.stimulus, progress=False, shared=shared, **self.settings)
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
        recording = measured.expand_dims(step=1).assign_coords(step).assign_coords(epoch=("step", [epochs]))
        # A value beyond the range of 32-bit numbers becomes infinite: such a network diverges.
        with np.errstate(over="ignore"):
            numbers = {name: v.astype("float32") for name, v in recording.items() if v.dtype.kind == "f"}
            self.recorded.append(recording.assign(numbers))
        if trainer.is_global_zero:
            whole = xr.concat(self.recorded, "step", combine_attrs="override", join="exact")
            results.save(whole.assign_attrs(self.recorded[-1].attrs), self.path)


def _settings() -> list[str]:
    """The arguments of `sensitivity` that users of a recording may give."""
    return [
        n for n in inspect.signature(sensitivity).parameters if n not in ("network", "stimulus", "progress", "shared")
    ]


def recordings(path: Path) -> xr.Dataset:
    """The recordings in a file; `FechnerError` if it holds anything else."""
    dataset = results.read(path)
    if "step" not in dataset.dims or "step" not in dataset.coords or "fisher_information" not in dataset:
        raise FechnerError(f"'{path}' holds no recordings that can be continued; move it away, and train anew")
    return dataset


def _epochs(trainer: lightning.Trainer, batches: float) -> float:
    """Epochs trained, as a fraction, after a number of batches of the current epoch."""
    per_epoch = trainer.num_training_batches
    return math.nan if batches and math.isinf(per_epoch) else trainer.current_epoch + batches / per_epoch


def _broadcast_buffers(module: nn.Module) -> None:
    """Give all processes the running statistics of the first one, as DDP does before the next step anyway."""
    with torch.no_grad():
        for buffer in module.buffers():
            dist.broadcast(buffer, 0)

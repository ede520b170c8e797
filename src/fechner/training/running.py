"""One run of Lightning's Trainer: data, callbacks, logs and checkpoints, and the Dataset that comes out."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import xarray as xr
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from fechner import processes, results
from fechner.errors import FechnerError
from fechner.networks import Network
from fechner.statistics.stream import check_skipped, workers_for
from fechner.stimuli import Stimulus
from fechner.training.batches import Images
from fechner.training.checkpoint import WholeCheckpoints
from fechner.training.classifier import Classifier
from fechner.training.condition import Condition
from fechner.training.images import Labelled
from fechner.training.recipe import Recipe
from fechner.training.recording import RecordSensitivity
from fechner.training.resampling import resample as resample_pictures
from fechner.training.train import CHECKPOINT

FILE = "training.nc"
_MEASURED = ("validation_accuracy", "validation_loss", "loss")


class _History(lightning.Callback):
    """Loss and accuracy at the end of each epoch, said by `say`; kept in checkpoints."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.kept: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Keep what was logged."""
        self.kept.append({n: float(trainer.callback_metrics[n]) for n in _MEASURED})
        told = ", ".join(f"{n.replace('_', ' ')} {v:.3f}" for n, v in self.kept[-1].items())
        self.say(f"epoch {len(self.kept)} of {trainer.max_epochs}: {told}")

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {"kept": self.kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the checkpoint."""
        self.kept = list(state_dict["kept"])


def run(
    images: Labelled,
    network: Network,
    condition: Condition,
    recipe: Recipe,
    probe: tuple[Stimulus, dict[str, Any]] | None,
    settings: Mapping[str, Any],
    *,
    out: Path,
    per_epoch: int,
    layers: str,
    resample: Mapping[str, xr.Dataset | str],
    trainer: Mapping[str, Any],
    workers: int | None,
    resume: bool,
    evaluate: bool,
    progress: bool,
    say: Callable[[str], None],
) -> xr.Dataset:
    """Train, or evaluate, with everything checked; see `train`."""
    size, seed = int(settings["size"]), int(settings["seed"])
    tell = say if processes.is_first() else _silent
    weights, resampled = _resampled(images, resample, progress, tell)
    data = Images(
        images,
        size,
        recipe.batch,
        seed=seed,
        workers=workers_for(len(images.train.labels)) if workers is None else workers,
        weights=weights,
        progress=progress,
    )
    classifier = Classifier(network, condition, recipe, size, seed)
    history = _History(tell)
    # A bar that is written to a file is a page for every epoch.
    shown = progress and sys.stderr.isatty()
    callbacks: list[lightning.Callback] = [history, *([TQDMProgressBar()] if shown else [])]
    if not evaluate:
        callbacks.append(
            ModelCheckpoint(out, "last", enable_version_counter=False, save_on_train_epoch_end=True, verbose=False)
        )
        if probe is not None:
            stimulus, measured = probe
            callbacks.append(RecordSensitivity(out / FILE, stimulus, per_epoch=per_epoch, layers=layers, **measured))
    csv = CSVLogger(out, "logs")
    runner = lightning.Trainer(
        max_epochs=recipe.epochs,
        callbacks=callbacks,
        logger=False if evaluate else [csv, TensorBoardLogger(out, "logs", csv.version)],
        plugins=[WholeCheckpoints()],
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        enable_progress_bar=shown,
        enable_checkpointing=not evaluate,
        **trainer,
    )
    if recipe.batch % runner.world_size:
        raise FechnerError(
            f"a batch of {recipe.batch} cannot be shared by {runner.world_size} processes; change either"
        )
    if evaluate:
        found = runner.validate(classifier, data, verbose=False)[0]
        history.kept = [{"loss": np.nan} | {n: float(found[n]) for n in _MEASURED if n != "loss"}]
    else:
        last = out / CHECKPOINT
        checkpoint = str(last) if resume and last.exists() else None
        try:
            runner.fit(classifier, data, ckpt_path=checkpoint, weights_only=True)
        except SystemExit:
            # What Lightning makes of Ctrl-C, which it ignores from then on.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt from None
    skipped = {k: v for share in processes.gather(data.skipped | classifier.skipped) for k, v in share.items()}
    check_skipped(skipped, len(images.train.labels) + len(images.validation.labels))
    epoch = ("epoch_end", np.arange(len(history.kept)) + 1, {"units": "1", "long_name": "epochs trained"})
    measured = {n: ("epoch_end", [k[n] for k in history.kept], {"units": "1"}) for n in _MEASURED}
    dataset = xr.Dataset(measured, {"epoch_end": epoch}).merge(resampled)
    if probe is not None and not evaluate:
        recorded = results.read(out / FILE)
        own = recorded[[str(v) for v in recorded.data_vars if "step" in recorded[v].dims]]
        dataset = own.merge(dataset).assign_attrs(recorded.attrs)
    attributes = dict(settings) | {"skipped": json.dumps(skipped), "processes": runner.world_size}
    dataset = dataset.assign_attrs(results.provenance("training") | attributes)
    if not evaluate and processes.is_first():
        results.save(dataset, out / FILE)
    return dataset


def _silent(text: str) -> None:
    """Said by another process."""


def _resampled(
    images: Labelled, wanted: Mapping[str, xr.Dataset | str], progress: bool, say: Callable[[str], None]
) -> tuple[tuple[np.ndarray, np.ndarray] | None, xr.Dataset]:
    """Probabilities of training and validation images, and what became of the density; None to take all alike."""
    if not wanted:
        return None, xr.Dataset()
    ((feature, density),) = wanted.items()
    train, validation = (
        resample_pictures(s.pictures, feature, density, progress) for s in (images.train, images.validation)
    )
    off = np.abs(train.made - train.wanted).max() / train.wanted.max()
    say(
        f"{feature} resampled: the training images are worth {train.effective:.0f} of {len(images.train.labels)} shown "
        f"alike, and miss the density by at most {off:.0%} of its peak"
    )
    dims = f"{feature}_bin"
    shown = xr.Dataset(
        {
            "density_wanted": (dims, train.wanted),
            "density_made": (dims, train.made),
            "effective_images": ((), train.effective),
        }
    )
    return (train.probabilities, validation.probabilities), shown

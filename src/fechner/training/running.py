"""Runs Lightning's Trainer once, with its data, callbacks, logs and checkpoints, and returns the Dataset of the result.

`setup.train` has checked the arguments; nothing else calls this module, because importing Lightning takes seconds.
Nothing is written before the trainer is built, because building it may still refuse a setting. Under several processes
all of them run this code, and only the first one writes and prints. tests/training/test_running.py covers failures from
outside.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import torch.distributed as dist
import xarray as xr
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from fechner import outputs, processes, results
from fechner.errors import FechnerError, first_line
from fechner.networks import Network
from fechner.statistics.stream import check_skipped
from fechner.statistics.workers import workers_for
from fechner.training.batches import Images
from fechner.training.callback import RecordSensitivity, recordings
from fechner.training.classifier import Classifier
from fechner.training.labelled_images import Labelled
from fechner.training.plan import CHECKPOINT, Plan, prepare
from fechner.training.probes import probes
from fechner.training.resampling import resample as resample_pictures
from fechner.training.saving import EveryEpoch, WholeCheckpoints

FILE = "training.nc"
_METRICS = ("validation_accuracy", "validation_top5_accuracy", "validation_loss", "loss")


class _History(lightning.Callback):
    """Reports loss and accuracy at the end of each epoch by `say`, and keeps them in checkpoints."""

    def __init__(self) -> None:
        self.say: Callable[[str], None] = print
        self.epochs: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Keep what was logged, after a check that enough images could be used."""
        images = trainer.datamodule.labelled  # type: ignore[attr-defined]
        check_skipped(_skipped(trainer, pl_module), len(images.train.labels) + len(images.validation.labels))
        self.epochs.append({n: float(trainer.callback_metrics[n]) for n in _METRICS})
        metrics = ", ".join(f"{n.replace('_', ' ')} {v:.3f}" for n, v in self.epochs[-1].items())
        self.say(f"epoch {len(self.epochs)} of {trainer.max_epochs}: {metrics}")

    def state_dict(self) -> dict[str, Any]:
        """The history, under the key that it has in earlier checkpoints."""
        return {"kept": self.epochs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore it from the checkpoint."""
        self.epochs = list(state_dict["kept"])


def run(
    plan: Plan,
    images: Labelled,
    network: Network,
    *,
    out: Path,
    resample: Mapping[str, xr.Dataset | str],
    trainer: Mapping[str, Any],
    workers: int | None,
    resume: bool,
    evaluate: bool,
    progress: bool,
    say: Callable[[str], None],
    show: Callable[[], None],
    every_epoch: bool,
) -> xr.Dataset:
    """Train or evaluate after everything has been checked; the arguments and the result are those of `train`."""
    with _quiet(), _failures(out), ExitStack() as stack:
        runner, history = _trainer(plan, out, trainer, evaluate, progress, every_epoch)
        history.say = say = say if runner.is_global_zero else lambda text: None
        if not evaluate and runner.is_global_zero:
            stack.enter_context(outputs.held(out))
        if not str(runner.precision).startswith(plan.precision):
            say(f"there is no precision {plan.precision} here: training in {runner.precision}")
        plan = replace(plan, precision=str(runner.precision))
        if not evaluate:
            prepare(out, plan, resume, say, runner.is_global_zero)
            if runner.is_global_zero:
                show()
        images, resampled = _resampled(images, resample, evaluate, progress and runner.is_global_zero, say)
        data = Images(
            images,
            plan.size,
            plan.recipe.batch,
            seed=plan.seed,
            workers=workers_for(len(images.train.labels)) if workers is None else workers,
            progress=progress and runner.is_global_zero,
        )
        classifier = Classifier(network, plan.condition, plan.recipe, plan.size, plan.seed)
        try:
            if evaluate:
                metrics = runner.validate(classifier, data, verbose=False)[0]
                history.epochs = [{n: float(metrics.get(n, np.nan) if n == "loss" else metrics[n]) for n in _METRICS}]
            else:
                last = out / CHECKPOINT
                if runner.num_nodes > 1:
                    say(_waiting(runner))
                runner.fit(classifier, data, ckpt_path=str(last) if last.exists() else None, weights_only=True)
        except SystemExit:
            # Lightning turns Ctrl-C into SystemExit, and ignores it from then on.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt from None
        skipped = _skipped(runner, classifier)
        if evaluate:
            check_skipped(skipped, len(images.validation.labels))
        epoch = ("epoch_end", np.arange(len(history.epochs)) + 1, {"units": "1", "long_name": "epochs trained"})
        metrics_by_epoch = {
            n: ("epoch_end", [e.get(n, np.nan) for e in history.epochs], {"units": "1"}) for n in _METRICS
        }
        dataset = xr.Dataset(metrics_by_epoch, {"epoch_end": epoch}).merge(resampled)
        if plan.record != "none" and not evaluate:
            recorded = recordings(out / FILE)
            # A file that is complete already, from a resumed training, holds the losses too.
            curves = recorded[[str(v) for v in recorded.data_vars if "step" in recorded[v].dims]]
            dataset = curves.merge(dataset).assign_attrs(recorded.attrs)
        attributes = plan.attributes() | {
            "training_images": len(images.train.labels),
            "validation_images": len(images.validation.labels),
            "skipped": json.dumps(skipped),
            "left_out": json.dumps(images.left_out),
            "processes": runner.world_size,
        }
        dataset = dataset.assign_attrs(results.provenance("training") | attributes)
        if not evaluate and runner.is_global_zero:
            results.save(dataset, out / FILE)
        return dataset


def _trainer(
    plan: Plan, out: Path, options: Mapping[str, Any], evaluate: bool, progress: bool, every_epoch: bool
) -> tuple[lightning.Trainer, _History]:
    """Lightning's Trainer with the processors that `options` name; it writes nothing yet.

    The trainer knows which process is the first one. The environment does not say it reliably: each launcher sets other
    variables, some of them for a single process too. Raises `FechnerError` if there are no such processors.
    """
    history = _History()
    # In a file, a progress bar would fill a page for every epoch.
    with_bar = progress and sys.stderr.isatty()
    callbacks: list[lightning.Callback] = [history, *([TQDMProgressBar()] if with_bar else [])]
    if not evaluate:
        callbacks.append(
            ModelCheckpoint(out, "last", enable_version_counter=False, save_on_train_epoch_end=True, verbose=False)
        )
        if every_epoch:
            callbacks.append(EveryEpoch(out))
        if plan.record != "none":
            stimulus, settings = probes(plan.size)[plan.record]
            callbacks.append(
                RecordSensitivity(out / FILE, stimulus, per_epoch=plan.per_epoch, layers=plan.layers, **settings)
            )
    csv = CSVLogger(out, "logs")
    try:
        trainer = lightning.Trainer(
            max_epochs=plan.recipe.epochs,
            callbacks=callbacks,
            logger=False if evaluate else [csv, TensorBoardLogger(out, "logs", csv.version)],
            plugins=[WholeCheckpoints()],
            # Lightning writes the checkpoint for SLURM's signal there.
            default_root_dir=out,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            enable_model_summary=False,
            enable_progress_bar=with_bar,
            enable_checkpointing=not evaluate,
            **options,
        )
        if trainer.world_size > 1:
            cluster = trainer.strategy.cluster_environment  # type: ignore[attr-defined]
            # Read now what Lightning would read later, so that a mistake is reported before anything is written.
            cluster.validate_settings(trainer.num_devices, trainer.num_nodes)
            int(cluster.main_port)
    except (TypeError, ValueError, KeyError, RuntimeError, ImportError, MisconfigurationException) as e:
        listed = ", ".join(f"{name.replace('num_', '')} {value}" for name, value in options.items())
        reason = f"the environment variable {e.args[0]} is not set" if isinstance(e, KeyError) else first_line(e)
        raise FechnerError(f"cannot train with {listed}: {reason}") from None
    if trainer.world_size == 1 < processes.rank_and_world()[1]:
        raise FechnerError(
            "RANK and WORLD_SIZE say that there are several processes, which training takes from torchrun alone; "
            "start it with torchrun, or unset both"
        )
    # Lightning takes the rank of its logs from SLURM_PROCID or LOCAL_RANK. Single processes may have these too, and
    # would then write no logs.
    rank_zero_only.rank = trainer.global_rank  # type: ignore[attr-defined]
    if plan.recipe.batch % trainer.world_size:
        raise FechnerError(
            f"a batch of {plan.recipe.batch} cannot be shared by {trainer.world_size} processes; change either"
        )
    return trainer, history


def _waiting(trainer: lightning.Trainer) -> str:
    """The message that says what the machines of a training wait for before it starts."""
    cluster = trainer.strategy.cluster_environment  # type: ignore[attr-defined]
    how = (
        ""
        if cluster.creates_processes_externally
        else ", with NODE_RANK set to 1 and so on, and the same MASTER_ADDR and MASTER_PORT"
    )
    return (
        f"waiting for {trainer.world_size} processes on {trainer.num_nodes} machines to meet at "
        f"{cluster.main_address}:{cluster.main_port}: start the same command on each{how}"
    )


def _skipped(trainer: lightning.Trainer, classifier: lightning.LightningModule) -> dict[str, str]:
    """Images that any process could not decode so far, and why. All processes must call it."""
    own = trainer.datamodule.skipped | classifier.skipped  # type: ignore[attr-defined]
    shares = processes.gather(own) if trainer.world_size > 1 else [own]
    return {name: why for share in shares for name, why in share.items()}


def _resampled(
    images: Labelled,
    resample: Mapping[str, xr.Dataset | str],
    evaluate: bool,
    progress: bool,
    say: Callable[[str], None],
) -> tuple[Labelled, xr.Dataset]:
    """Images with the weights that give a feature its desired density, and variables that describe the result.

    Without `resample` the images stay unchanged, and there are no variables.
    """
    if not resample:
        return images, xr.Dataset()
    ((feature, density),) = resample.items()
    parts = ["validation"] if evaluate else ["train", "validation"]
    resampled = {p: resample_pictures(getattr(images, p).pictures, feature, density, progress) for p in parts}
    weighted = {p: replace(getattr(images, p), weights=r.probabilities) for p, r in resampled.items()}
    images = replace(images, **weighted)
    first = resampled[parts[0]]
    off = np.abs(first.achieved - first.desired).max() / first.desired.max()
    say(
        f"{feature} resampled: the {'validation' if evaluate else 'training'} images are worth {first.effective:.0f} of "
        f"{len(first.probabilities)} drawn equally often, and miss the density by at most {off:.0%} of its peak"
    )
    dims = f"{feature}_bin"
    variables = {
        "density_wanted": (dims, first.desired),
        "density_made": (dims, first.achieved),
        "effective_images": ((), first.effective),
    }
    return images, xr.Dataset(variables)


@contextmanager
def _failures(out: Path) -> Iterator[None]:
    """Report in one line what stops a training from outside: a full disk, or processes that do not come or that end."""
    try:
        yield
    except (OSError, dist.DistError) as e:
        reason, name = getattr(e, "strerror", None) or first_line(e), getattr(e, "filename", None)
        kept = f"; the last checkpoint in '{out}' is kept: resume" if (out / CHECKPOINT).exists() else ""
        where = f" at '{name}'" if name else ""
        raise FechnerError(f"the training stopped{where} ({reason}){kept}") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress Lightning's advice, which is for people who write their own Trainer."""
    loggers = [logging.getLogger(n) for n in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

"""One run of Lightning's Trainer: data, callbacks, logs and checkpoints, and the Dataset that comes out."""

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
from fechner.training.saving import WholeCheckpoints

FILE = "training.nc"
_MEASURED = ("validation_accuracy", "validation_loss", "loss")


class _History(lightning.Callback):
    """Loss and accuracy at the end of each epoch, said by `say`; kept in checkpoints."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.kept: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Keep what was logged, once it is known that enough images could be used."""
        images = trainer.datamodule.labelled  # type: ignore[attr-defined]
        check_skipped(_skipped(trainer, pl_module), len(images.train.labels) + len(images.validation.labels))
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
) -> xr.Dataset:
    """Train, or evaluate, with everything checked; see `train`."""
    with _quiet(), _stopped(out), ExitStack() as stack:
        runner, history = _trainer(plan, out, trainer, evaluate, progress)
        history.say = say = say if runner.is_global_zero else _nothing
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
                found = runner.validate(classifier, data, verbose=False)[0]
                history.kept = [{"loss": np.nan} | {n: float(found[n]) for n in _MEASURED if n != "loss"}]
            else:
                last = out / CHECKPOINT
                if runner.num_nodes > 1:
                    say(_waits(runner))
                runner.fit(classifier, data, ckpt_path=str(last) if last.exists() else None, weights_only=True)
        except SystemExit:
            # What Lightning makes of Ctrl-C, which it ignores from then on.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt from None
        skipped = _skipped(runner, classifier)
        if evaluate:
            check_skipped(skipped, len(images.validation.labels))
        epoch = ("epoch_end", np.arange(len(history.kept)) + 1, {"units": "1", "long_name": "epochs trained"})
        measured = {n: ("epoch_end", [k[n] for k in history.kept], {"units": "1"}) for n in _MEASURED}
        dataset = xr.Dataset(measured, {"epoch_end": epoch}).merge(resampled)
        if plan.record != "none" and not evaluate:
            recorded = recordings(out / FILE)
            own = recorded[[str(v) for v in recorded.data_vars if "step" in recorded[v].dims]]
            dataset = own.merge(dataset).assign_attrs(recorded.attrs)
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
    plan: Plan, out: Path, asked: Mapping[str, Any], evaluate: bool, progress: bool
) -> tuple[lightning.Trainer, _History]:
    """Lightning's Trainer on the processors asked for, or `FechnerError` where there are none; nothing is written yet.

    Which process is the first one is Lightning's to say, and the trainer knows it: who starts processes sets different
    variables, some of them for a single process too.
    """
    history = _History(_nothing)
    # A bar that is written to a file is a page for every epoch.
    shown = progress and sys.stderr.isatty()
    callbacks: list[lightning.Callback] = [history, *([TQDMProgressBar()] if shown else [])]
    if not evaluate:
        callbacks.append(
            ModelCheckpoint(out, "last", enable_version_counter=False, save_on_train_epoch_end=True, verbose=False)
        )
        if plan.record != "none":
            stimulus, measured = probes(plan.size)[plan.record]
            callbacks.append(
                RecordSensitivity(out / FILE, stimulus, per_epoch=plan.per_epoch, layers=plan.layers, **measured)
            )
    csv = CSVLogger(out, "logs")
    try:
        trainer = lightning.Trainer(
            max_epochs=plan.recipe.epochs,
            callbacks=callbacks,
            logger=False if evaluate else [csv, TensorBoardLogger(out, "logs", csv.version)],
            plugins=[WholeCheckpoints()],
            # What Lightning saves on SLURM's signal goes there too.
            default_root_dir=out,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            enable_model_summary=False,
            enable_progress_bar=shown,
            enable_checkpointing=not evaluate,
            **asked,
        )
        if trainer.world_size > 1:
            cluster = trainer.strategy.cluster_environment  # type: ignore[attr-defined]
            cluster.validate_settings(trainer.num_devices, trainer.num_nodes)
            int(cluster.main_port)
    except (TypeError, ValueError, KeyError, RuntimeError, MisconfigurationException) as e:
        told = ", ".join(f"{name.replace('num_', '')} {value}" for name, value in asked.items())
        reason = f"the environment variable {e.args[0]} is not set" if isinstance(e, KeyError) else first_line(e)
        raise FechnerError(f"cannot train with {told}: {reason}") from None
    if trainer.world_size == 1 < processes.told()[1]:
        raise FechnerError(
            "RANK and WORLD_SIZE say that there are several processes, which training takes from torchrun alone; "
            "start it with torchrun, or unset both"
        )
    # From SLURM_PROCID or LOCAL_RANK, which single processes have too, Lightning would keep its logs to itself.
    rank_zero_only.rank = trainer.global_rank  # type: ignore[attr-defined]
    if plan.recipe.batch % trainer.world_size:
        raise FechnerError(
            f"a batch of {plan.recipe.batch} cannot be shared by {trainer.world_size} processes; change either"
        )
    return trainer, history


def _waits(trainer: lightning.Trainer) -> str:
    """What the machines of a training wait for before it starts."""
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
    """Images that any process could not decode so far, and why; all must call."""
    mine = trainer.datamodule.skipped | classifier.skipped  # type: ignore[attr-defined]
    shares = processes.gather(mine) if trainer.world_size > 1 else [mine]
    return {name: why for share in shares for name, why in share.items()}


def _resampled(
    images: Labelled,
    wanted: Mapping[str, xr.Dataset | str],
    evaluate: bool,
    progress: bool,
    say: Callable[[str], None],
) -> tuple[Labelled, xr.Dataset]:
    """Images with the weights that give them a density, and what became of it; as they are if none is wanted."""
    if not wanted:
        return images, xr.Dataset()
    ((feature, density),) = wanted.items()
    splits = [images.validation] if evaluate else [images.train, images.validation]
    made = [resample_pictures(split.pictures, feature, density, progress) for split in splits]
    *train, validation = (replace(s, weights=m.probabilities) for s, m in zip(splits, made, strict=True))
    images = replace(images, train=train[0] if train else images.train, validation=validation)
    first = made[0]
    off = np.abs(first.made - first.wanted).max() / first.wanted.max()
    say(
        f"{feature} resampled: the {'validation' if evaluate else 'training'} images are worth {first.effective:.0f} of "
        f"{len(first.probabilities)} shown alike, and miss the density by at most {off:.0%} of its peak"
    )
    dims = f"{feature}_bin"
    shown = {
        "density_wanted": (dims, first.wanted),
        "density_made": (dims, first.made),
        "effective_images": ((), first.effective),
    }
    return images, xr.Dataset(shown)


def _nothing(text: str) -> None:
    """What all processes but the first say."""


@contextmanager
def _stopped(out: Path) -> Iterator[None]:
    """What stops a training from outside, in one line: a full disk, or processes that do not come or end."""
    try:
        yield
    except (OSError, dist.DistError) as e:
        reason, name = getattr(e, "strerror", None) or first_line(e), getattr(e, "filename", None)
        kept = f"; the last checkpoint in '{out}' is kept: resume" if (out / CHECKPOINT).exists() else ""
        where = f" at '{name}'" if name else ""
        raise FechnerError(f"the training stopped{where} ({reason}){kept}") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's advice, which is for those who write their own Trainer."""
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

"""The callback in a Trainer that knows nothing of this package."""

from __future__ import annotations

import copy
import logging
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fechner import FechnerError, Gabor, results, sensitivity
from fechner.training import RecordSensitivity

GABOR = Gabor(size=16, pixels_per_degree=16 / 2.24)
SETTINGS: dict[str, Any] = {"values": 6, "average": {"phase": 2}, "layers": "all"}
pytestmark = [pytest.mark.filterwarnings("ignore::UserWarning"), pytest.mark.filterwarnings("ignore::FutureWarning")]
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Mine(lightning.LightningModule):
    """Someone's own training; keeps a copy of its network after each step."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(
            nn.Conv2d(3, 4, 5), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Flatten(), nn.Dropout(), nn.Linear(576, 3)
        )
        self.after: list[nn.Module] = [copy.deepcopy(self.body)]

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        return F.cross_entropy(self.body(batch[0]), batch[1])

    def on_train_batch_end(self, *args: Any) -> None:
        self.after.append(copy.deepcopy(self.body))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def loader() -> DataLoader[Any]:
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.rand(40, 3, 16, 16, generator=generator), torch.randint(3, (40,), generator=generator)
    return DataLoader(TensorDataset(images, labels), batch_size=8)


def trained(folder: Path, record: RecordSensitivity, epochs: int, resume: Path | None = None) -> Mine:
    module = Mine()
    trainer = lightning.Trainer(
        max_epochs=epochs,
        callbacks=[record],
        accelerator="cpu",
        logger=False,
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    trainer.fit(module, loader(), ckpt_path=None if resume is None else str(resume))
    trainer.save_checkpoint(folder / "mine.ckpt")
    return module


def test_what_is_recorded_is_what_sensitivity_gives(tmp_path: Path) -> None:
    record = RecordSensitivity(tmp_path / "curves.nc", GABOR, network="body", every=3, **SETTINGS)
    module = trained(tmp_path, record, 2)
    found = results.read(tmp_path / "curves.nc")
    assert found.step.values.tolist() == [0, 3, 6, 9]
    assert found.epoch.values == pytest.approx([0, 0.6, 1.2, 1.8])
    for step in (0, 6):
        alone = sensitivity(module.after[step].eval(), GABOR, **SETTINGS, progress=False)
        assert found.layer.values.tolist() == alone.layer.values.tolist()
        assert np.allclose(found.sensitivity.sel(step=step), alone.sensitivity, rtol=1e-4)
    assert not np.allclose(found.sensitivity.sel(step=0), found.sensitivity.sel(step=9), rtol=0.01)
    assert module.body.training


def test_training_is_the_same_with_and_without(tmp_path: Path) -> None:
    often = trained(tmp_path, RecordSensitivity(tmp_path / "a.nc", GABOR, network="body", every=1, **SETTINGS), 2)
    rarely = trained(tmp_path, RecordSensitivity(tmp_path / "b.nc", GABOR, network="body", every=99, **SETTINGS), 2)
    # Dropout draws from one stream of random numbers, which recording must not disturb.
    for a, b in zip(often.body.parameters(), rarely.body.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_file_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    settings = {"network": "body", "per_epoch": 2, **SETTINGS}
    trained(tmp_path, RecordSensitivity(tmp_path / "curves.nc", GABOR, **settings), 2)
    checkpoint = (tmp_path / "mine.ckpt").rename(tmp_path / "two.ckpt")
    trained(tmp_path, RecordSensitivity(tmp_path / "curves.nc", GABOR, **settings), 3, checkpoint)
    found = results.read(tmp_path / "curves.nc")
    assert found.step.values.tolist() == [0, 3, 5, 8, 10, 13, 15]


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(FechnerError, match="one of every"):
        RecordSensitivity(tmp_path / "x.nc", GABOR)
    with pytest.raises(FechnerError, match="at least 1, got -1"):
        RecordSensitivity(tmp_path / "x.nc", GABOR, every=-1)
    with pytest.raises(FechnerError, match="is a folder"):
        RecordSensitivity(tmp_path, GABOR, every=1)
    record = RecordSensitivity(tmp_path / "x.nc", GABOR, network="body", every=1, **SETTINGS | {"layers": "convx"})
    with pytest.raises(FechnerError, match="unknown layer 'convx'"):
        trained(tmp_path, record, 1)
    record = RecordSensitivity(tmp_path / "x.nc", GABOR, network="head", every=1, **SETTINGS)
    with pytest.raises(FechnerError, match=r"'head'.*body"):
        trained(tmp_path, record, 1)

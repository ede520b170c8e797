"""The callback in a Trainer that knows nothing of this package."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from fechner import FechnerError, Gabor, draw, results, sensitivity
from fechner.networks import Network
from fechner.page.explore import charts
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


class Two(Mine):
    """Two optimisers, each of which takes a step with every batch."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        loss = super().training_step(batch, index)
        self.manual_backward(loss)
        for optimizer in self.optimizers():  # type: ignore[union-attr]
            optimizer.step()
            optimizer.zero_grad()
        return loss

    def configure_optimizers(self) -> Any:
        return [torch.optim.SGD(self.body[i].parameters(), 0.1) for i in (0, 5)]


class Stream(IterableDataset[Any]):
    """Images of which nobody knows how many there are."""

    def __iter__(self) -> Iterator[Any]:
        return iter(loader().dataset)  # type: ignore[call-overload]


def loader() -> DataLoader[Any]:
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.rand(40, 3, 16, 16, generator=generator), torch.randint(3, (40,), generator=generator)
    return DataLoader(TensorDataset(images, labels), batch_size=8)


def trained(
    folder: Path,
    record: RecordSensitivity,
    epochs: int,
    resume: Path | None = None,
    module: Mine | None = None,
    data: DataLoader[Any] | None = None,
    **settings: Any,
) -> Mine:
    module = module or Mine()
    often = ModelCheckpoint(folder, "{step}", every_n_train_steps=1, save_top_k=-1)
    trainer = lightning.Trainer(
        max_epochs=epochs,
        callbacks=[record, often],
        accelerator="cpu",
        logger=False,
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
        **settings,
    )
    trainer.fit(module, loader() if data is None else data, ckpt_path=None if resume is None else str(resume))
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
        assert np.allclose(found.fisher_information.sel(step=step), alone.fisher_information, rtol=1e-4)
    assert not np.allclose(found.fisher_information.sel(step=0), found.fisher_information.sel(step=9), rtol=0.01)
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


def test_recordings_after_the_checkpoint_are_made_again(tmp_path: Path) -> None:
    settings = {"network": "body", "per_epoch": 2, **SETTINGS}
    trained(tmp_path, RecordSensitivity(tmp_path / "curves.nc", GABOR, **settings), 3)
    before = results.read(tmp_path / "curves.nc")
    resumed = trained(
        tmp_path, RecordSensitivity(tmp_path / "curves.nc", GABOR, **settings), 2, tmp_path / "step=5.ckpt"
    )
    found = results.read(tmp_path / "curves.nc")
    assert found.step.values.tolist() == [0, 3, 5, 8, 10]
    assert found.sel(step=[0, 3, 5]).identical(before.sel(step=[0, 3, 5]).assign_attrs(found.attrs))
    # Dropout drew other random numbers this time.
    alone = sensitivity(resumed.after[3].eval(), GABOR, **SETTINGS, progress=False).fisher_information
    assert np.allclose(found.fisher_information.sel(step=8), alone, rtol=1e-4)
    assert not np.allclose(before.fisher_information.sel(step=8), alone, rtol=1e-3)


@pytest.mark.parametrize("ended", [3, 5])
def test_epochs_of_a_training_whose_file_is_gone(tmp_path: Path, ended: int) -> None:
    settings = {"network": "body", "per_epoch": 1, **SETTINGS}
    trained(tmp_path, RecordSensitivity(tmp_path / "curves.nc", GABOR, **settings), 1)
    again = RecordSensitivity(tmp_path / "again.nc", GABOR, **settings)
    trained(tmp_path, again, 2, tmp_path / f"step={ended}.ckpt")
    found = results.read(tmp_path / "again.nc")
    assert (found.step.values[0], found.epoch.values[0]) == (ended, ended / 5)
    assert found.epoch.values[-1] == 2


@pytest.mark.parametrize(
    ("module", "batches_a_step", "when", "steps", "epochs"),
    [
        (Mine, 2, {"every": 1}, [0, 1, 2, 3, 4, 5, 6], [0, 0.4, 0.8, 1, 1.4, 1.8, 2]),
        (Mine, 2, {"every": 2}, [0, 2, 4, 6], [0, 0.8, 1.4, 2]),
        (Mine, 2, {"per_epoch": 2}, [0, 1, 3, 4, 6], [0, 0.6, 1, 1.6, 2]),
        (Mine, 5, {"per_epoch": 5}, [0, 1, 2], [0, 1, 2]),
        (Two, 1, {"every": 3}, [0, 4, 6, 10, 12, 16, 18], [0, 0.4, 0.6, 1, 1.2, 1.6, 1.8]),
        (Two, 1, {"per_epoch": 1}, [0, 10, 20], [0, 1, 2]),
    ],
)
def test_steps_that_are_not_batches(
    tmp_path: Path,
    module: type[Mine],
    batches_a_step: int,
    when: dict[str, int],
    steps: list[int],
    epochs: list[float],
) -> None:
    record = RecordSensitivity(tmp_path / "curves.nc", GABOR, network="body", **when, **SETTINGS)
    trained(tmp_path, record, 2, module=module(), accumulate_grad_batches=batches_a_step)
    found = results.read(tmp_path / "curves.nc")
    assert found.step.values.tolist() == steps
    assert found.epoch.values == pytest.approx(epochs)
    # The ends of epochs are looked for by number.
    assert {1.0, 2.0} & set(epochs) == {1.0, 2.0} & set(found.epoch.values)


def test_data_of_unknown_length(tmp_path: Path) -> None:
    record = RecordSensitivity(tmp_path / "curves.nc", GABOR, network="body", every=2, **SETTINGS)
    trained(tmp_path, record, 1, data=DataLoader(Stream(), batch_size=8))
    found = results.read(tmp_path / "curves.nc")
    assert found.step.values.tolist() == [0, 2, 4]
    assert np.array_equal(found.epoch, [0, np.nan, np.nan], equal_nan=True)
    record = RecordSensitivity(tmp_path / "none.nc", GABOR, network="body", per_epoch=2, **SETTINGS)
    with pytest.raises(FechnerError, match="per_epoch=2 needs .* known length.*every="):
        trained(tmp_path, record, 1, data=DataLoader(Stream(), batch_size=8))
    assert not (tmp_path / "none.nc").exists()


def test_normalisation_of_images(tmp_path: Path) -> None:
    normalisation: dict[str, Any] = {"mean": (0.4, 0.5, 0.6), "std": 0.25}
    record = RecordSensitivity(tmp_path / "curves.nc", GABOR, network="body", every=9, **normalisation, **SETTINGS)
    before = trained(tmp_path, record, 1).after[0].eval()
    found = results.read(tmp_path / "curves.nc").isel(step=0)
    alone, without = (
        sensitivity(network, GABOR, **SETTINGS, progress=False)
        for network in (Network(before, **normalisation), before)
    )
    assert found.layer.values.tolist() == alone.layer.values.tolist()
    assert np.allclose(found.fisher_information, alone.fisher_information, rtol=1e-4)
    assert not np.allclose(found.fisher_information, without.fisher_information, rtol=0.1)


class Normed(lightning.LightningModule):
    """A network with old-fashioned weight normalisation, which deepcopy does not copy."""

    def __init__(self) -> None:
        super().__init__()
        self.body = self.made()

    @staticmethod
    def made() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.utils.weight_norm(nn.Conv2d(3, 4, 5)), nn.ReLU(), nn.Flatten(), nn.Linear(576, 3))

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        return F.cross_entropy(self.body(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


@pytest.mark.parametrize("normalisation", [{}, {"mean": 0.485, "std": 0.229}])
def test_training_in_half_precision(normalisation: dict[str, float], tmp_path: Path) -> None:
    record = RecordSensitivity(tmp_path / "curves.nc", GABOR, network="body", every=5, **normalisation, **SETTINGS)
    module = Normed()
    settings = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = lightning.Trainer(
        max_epochs=1, precision="bf16-true", callbacks=[record], enable_checkpointing=False, **settings
    )
    trainer.fit(module, loader())
    found = results.read(tmp_path / "curves.nc")
    assert found.step.values.tolist() == [0, 5]
    trained_to = Normed.made()
    trained_to.load_state_dict({name: tensor.float() for name, tensor in module.body.state_dict().items()})
    alone = sensitivity(Network(trained_to.eval(), **normalisation), GABOR, **SETTINGS, progress=False)
    assert found.fisher_information.sel(step=5).values == pytest.approx(alone.fisher_information.values, rel=1e-4)
    assert module.body[0].bias.dtype == torch.bfloat16  # type: ignore[index]


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
    record = RecordSensitivity(tmp_path / "x.nc", GABOR, network="body", every=1, std=0.5, **SETTINGS)
    module = Mine()
    module.body = Network(module.body)  # type: ignore[assignment]
    with pytest.raises(FechnerError, match="'body' is a fechner Network.*leave out std"):
        trained(tmp_path, record, 1, module=module)


@pytest.mark.parametrize("asked", [False, True])
def test_the_integration_error_is_recorded_where_it_is_asked_for(tmp_path: Path, asked: bool) -> None:
    settings = SETTINGS | {"values": 8, "average": {"phase": 2}} | ({"integration_error": True} if asked else {})
    trained(tmp_path, RecordSensitivity(tmp_path / "curves.nc", GABOR, network="body", every=5, **settings), 2)
    recorded = results.read(tmp_path / "curves.nc")
    assert ("fisher_information_error" in recorded) == ("uncertain" in recorded) == asked
    assert recorded["resolved"].dims == ("step", "layer")
    assert recorded["resolved"].dtype == bool
    assert recorded.fisher_information.dtype == np.float32
    draw(recorded)
    charts(recorded)

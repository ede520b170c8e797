"""Real trainings of a small network on a few real images: recorded, interrupted, resumed, shared, evaluated."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

from fechner import FechnerError, load, results, sensitivity
from fechner.networks import untrained
from fechner.training import Condition, preview, train
from fechner.training.classifier import Classifier
from fechner.training.probes import probes
from fechner.training.recipe import recipe_for
from fechner.training.setup import _network

REAL: dict[str, Any] = {
    "arch": "resnet18_small",
    "layers": "blocks",
    "recipe": {"epochs": 6, "batch": 10, "learning_rate": 0.05},
}
MINE = "networks_of_mine:plain"
SOURCE = '''
from torch import nn

def plain(num_classes=3):
    """Without batch normalisation, whose statistics are those of each process."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 5, 2), nn.GroupNorm(2, 6), nn.ReLU(inplace=True), nn.Conv2d(6, 8, 5, 2), nn.ReLU(inplace=True),
        nn.Flatten(), nn.Dropout(0.2), nn.Linear(200, num_classes),
    )

class Auxiliary(nn.Module):
    """With a second output that only training asks for."""
    def __init__(self, num_classes=3):
        super().__init__()
        self.body, self.second = plain(num_classes), nn.Linear(num_classes, num_classes)

    def forward(self, images):
        first = self.body(images)
        return (first, self.second(first)) if self.training else first

def of_any_size(num_classes=3):
    return nn.Sequential(
        nn.Conv2d(3, 6, 5, 2), nn.BatchNorm2d(6), nn.Dropout(0.2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(6, num_classes),
    )
'''


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds a user's network, as the current one."""
    (tmp_path / "networks_of_mine.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "networks_of_mine", raising=False)
    return tmp_path


def run(tiles: Path, out: Path, **changed: Any) -> Any:
    settings: dict[str, Any] = {
        "arch": MINE,
        "recipe": {"epochs": 3, "batch": 20, "learning_rate": 0.05},
        "per_epoch": 1,
        "layers": "all",
        "accelerator": "cpu",
        "progress": False,
        "say": lambda text: None,
    }
    return train(tiles, out=out, **settings | changed)


def weights(file: Path) -> dict[str, torch.Tensor]:
    return torch.load(file, weights_only=True)["state_dict"]


def test_a_resampled_training_says_what_its_images_are_worth(tiles: Path, mine: Path) -> None:
    told: list[str] = []
    settings = {"recipe": {"epochs": 1, "batch": 20, "weight_decay": 0.0}, "record": "none", "say": told.append}
    found = run(tiles, mine / "out", resample={"orientation": "uniform"}, **settings)
    assert f"worth {float(found.effective_images):.0f} of 120 drawn equally often" in told[0]
    assert float(found.effective_images) < 120
    assert json.loads(found.attrs["recipe"])["weight_decay"] == 0
    assert np.ptp(found.density_wanted.values) == 0
    slope = xr.Dataset({"density": ("orientation", np.linspace(1, 2, 18))}, {"orientation": np.arange(18) * 10.0})
    with pytest.raises(FechnerError, match="its density_sha256 is"):
        run(tiles, mine / "out", resample={"orientation": slope}, resume=True, **settings)


def test_a_trial_leaves_weights_statistics_and_random_numbers_alone(mine: Path) -> None:
    before = untrained("networks_of_mine:of_any_size", 3, 5).state_dict()
    state = torch.random.get_rng_state()
    tried = _network("networks_of_mine:of_any_size", "init", 3, 5, 32, "all")
    assert tried.training
    assert all(torch.equal(v, before[name]) for name, v in tried.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(p.requires_grad for p in tried.parameters())
    auxiliary = _network("networks_of_mine:Auxiliary", "init", 3, 0, 32, "all")
    left_out = [name for name, p in auxiliary.named_parameters() if not p.requires_grad]
    assert left_out == ["model.second.weight", "model.second.bias"]


def test_the_first_file_is_corrupt_and_the_training_goes_on(
    tiles: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiles, mine / "tiles")
    (mine / "tiles" / "train" / "brick" / "00.png").write_bytes(b"no image")
    losses, told = [], []
    step = Classifier.training_step

    def listened(*args: Any) -> torch.Tensor:
        loss = step(*args)
        losses.append(loss.item())
        return loss

    monkeypatch.setattr(Classifier, "training_step", listened)
    settings = {"recipe": {"epochs": 1, "batch": 20}, "record": "none", "precision": "16-mixed", "say": told.append}
    found = run(mine / "tiles", mine / "out", **settings)
    assert list(json.loads(found.attrs["skipped"])) == ["train/brick/00.png"]
    assert found.attrs["precision"] == "bf16-mixed"
    assert told[0] == "there is no precision 16-mixed here: training in bf16-mixed"
    assert len(losses) == 5
    assert found.loss.values == pytest.approx([np.mean(losses)])


def test_a_job_script_may_always_resume_and_only_the_same_training(
    tiles: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = {"JOB_ID": "1", "JOB_NAME": "job", "NTASKS": "1", "NTASKS_PER_NODE": "1", "NNODES": "1", "NODEID": "0"}
    for name, value in (job | {"PROCID": "0", "LOCALID": "0"}).items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    (mine / "out").mkdir()
    (mine / "out" / "hpc_ckpt_1.ckpt").write_bytes(b"saved within an epoch")
    told: list[str] = []
    settings: dict[str, Any] = {"recipe": {"epochs": 1, "batch": 20}, "resume": True, "say": told.append}
    found = run(tiles, mine / "out", **settings)
    assert told[0].endswith("training starts anew")
    with pytest.raises(FechnerError, match="its layers is all, not blocks"):
        run(tiles, mine / "out", **settings, layers="blocks")
    with pytest.raises(FechnerError, match="its per_epoch is 1, not 2"):
        run(tiles, mine / "out", **settings, per_epoch=2)
    monkeypatch.chdir(tiles.parent)
    again = run(Path(tiles.name), mine / "out", **settings)
    assert again.drop_attrs().identical(found.drop_attrs())


def test_a_damaged_folder_is_named_and_left_as_it_is(tiles: Path, mine: Path) -> None:
    settings: dict[str, Any] = {"recipe": {"epochs": 1, "batch": 40}, "resume": True}
    run(tiles, mine / "out", **settings)
    checkpoint, record, written = (mine / "out" / n for n in ("last.ckpt", "training.nc", "settings.json"))
    held = torch.load(checkpoint, weights_only=True)
    good, other = checkpoint.read_bytes(), held["state_dict"] | {"network.model.0.weight": torch.ones(1)}
    middle = len(good) // 2
    for damage, message in (
        (good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :], "last.ckpt': it is damaged"),
        (b"no", "last.ckpt': it is damaged"),
        (held["state_dict"], "last.ckpt': it is damaged .a training holds state_dict"),
        (held | {"state_dict": other}, "its weights 'network.model.0.weight' are not those of this network"),
    ):
        torch.save(damage, checkpoint) if not isinstance(damage, bytes) else checkpoint.write_bytes(damage)
        before = checkpoint.read_bytes()
        with pytest.raises(FechnerError, match=message) as caught:
            run(tiles, mine / "out", **settings)
        assert "\n" not in str(caught.value)
        assert str(caught.value).endswith("delete it, and training starts anew")
        assert checkpoint.read_bytes() == before
    checkpoint.write_bytes(good)
    results.save(results.read(record)[["validation_accuracy"]], record)
    with pytest.raises(FechnerError, match="training.nc' holds no recordings that can be continued"):
        run(tiles, mine / "out", **settings)
    written.write_text("[]")
    with pytest.raises(FechnerError, match="settings.json' is damaged .a dict was expected, not list"):
        run(tiles, mine / "out", **settings)


def test_too_many_corrupt_files_stop_a_training_after_its_first_epoch_and_no_evaluation(
    tiles: Path, mine: Path
) -> None:
    shutil.copytree(tiles, mine / "tiles")
    for path in sorted((mine / "tiles" / "train").glob("*/*5.png")) + sorted(
        (mine / "tiles" / "train").glob("*/*6.png")
    ):
        path.write_bytes(b"no image")
    settings: dict[str, Any] = {"arch": "networks_of_mine:of_any_size", "size": 72, "record": "none", "workers": 0}
    told: list[str] = []
    with pytest.raises(FechnerError, match=r"more than a tenth of 156 images cannot be used \(24 so far\)"):
        run(mine / "tiles", mine / "out", **settings, say=told.append)
    assert not told
    for size in (72, 32):
        evaluated = run(mine / "tiles", mine / "out", **settings | {"size": size}, evaluate=True)
        assert json.loads(evaluated.attrs["skipped"]) == {}


def test_a_training_is_recorded_and_its_checkpoint_can_be_measured(tiles: Path, mine: Path) -> None:
    told: list[str] = []
    found = run(tiles, mine / "out", condition=Condition(rotation=45), say=told.append, **REAL)
    assert found.step.values.tolist() == list(range(0, 73, 12))
    assert found.validation_accuracy.sizes == {"epoch_end": 6}
    assert float(found.validation_accuracy[-1]) > 0.6
    assert found.attrs["condition"] == "rotation 45"
    assert json.loads(found.attrs["recipe"])["batch"] == 10
    assert told[-1].startswith("epoch 6 of 6: validation accuracy ")
    assert results.read(mine / "out" / "training.nc").identical(found)
    assert (mine / "out" / "logs" / "version_0" / "metrics.csv").stat().st_size > 50
    assert list((mine / "out" / "logs" / "version_0").glob("events*"))
    stimulus, settings = probes(32)["orientation"]
    network = load("resnet18_small", mine / "out" / "last.ckpt")
    measured = sensitivity(network, stimulus, progress=False, **settings)
    assert np.allclose(measured.fisher_information, found.fisher_information.isel(step=-1), rtol=1e-3)
    evaluated = run(
        tiles,
        mine / "other",
        weights=mine / "out" / "last.ckpt",
        evaluate=True,
        condition=Condition(rotation=45),
        **REAL,
    )
    assert float(evaluated.validation_accuracy[-1]) == pytest.approx(float(found.validation_accuracy[-1]))
    assert not (mine / "other").exists()


def test_a_checkpoint_of_every_epoch_is_kept_where_asked_for(tiles: Path, mine: Path) -> None:
    first = Classifier(_network(MINE, "init", 3, 0, 32, "all"), Condition(), recipe_for(torch.nn.Flatten(), 32), 32)
    trained = run(tiles, mine / "out", record="none", checkpoints="every-epoch")
    assert sorted(path.name for path in (mine / "out").glob("*.ckpt")) == [
        *(f"epoch-{epoch:03}.ckpt" for epoch in range(4)),
        "last.ckpt",
    ]
    initial, last = weights(mine / "out" / "epoch-000.ckpt"), weights(mine / "out" / "last.ckpt")
    assert all(torch.equal(initial[name], tensor) for name, tensor in first.state_dict().items())
    assert all(torch.equal(last[name], tensor) for name, tensor in weights(mine / "out" / "epoch-003.ckpt").items())
    # The five best of three classes hold every class.
    assert trained.validation_top5_accuracy.values.tolist() == [1, 1, 1]
    evaluated = run(tiles, mine / "none", weights=mine / "out" / "epoch-002.ckpt", evaluate=True)
    assert float(evaluated.validation_accuracy[-1]) == pytest.approx(float(trained.validation_accuracy[1]))


@pytest.mark.slow
def test_a_training_that_is_killed_and_resumed_gives_the_same_weights(tiles: Path, mine: Path) -> None:
    run(tiles, mine / "whole")
    script = (
        "from fechner.training import train\n"
        f"train({str(tiles)!r}, {MINE!r}, out='cut', recipe={{'epochs': 3, 'batch': 20, 'learning_rate': 0.05}}, per_epoch=1,"
        " layers='all', accelerator='cpu', progress=False, say=lambda text: print(text, flush=True))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", "import torch; torch.set_num_threads(1)\n" + script],
        stdout=subprocess.PIPE,
        text=True,
        cwd=mine,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("epoch 1 of 3")
    wait = time.monotonic() + 20
    while not (mine / "cut" / "last.ckpt").exists() and time.monotonic() < wait:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with pytest.raises(FechnerError, match="holds a training already"):
        run(tiles, mine / "cut")
    with pytest.raises(FechnerError, match="its seed is 0, not 1"):
        run(tiles, mine / "cut", seed=1, resume=True)
    found = run(tiles, mine / "cut", resume=True)
    whole, cut = weights(mine / "whole" / "last.ckpt"), weights(mine / "cut" / "last.ckpt")
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    assert found.step.values.tolist() == [0, 6, 12, 18]
    assert found.fisher_information.equals(results.read(mine / "whole" / "training.nc").fisher_information)
    assert found.validation_accuracy.sizes == {"epoch_end": 3}


@pytest.mark.slow
def test_two_processes_record_the_curves_of_one(tiles: Path, mine: Path) -> None:
    (mine / "both.py").write_text(
        "import sys, torch\n"
        "from fechner.training import train\n"
        "torch.set_num_threads(1)\n"
        f"train({str(tiles)!r}, 'networks_of_mine:Auxiliary', out=sys.argv[1], recipe={{'epochs': 2, 'batch': 20, 'learning_rate': 0.05}},"
        " per_epoch=2, layers='all', accelerator='cpu', progress=False)\n"
    )
    # Dropout draws differ by process, so it is off here.
    (mine / "networks_of_mine.py").write_text(SOURCE.replace("Dropout(0.2)", "Dropout(0.0)"))
    environment = os.environ | {"PYTHONPATH": str(mine), "PYTHONWARNINGS": "ignore"}
    environment.pop("OMP_NUM_THREADS", None)
    for count, name in ((1, "one"), (2, "two")):
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
        done = subprocess.run(
            [*command, "both.py", name], cwd=mine, env=environment, capture_output=True, text=True, timeout=240
        )
        assert done.returncode == 0, done.stderr
    one, two = (results.read(mine / name / "training.nc") for name in ("one", "two"))
    assert (one.attrs["processes"], two.attrs["processes"]) == (1, 2)
    assert np.allclose(one.fisher_information, two.fisher_information, rtol=1e-3)
    assert np.allclose(one.validation_accuracy, two.validation_accuracy)
    assert not np.allclose(one.fisher_information[0], one.fisher_information[-1], rtol=0.01)


def test_preview_shows_each_class_as_it_is_seen(tiles: Path) -> None:
    upright, seen = preview(tiles, Condition(rotation=90))
    assert upright.shape == (3, 3, 32, 32)
    assert torch.allclose(seen, upright.rot90(1, (-2, -1)), atol=1e-4)


def test_bad_input_is_refused_before_training(tiles: Path, mine: Path) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"arch": "resnet18_smal"}, "unknown network 'resnet18_smal'; did you mean: resnet18_small"),
        ({"arch": "networks_of_mine:other"}, "cannot import the network"),
        ({"arch": "vit_small", "size": 48}, "vit_small does not take images of 48 × 48"),
        ({"size": 4}, "size must be a whole number of at least 8"),
        ({"record": "colour"}, "unknown feature to record"),
        ({"resample": {"hue": "flat"}}, "or 'uniform'"),
        ({"resample": {"hue": "uniform", "orientation": "uniform"}}, "to one density"),
        ({"weights": "no.ckpt"}, "no weights file"),
        ({"recipe": {"learning_rate": -1.0}}, "learning_rate must be"),
        ({"layers": "convx"}, "unknown layer 'convx'"),
        ({"seed": -1}, "seed must be a whole number from 0 .* got -1"),
        ({"accelerator": "none"}, "cannot train with .*accelerator none"),
        ({"precision": "17"}, "cannot train with precision 17"),
        ({"devices": 0}, "devices must be a whole number from 1"),
        ({"devices": "two"}, "cannot train with .*devices two"),
        ({"arch": "resnet18_small", "size": 17}, "size must be at least 18 pixels to record orientation .* got 17"),
        # In evaluation it takes such images.
        ({"arch": "inception_v3", "size": 80}, "inception_v3 does not take images of 80 × 80"),
    ]
    for changed, message in cases:
        with pytest.raises(FechnerError, match=message):
            run(tiles, mine / "bad", **changed)
        assert not (mine / "bad").exists()
    torch.save(nn.Linear(2, 2).state_dict(), mine / "other.pth")
    with pytest.raises(FechnerError, match="does not fit"):
        run(tiles, mine / "bad", weights=mine / "other.pth")


def test_a_loss_that_diverges_stops_and_keeps_what_was_recorded(tiles: Path, mine: Path) -> None:
    with pytest.raises(FechnerError, match=r"the loss is (nan|inf) at step \d+|after \d+ steps"):
        run(tiles, mine / "out", recipe={"epochs": 3, "batch": 20, "learning_rate": 1e12}, per_epoch=6)
    assert results.read(mine / "out" / "training.nc").sizes["step"] >= 1

"""The command line, in process: results, help, and one-line errors with status 2."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fechner import Gabor, cli, load, results, sensitivity


def run(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["fechner", *map(str, words)])
    monkeypatch.setattr(cli, "_keep_freed_memory", lambda: None)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return int(stop.value.code or 0)


def test_sensitivity_saves_and_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "sensitivity",
        "resnet18",
        "--weights",
        "init",
        "--values",
        "4",
        "--average",
        "phase=2",
        "--set",
        "size=64",
    ]
    words += [
        "--layers",
        "layer?,fc",
        "--seed",
        "3",
        "--out",
        str(tmp_path / "c.nc"),
        "--figure",
        str(tmp_path / "c.png"),
    ]
    assert run(monkeypatch, *words) == 0
    curves = results.read(tmp_path / "c.nc")
    assert curves.layer.values.tolist() == ["input", "layer1", "layer2", "layer3", "layer4", "fc"]
    assert curves.attrs["seed"] == load("resnet18", "init", 3).seed == 3
    assert curves.attrs["command"].startswith("fechner sensitivity resnet18")
    assert (tmp_path / "c.png").exists()
    assert "layer4" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sensitivity", "resnet81"], "unknown network 'resnet81'; did you mean"),
        (["sensitivity", "alexnet", "--weights", "init", "--layers", "conv9"], "unknown layer 'conv9'"),
        (["sensitivity", "alexnet", "--weights", "init", "--along", "hue"], "unknown parameter of the stimulus 'hue'"),
        (["sensitivity", "alexnet", "--weights", "init", "--set", "sigma=0"], "sigma must be greater than 0"),
        (["sensitivity", "alexnet", "--weights", "init", "--set", "contrast=2"], "contrast must lie in [0, 1]"),
        (["sensitivity", "alexnet", "--weights", "init", "--set", "spatial_frequency=51"], "Nyquist limit of 50"),
        (["sensitivity", "alexnet", "--weights", "init", "--set", "sigma"], "--set takes NAME=VALUE"),
        (
            ["sensitivity", "alexnet", "--weights", "init", "--values", "many"],
            "must be a whole number, numbers separated by commas, or LOW:HIGH:NUMBER",
        ),
        (["sensitivity", "alexnet", "--weights", "init", "--average", "fase=3"], "did you mean: phase"),
        (["sensitivity", "alexnet", "--weights", "none.pt"], "no weights file 'none.pt'"),
        (["sensitivity", "alexnet", "--stimulus", "gabr"], "did you mean: gabor"),
        (["sensitivity", "alexnet", "--device", "gpu"], "device 'gpu' cannot be used"),
        (["sensitivity", "alexnet", "--figure", "a.jpeg"], "--figure must end in"),
        (["sensitivity", "alexnet", "--out", "/proc/no/c.nc"], "cannot make the folder"),
        (["sensitivity", "alexnet", "--weights", "init", "--seed", f"{10**20}"], "seed must be a whole number from 0"),
        (["sensitivity", "alexnet", "--stimulus", "grating-in-noise", "--set", "seed=abc"], "--set seed takes a whole"),
        (
            ["sensitivity", "alexnet", "--stimulus", "grating-in-noise", "--set", f"seed={10**20}"],
            "seed must be a whole",
        ),
        (["sensitivity", "alexnet", "--step", "0.1"], "add --method central, got --method exact"),
        (["statistics", "--seed", "-1"], "seed must be a whole number from 0"),
        (["compare", "a.nc", "b.nc", "--seed", "-1"], "seed must be a whole number from 0"),
        (["networks", "zzz*"], "no network matches"),
        (["statistics", "gone"], "no folder or archive of images 'gone'"),
        (["statistics", "--feature", "hues"], "unknown feature 'hues'; did you mean: hue"),
        (["statistics", "--feature", "hue", "--set", "saturation=2"], "saturation must be a number in [0, 1]"),
        (["statistics", "--set", "scales=fine"], "scales must be a list of numbers, got 'fine'"),
        (["statistics", "--out", "/proc/no/p.nc"], "cannot make the folder"),
        (["statistics", "--figure", "p.jpeg"], "--figure must end in"),
        (["compare", "gone.nc", "gone.nc"], "no result file 'gone.nc'"),
        (["reproduce", "--images", "gone"], "no folder or archive of images 'gone'"),
        (["reproduce", "fig3", "--weights", "gone.pt"], "no weights file 'gone.pt'"),
        (["layers", "resnet81"], "did you mean"),
        (["layers", "vit_b_16", "--size", "100"], "cannot run on 100 × 100"),
        (["layers", ".foo:bar"], "cannot import the network '.foo:bar'"),
        (["stimuli", "gaborr"], "did you mean: gabor"),
        (["stimuli", "--set", "sigma=1"], "--set changes one stimulus: name it"),
        (["reproduce", "fig7"], "unknown figure 'fig7'"),
        (["reproduce", "fig2", "all", "fig9"], "unknown figure 'fig9'"),
        (["reproduce", "--out", "/proc/x"], "cannot make the folder"),
    ],
)
def test_bad_input(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, *words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1
    assert not list(tmp_path.rglob("*"))


def test_the_seed_is_that_of_weights_which_one_decided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "s.pt"
    torch.save(load("resnet18_small", "init").model.state_dict(), file)
    for weights, recorded, seed in (("init", 5, ("--seed", "5")), (str(file), "", ())):
        words = ("sensitivity", "resnet18_small", "--weights", weights, *seed, "--values", "2", "--average", "phase=1")
        assert run(monkeypatch, *words, "--set", "size=32", "--out", tmp_path / "c.nc") == 0
        measured = sensitivity(load("resnet18_small", weights, 5), Gabor(size=32), values=2, average={"phase": 1})
        assert results.read(tmp_path / "c.nc").attrs["seed"] == measured.attrs["seed"] == recorded
    assert load("efficientnet_lite0", seed=5).seed is None


def test_weights_of_another_architecture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(load("squeezenet1_1", "init").model.state_dict(), tmp_path / "s.pt")
    assert run(monkeypatch, "sensitivity", "resnet18", "--weights", tmp_path / "s.pt", "--out", tmp_path / "c.nc") == 2
    assert "does not fit ResNet" in capsys.readouterr().err
    assert not (tmp_path / "c.nc").exists()


def test_lists(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "networks", "resnet*") == 0
    assert "resnet18\n" in capsys.readouterr().out
    assert run(monkeypatch, "layers", "alexnet") == 0
    out = capsys.readouterr().out
    assert "features.12" in out
    assert "256×6×6" in out


def test_an_error_without_a_word_is_told_by_its_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "silent.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, num_classes=3):\n        super().__init__()\n"
        "    def forward(self, images):\n        raise RuntimeError\n"
    )
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "layers", "silent:Net") == 2
    assert "cannot run on 224 × 224 images: RuntimeError" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "noise-low-pass"])
def test_stimuli(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "stimuli", *name.split(), "--out", tmp_path / "s.png") == 0
    assert (tmp_path / "s.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    "command", ["sensitivity", "statistics", "compare", "networks", "layers", "stimuli", "reproduce"]
)
def test_help_teaches(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, command, "--help") == 0
    assert "Usage" in capsys.readouterr().out


def test_interruption_keeps_finished_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*args: object, **kw: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fechner.paper.reproduce", stop)
    assert run(monkeypatch, "reproduce", "--out", tmp_path) == 130
    assert "run again with --resume" in capsys.readouterr().err


def test_statistics_says_what_was_left_out_and_what_is_too_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "images"
    (folder / ".thumbnails").mkdir(parents=True)
    for name in ("one.png", ".thumbnails/one.png"):
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(folder / name)
    (folder / "notes.txt").touch()
    words = ["statistics", folder, "--feature", "spatial_frequency", "--bootstraps", "0", "--out", tmp_path / "p.nc"]
    assert run(monkeypatch, *words) == 0
    out, err = capsys.readouterr()
    assert "in 1 photographs" in out
    assert "left out 2 files: 1 in .thumbnails, 1 of a kind that is not read (.txt)" in err
    assert "1 photograph is under 96 pixels" in err
    assert results.read(tmp_path / "p.nc").attrs["left_out"].startswith("{")


def test_statistics_and_compare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prior, curves = tmp_path / "prior.nc", tmp_path / "curves.nc"
    words: list[str | Path] = [
        "statistics",
        "--feature",
        "hue",
        "--set",
        "values=72",
        "--set",
        "value=0.4",
        "--bootstraps",
        "50",
    ]
    assert run(monkeypatch, *words, "--out", prior, "--figure", tmp_path / "prior.png") == 0
    assert "9 photographs from scikit-image: a first look" in capsys.readouterr().out.replace("\n", " ")
    assert results.read(prior).sizes["hue"] == 72
    words = [
        "sensitivity",
        "resnet18",
        "--weights",
        "init",
        "--stimulus",
        "hue-hsv",
        "--along",
        "hue",
        "--values",
        "12",
    ]
    words += ["--average", "saturation=0.5:0.9:3", "--set", "size=32", "--layers", "layer?", "--out", curves]
    assert run(monkeypatch, *words) == 0
    assert results.read(curves).saturation.values.tolist() == pytest.approx([0.5, 0.7, 0.9])
    assert run(monkeypatch, "compare", curves, prior, "--out", tmp_path / "c.nc", "--figure", tmp_path / "c.svg") == 0
    out = capsys.readouterr().out
    assert "layer4" in out
    assert "CIELAB distance" in out
    assert results.read(tmp_path / "c.nc").sizes["layer"] == 5
    assert (tmp_path / "c.svg").stat().st_size > 10_000
    assert run(monkeypatch, "compare", curves, prior, "--json") == 0
    assert {r["layer"] for r in json.loads(capsys.readouterr().out)} == {
        "input",
        "layer1",
        "layer2",
        "layer3",
        "layer4",
    }
    assert run(monkeypatch, "compare", prior, curves) == 2
    assert "give the curves first" in capsys.readouterr().err

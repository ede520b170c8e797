"""The command line, in process: results, help, and one-line errors with status 2."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from PIL import Image

import fechner
from fechner import Gabor, cli, learning, load, results, sensitivity
from fechner.cli.command import Verb
from fechner.cli.signature import options
from fechner.cli.text import reader
from fechner.stimuli import Draws, Midpoints
from fechner.stimuli.design import Values
from fechner.stimuli.nuisance import Nuisance


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
        (["sensitivity", "alexnet", "--stimulus", "grating-in-noise", "--set", "seed=abc"], "seed must be a whole"),
        (
            ["sensitivity", "alexnet", "--stimulus", "grating-in-noise", "--set", f"seed={10**20}"],
            "seed must be a whole",
        ),
        (["sensitivity", "alexnet", "--step", "0.1"], "add --method central, got --method exact"),
        (["components", "--seed", "-1"], "seed must be a whole number from 0"),
        (["networks", "zzz*"], "no network matches"),
        (["statistics", "gone"], "no folder or archive of images 'gone'"),
        (["statistics", "--feature", "hues"], "unknown feature 'hues'; did you mean: hue"),
        (["statistics", "--feature", "hue", "--set", "saturation=2"], "saturation must be a number in [0, 1]"),
        (["statistics", "--set", "scales=fine"], "scales must be a list of numbers, got 'fine'"),
        (["statistics", "--out", "/proc/no/p.nc"], "cannot make the folder"),
        (["statistics", "--figure", "p.jpeg"], "--figure must end in"),
        (["compare", "gone.nc", "gone.nc"], "no result file 'gone.nc'"),
        (["reproduce", "--images", "gone"], "no folder or archive of images 'gone'"),
        (["reproduce", "fig3", "--checkpoints", "gone.pt"], "no weights file 'gone.pt'"),
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


@pytest.mark.parametrize("verb", cli.commands.VERBS, ids=lambda verb: verb.name or verb.function.__name__)
def test_help_teaches(verb: Verb, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    command = verb.name or verb.function.__name__.replace("_", "-")
    assert run(monkeypatch, command, "--help") == 0
    out = capsys.readouterr().out
    assert "Usage" in out
    assert f"fechner {command}" in out.split("Examples")[1]
    for name, option in options(verb.function, verb.made).items():
        assert option.help, f"the docstring says nothing of {name}"


def test_options_are_the_arguments_of_functions() -> None:
    listed = options(fechner.sensitivity, cli.commands.PRESENTED)
    arguments = set(inspect.signature(fechner.sensitivity).parameters) - {"progress", "shared"}
    assert arguments <= set(listed)
    assert listed["values"].default == 180
    assert listed["network"].positional


def test_curves_of_several_trainings_are_subtracted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (0, 1):
        network = load("resnet18_small", "init", seed)
        measured = sensitivity(network, Gabor(size=32), values=6, average={"phase": 2}, layers="layer?")
        results.save(measured, tmp_path / f"{seed}.nc")
    one, other, out = tmp_path / "0.nc", tmp_path / "1.nc", tmp_path / "d.nc"
    assert run(monkeypatch, "difference", one, other, "--", other, one, "--out", out) == 0
    assert "layer4" in capsys.readouterr().out
    assert results.read(out).attrs["pairs"] == 2
    assert run(monkeypatch, "draw", out, "--out", tmp_path / "F.svg") == 0
    assert (tmp_path / "F.svg").stat().st_size > 10_000


def test_components_are_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    components, learned = tmp_path / "pca.nc", tmp_path / "learned.nc"
    assert run(monkeypatch, "components", "--size", "4", "--number", "500", "--out", components) == 0
    words = ["learn", components, "--depth", "2", "--steps", "40", "--snapshots", "0:40:3", "--out", learned]
    assert run(monkeypatch, *words) == 0
    stage = learning.Stage(results.read(components).variance.values, 40)
    expected = learning.learn(learning.LinearNetwork(2), stage, [0, 20, 40])
    np.testing.assert_array_equal(results.read(learned).end_to_end, expected.end_to_end)


def test_labels_are_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["learn-labels", "--steps", "4", "--seeds", "2", "--snapshots", "0,4", "--widths", "16", "--batch", "8"]
    words += ["--channel", "erasure", "--noise", "0.5", "--classes", "12", "--values", "6", "--average", "phase=2"]
    assert run(monkeypatch, *words, "--out", tmp_path / "labels.nc") == 0
    expected = learning.learn_labels(
        learning.Perceptron((16,)),
        learning.Exposure(4, channel=learning.Erasure(12), noise=0.5),
        learning.Task(classes=12, average={"phase": 2}),
        [0, 4],
        values=6,
        batch=8,
        seeds=2,
    )
    np.testing.assert_array_equal(results.read(tmp_path / "labels.nc").loss, expected.loss)


def test_a_stimulus_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stimuli_of_mine.py").write_text(
        "from dataclasses import dataclass\n"
        "import torch\n"
        "from fechner import Stimulus\n"
        "from fechner.stimuli import Length\n"
        "@dataclass(frozen=True)\n"
        "class Rings(Stimulus):\n"
        "    radius: Length = 0.5\n"
        "    def luminance(self):\n"
        "        x, y = self.grid()\n"
        "        return 0.5 + 0.5 * torch.cos(2 * torch.pi * torch.hypot(x, y) / self.radius)\n"
    )
    monkeypatch.chdir(tmp_path)
    words = ["sensitivity", "resnet18_small", "--weights", "init", "--stimulus", "stimuli_of_mine:Rings"]
    words += ["--set", "size=32,pixels_per_degree=20", "--along", "radius", "--values", "0.3:0.8:3", "--out", "r.nc"]
    assert run(monkeypatch, *words) == 0
    assert results.read("r.nc").radius.values.tolist() == pytest.approx([0.3, 0.55, 0.8])


@pytest.mark.parametrize(
    ("text", "hint", "value"),
    [
        ("180", Values, 180),
        ("1,2,4", Values, [1.0, 2.0, 4.0]),
        ("0.5:0.9:3", Values, [0.5, 0.7, 0.9]),
        ("random:20", Nuisance, Draws(20)),
        ("midpoints:0.5:0.9:8", Nuisance, Midpoints(0.5, 0.9, 8)),
        ("0:10:3", Sequence[int], [0, 5, 10]),
        ("31", Sequence[int], [31]),
        ("0,90", tuple[float, ...], [0.0, 90.0]),
        ("tied", int | Literal["tied"], "tied"),
        ("3", int | Literal["tied"], 3),
        (
            ["phase=10,saturation=0.5,0.7", "value=1.0"],
            Mapping[str, Nuisance],
            {"phase": 10, "saturation": [0.5, 0.7], "value": [1.0]},
        ),
    ],
)
def test_texts_of_options(text: str, hint: object, value: object) -> None:
    kind = reader(hint)
    assert kind is not None
    read = kind.read("values", text)
    assert read == (pytest.approx(value) if isinstance(value, list) else value)


def test_interruption_keeps_finished_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*args: object, **kw: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fechner.cli.command.call", stop)
    assert run(monkeypatch, "reproduce", "--out", tmp_path) == 130
    assert "run again with --resume" in capsys.readouterr().err


@pytest.mark.filterwarnings("default::fechner.errors.FechnerWarning")
def test_statistics_says_what_was_left_out_and_what_is_too_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "images"
    (folder / ".thumbnails").mkdir(parents=True)
    for name in ("one.png", ".thumbnails/one.png"):
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(folder / name)
    (folder / "notes.txt").touch()
    words = ["statistics", folder, "--feature", "spatial_frequency", "--out", tmp_path / "p.nc"]
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
        "scikit-image",
        "--feature",
        "hue",
        "--set",
        "values=72",
        "--set",
        "value=0.4",
    ]
    assert run(monkeypatch, *words, "--out", prior, "--figure", tmp_path / "prior.png") == 0
    assert "9 photographs from scikit-image: a trial" in capsys.readouterr().out.replace("\n", " ")
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
    assert run(monkeypatch, "compare", curves) == 0
    assert "500 photographs of ImageNet" in capsys.readouterr().out.replace("\n", " ")
    assert run(monkeypatch, "compare", prior, curves) == 2
    assert "give the curves first" in capsys.readouterr().err

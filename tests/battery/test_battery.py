"""A battery of bad input: every case is one line that says what is wrong, without a traceback, and changes nothing on disk.

The cases are rows of `commands.txt` and `functions.txt`; `test_every_argument` makes more from the annotations of all
public functions. A row is INPUT => a regular expression that the error holds.
"""

from __future__ import annotations

import inspect
import math
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
import torch
import xarray as xr
from PIL import Image
from torch import nn

import fechner
from fechner import cli, human, learning, paper, results, statistics, stimuli, training
from fechner.learning import history, readouts, theory
from fechner.networks import Network, untrained
from fechner.training.callback import RecordSensitivity

HERE = Path(__file__).parent
LONGEST = 60
TINY = """
from torch import nn
NUMBER = 3
def number(num_classes=2): return 3
def Net(num_classes=2):
    return nn.Sequential(nn.Conv2d(3, 4, 5, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, num_classes))
"""
RINGS = """
from dataclasses import dataclass
import torch
from fechner import Stimulus
from fechner.stimuli import Length
@dataclass(frozen=True)
class Rings(Stimulus):
    radius: Length = 0.5
    def luminance(self):
        x, y = self.grid()
        return 0.5 + 0.5 * torch.cos(2 * torch.pi * torch.hypot(x, y) / self.radius)
def ramp(orientation):
    return (0.25 + 0.5 * torch.linspace(0, 1, 32) * torch.cos(orientation.view(-1, 1, 1, 1) / 90) ** 2).expand(-1, 3, 32, 32)
"""


def rows(name: str) -> list[tuple[str, str]]:
    """Input and expected error of every row of a table."""
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    pairs = [line.partition(" => ") for line in lines if line.strip() and not line.startswith("#")]
    assert all(arrow for _, arrow, _ in pairs)
    return [(given.strip(), expected.strip()) for given, _, expected in pairs]


COMMANDS, FUNCTIONS = rows("commands.txt"), rows("functions.txt")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the cases run: results, photographs, a network, and what is none of these."""
    made = tmp_path_factory.mktemp("battery")
    (made / "tiny.py").write_text(TINY)
    (made / "rings.py").write_text(RINGS)
    (made / "text.txt").write_text("nothing of interest\n")
    (made / "empty").mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (24, 40, 40, 3), dtype=np.uint8)
    for i, image in enumerate(pixels):
        for place in (f"images/{'ab'[i % 2]}", "one/a"):
            (made / place).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(made / place / f"{i}.png")
    results.save(curves(), made / "curves.nc")
    results.save(density("orientation", 180), made / "prior.nc")
    results.save(density("hue", 360), made / "hue.nc")
    results.save(statistics.principal_components(number=300, size=4, progress=False), made / "pca.nc")
    return made


def curves() -> xr.Dataset:
    model = nn.Sequential(nn.Conv2d(3, 4, 5, 2), nn.Flatten(), nn.Linear(784, 3)).eval()
    return fechner.sensitivity(
        model, stimuli.Gabor(size=32, pixels_per_degree=20), values=8, average={"phase": 2}, progress=False
    )


def density(feature: str, values: int) -> xr.Dataset:
    return fechner.image_statistics("scikit-image", feature=feature, values=values, progress=False)


@contextmanager
def nothing_changes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In this folder nothing may appear, vanish or change, and nothing may take longer than a minute."""

    def state() -> dict[Path, tuple[int, int]]:
        return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in folder.rglob("*") if "__pycache__" not in p.parts}

    def late(*told: Any) -> None:
        raise TimeoutError(f"no answer within {LONGEST} s")

    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")
    before, handler = state(), signal.signal(signal.SIGALRM, late)
    signal.alarm(LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)
    assert state() == before


def check(error: str, expected: str) -> None:
    """One line that holds what is expected."""
    assert len(error.strip().splitlines()) == 1, error
    assert re.search(expected, error), error


@pytest.mark.parametrize(("given", "expected"), COMMANDS, ids=[given for given, _ in COMMANDS])
def test_command(
    given: str, expected: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["fechner", *shlex.split(given)])
    monkeypatch.setattr(cli, "_keep_freed_memory", lambda: None)
    with nothing_changes(folder, monkeypatch), pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2
    check(capsys.readouterr().err, expected)


def as_command(given: str, expected: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [sys.executable, "-m", "fechner", *shlex.split(given)]
    with nothing_changes(folder, monkeypatch):
        done = subprocess.run(words, capture_output=True, text=True, timeout=LONGEST, check=False)
    assert done.returncode == 2, done.stderr
    check(done.stderr, expected)


# A command takes seconds to start: the last row of those that work longest or were made last; all of them where there is time.
REAL = ("sensitivity", "statistics", "compare", "train", "reproduce", "report", "difference", "draw", "learn", "foo")
SOME = [
    row for name, row in {given.split()[0]: (given, expected) for given, expected in COMMANDS}.items() if name in REAL
]


@pytest.mark.parametrize(("given", "expected"), SOME, ids=[given for given, _ in SOME])
def test_real_command(given: str, expected: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_command(given, expected, folder, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize(("given", "expected"), COMMANDS, ids=[given for given, _ in COMMANDS])
def test_every_real_command(given: str, expected: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_command(given, expected, folder, monkeypatch)


class Names(dict[str, Any]):
    """What the rows of functions.txt can name: everything public, and some arguments that are as they should be."""

    def __init__(self) -> None:
        for module in (fechner, stimuli, training, learning, statistics, history, readouts, theory):
            self |= {n: v for n, v in vars(module).items() if not n.startswith("_")}
        self |= {
            "fechner": fechner,
            "human": human,
            "reproduce": paper.reproduce,
            "draw": fechner.draw,
            "report": fechner.report,
            "np": np,
            "torch": torch,
            "nn": nn,
            "nan": math.nan,
            "inf": math.inf,
        }
        self |= {"Network": Network, "RecordSensitivity": RecordSensitivity, "Path": Path, "untrained": untrained}
        self["net"] = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(8, 3)).eval()
        self["gabor"] = stimuli.Gabor(size=16, pixels_per_degree=10)
        self["curves"], self["prior"] = curves(), density("orientation", 180)
        self["stage"], self["linear"] = learning.Stage(np.array([4.0, 1.0]), 10), learning.LinearNetwork()
        self["shown"] = learning.Exposure(3)
        self["learned"] = learning.learn(self["linear"], self["stage"], [0, 10], progress=False)
        self["pca"] = statistics.principal_components(number=300, size=4, progress=False)
        self["image"] = image

    def call(self, given: str) -> None:
        """Evaluate a row."""
        eval(given, self)  # the rows are those of this folder


def image(low: float, high: float) -> Callable[..., torch.Tensor]:
    """A stimulus of one's own with pixels in this range, which changes with orientation."""

    def made(orientation: torch.Tensor) -> torch.Tensor:
        ramp = (torch.linspace(0, 1, 16) + 0 * orientation.view(-1, 1, 1, 1) / 180).expand(len(orientation), 3, 16, 16)
        return low + (high - low) * ramp

    return made


@pytest.fixture(scope="module")
def names() -> Names:
    return Names()


@pytest.mark.parametrize(("given", "expected"), FUNCTIONS, ids=[given for given, _ in FUNCTIONS])
def test_function(given: str, expected: str, names: Names, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with nothing_changes(folder, monkeypatch), pytest.raises((fechner.FechnerError, TypeError)) as error:
        names.call(given)
    check(str(error.value), expected)


# All public functions, with what has to be given to each.
REQUIRED: dict[Callable[..., Any], str] = {
    fechner.sensitivity: "network=net, stimulus=gabor",
    fechner.image_statistics: "",
    fechner.compare: "curves=curves, prior=prior",
    fechner.difference: "manipulated=curves, upright=curves",
    fechner.draw: "dataset=curves",
    fechner.report: "sources=['curves.nc']",
    paper.reproduce: "",
    fechner.read: "path='curves.nc'",
    fechner.save: "dataset=curves, path='new.nc'",
    fechner.list_networks: "",
    fechner.load: "name='resnet18'",
    fechner.train: "images='images'",
    untrained: "name='resnet18', classes=2",
    stimuli.stimulus: "name='gabor'",
    stimuli.Draws: "count=3",
    stimuli.Midpoints: "low=0.5, high=0.9, count=3",
    stimuli.Design: "stimulus=gabor, along='orientation', values=3",
    training.labelled: "source='images'",
    training.preview: "images='images', condition=Condition()",
    training.recipe_for: "network=net, size=32",
    statistics.make: "feature='hue', settings={}",
    statistics.photographs: "",
    statistics.principal_components: "",
    statistics.power_law: "variance=np.ones(20)",
    statistics.shipped: "",
    statistics.reconstruct: "pca=pca, patches=np.zeros((1, 16)), components=3",
    human.read: "name='grating-acuity'",
    human.priors: "along='hue'",
    human.analytic_orientation_prior: "orientation=0",
    human.cielab_hue_distance: "hue=0",
    learning.learn: "network=linear, stages=stage, snapshots=[0]",
    learning.learn_labels: "network=Perceptron((2,)), exposures=shown",
    learning.sinusoidal: "",
    learning.band: "low=0, high=10",
    learning.balanced_noise: "density=[0.5], channel=Erasure()",
    learning.published_noise: "density=[0.005]",
    learning.imbalance: "density=[0.5], channel=Erasure(), noise=0.5",
    learning.specific_information: "frequency=np.ones(60), channel=Erasure(), noise=0.5",
    history.preference: "learned=learned, favoured=0, against=90, layer='input'",
    history.hysteresis: "first=learned.loss, second=learned.loss, switch=3",
    history.slopes: "steps=[0, 1], curve=[0, 1], switch=1, window=1",
    readouts.proportion_learned: "learned=learned",
    readouts.misalignment: "learned=learned",
    readouts.learning_step: "learned=learned",
    readouts.fisher_information_of_maps: "learned=learned, pca=pca, stimulus=gabor, along='phase', values=[0], average={}",
    readouts.elbow: "frequency=[1, 2], threshold=[1, 2]",
    readouts.acuity: "frequency=[1, 2], threshold=[1, 2], criterion=1",
    theory.rate: "s=1, depth=2, variance=1, covariance=1",
    theory.one_layer: "t=1, start=1, variance=1, covariance=1",
    theory.two_layers: "t=1, start=1, variance=1, covariance=1",
    theory.four_layers_time: "s=1, start=1, variance=1, covariance=1",
    theory.tied: "t=1, start=1, variance=1",
    theory.time_to_learn: "depth=3, start=1, covariance=1",
    theory.two_layers_whitened: "t=1, first=np.eye(2), second=np.eye(2), covariance=np.eye(2)",
    Network: "model=net",
    RecordSensitivity: "path='new.nc', stimulus=gabor, every=1",
    learning.Task: "",
    learning.Exposure: "steps=3",
    learning.Stage: "variance=np.ones(2), steps=3",
    learning.LinearNetwork: "",
    learning.Perceptron: "",
    learning.Erasure: "",
    learning.Flips: "",
    training.Condition: "",
    training.Recipe: "epochs=1, batch=1, learning_rate=1.0, weight_decay=0.0",
    stimuli.Gabor: "",
    stimuli.Grating: "",
    stimuli.GratingInNoise: "",
    stimuli.CentreSurround: "",
    stimuli.OrientedNoise: "",
    stimuli.HuePatch: "",
    stimuli.LChPatch: "",
    stimuli.SpectralPatch: "",
}  # fmt: skip
# What is none of its kind, whatever the limits; by the first word of the annotation.
NONE_OF_ITS_KIND = {
    "int": (True, 1.5, "3", math.nan, 1j, [1], object()),
    "float": (True, "3", math.nan, 1j, object(), "x"),
    "bool": (1, "yes", 0.0),
    "str": (5, 1.5, b"x", object()),
    "path": (5, b"x", "a\0b", object()),
    "dataset": (5, "curves.nc", object(), np.zeros(3)),
    "function": (5, "print", object()),
    "mapping": (5, "x", [1]),
    "module": (5, "resnet18", object()),
}


def kind(hint: Any) -> str:
    """Which of these an annotation asks for; "" where it takes several kinds."""
    text = re.sub(
        r"typing\.|collections\.abc\.|pathlib\.|torch\.nn\.modules\.module\.|torch\.nn\.|xarray\.core\.dataset\.",
        "",
        str(hint),
    )
    text = text.removesuffix(" | None").removeprefix("Optional[")
    if found := re.match(r"Annotated\[(int|float), (Whole|Real)", text):
        return "" if "|" in text.split("]")[-1] else found[1]
    named = {"<class 'int'>": "int", "<class 'float'>": "float", "<class 'bool'>": "bool", "<class 'str'>": "str"}
    named |= {"str | Path": "path", "<class 'Dataset'>": "dataset", "<class 'Module'>": "module"}
    named |= {"int": "int", "float": "float"}
    if text.startswith("Callable["):
        return "function"
    return "mapping" if text.startswith("Mapping[") else named.get(text, "")


def arguments() -> Iterator[tuple[Callable[..., Any], str, str]]:
    for function in REQUIRED:
        target = function.__init__ if function in (Network, RecordSensitivity) else function  # type: ignore[misc]
        hints = get_type_hints(inspect.unwrap(target), include_extras=True)
        for name in inspect.signature(function).parameters:
            if name in hints and kind(hints[name]):
                yield function, name, kind(hints[name])


ARGUMENTS = list(arguments())


@pytest.mark.parametrize(("function", "name", "of"), ARGUMENTS, ids=[f"{f.__name__}-{n}" for f, n, _ in ARGUMENTS])
def test_every_argument(
    function: Callable[..., Any], name: str, of: str, names: Names, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = eval(f"dict({REQUIRED[function]})", names)
    for bad in NONE_OF_ITS_KIND[of]:
        with nothing_changes(folder, monkeypatch), pytest.raises(fechner.FechnerError) as error:
            function(**given | {name: bad})
        check(str(error.value), rf"\b{name}\b")


def test_there_are_many_cases() -> None:
    assert len(COMMANDS) > 250
    assert len(FUNCTIONS) > 100
    assert sum(len(NONE_OF_ITS_KIND[of]) for _, _, of in ARGUMENTS) > 600


def test_no_public_function_is_left_out() -> None:
    plain = {human.available, stimuli.parameters, stimuli.render, stimuli.settings}
    plain |= {statistics.are_crops, statistics.find_photographs, statistics.left_out_in_words, statistics.read_crops}
    plain |= {statistics.sample_patches, statistics.source_name}
    for module in (fechner, stimuli, training, learning, statistics, human, history, readouts, theory):
        for name, function in vars(module).items():
            here = inspect.isfunction(function) and function.__module__.startswith(module.__name__)
            if here and not name.startswith("_") and function not in plain:
                assert function in REQUIRED, f"{module.__name__}.{name}"


def test_cases_of_every_command() -> None:
    of = {given.split()[0] for given, _ in COMMANDS}
    assert {c.name for c in cli.app.registered_commands} <= of


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals of this kind are those of Unix")
def test_what_takes_too_long_is_seen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "LONGEST", 1)
    with pytest.raises(TimeoutError), nothing_changes(folder, monkeypatch):
        signal.pause()

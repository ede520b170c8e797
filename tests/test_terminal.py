"""What commands print of names is what the names are: no markup, no emoji, nothing that moves the cursor."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
import xarray as xr

from fechner import circular, results
from fechner.cli import main
from fechner.cli.terminal import say
from fechner.progress import bar

ODD = ["input", "a[/b]", "[red]x", ":smile:", "e\x1b[2J\n", "\u202egpj.png"]


def curves() -> xr.Dataset:
    grid = circular.grid(6, 180.0)
    values = [[1.0, 2, 3, 2, 1, 2]] * len(ODD)
    variables = dict.fromkeys(("fisher_information", "relative_sensitivity"), (("layer", "orientation"), values))
    coordinates = {
        "layer": ODD,
        "depth": ("layer", [i / 5 for i in range(6)]),
        "orientation": ("orientation", grid, {"units": "degree"}),
    }
    return xr.Dataset(variables, coordinates, results.provenance("sensitivity") | {"along": "orientation"})


def prior() -> xr.Dataset:
    grid = ("orientation", circular.grid(6, 180.0), {"units": "degree"})
    density = dict.fromkeys(("density", "density_low", "density_high"), ("orientation", [1 / 180.0] * 5 + [1 / 180]))
    return xr.Dataset(density, {"orientation": grid}, results.provenance("density") | {"along": "orientation"})


def command(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["fechner", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_names_of_layers_and_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    results.save(curves(), "[bold]curves.nc")
    results.save(prior(), "prior.nc")
    out = "[red]\x1b[31m$x$.nc"
    words = ["compare", "[bold]curves.nc", "prior.nc", "--out", out]
    assert command(monkeypatch, *words) == 0
    said = capfd.readouterr().out
    for name in ("a[/b]", "[red]x", ":smile:", r"e\x1b[2J\n", r"\u202egpj.png"):
        assert f"│ {name} " in said
    assert r"saved [red]\x1b[31m$x$.nc" in said
    assert "\x1b" not in said
    assert Path(out).is_file()


def test_errors(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    assert command(monkeypatch, "compare", "[/b]\x1b[2J\n:smile:.nc", "prior.nc") == 2
    said = capfd.readouterr().err
    assert said.startswith("fechner: no result file '[/b]\\x1b[2J\\n:smile:.nc': give one that fechner saved")
    assert said.count("\n") == 1
    assert command(monkeypatch, "[/b]") == 2
    assert "No such command '[/b]'" in capfd.readouterr().err


def test_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    # A terminal that records what it is sent.
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    with bar(True, "whole[/b]\x1b[2J", 2, "parts") as whole, bar(True, "part", 3, "stimuli") as part:
        part.update(3)
        whole.update(1)
        say("a line between")
    assert r"whole[/b]\x1b[2J" in terminal.getvalue()
    assert "3/3" in terminal.getvalue()
    assert "\x1b[2J" not in terminal.getvalue()
    with bar(False, "silent", 2, "parts"):
        pass
    assert "silent" not in terminal.getvalue()

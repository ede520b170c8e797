"""What is read is never overwritten, nothing is half written, and one folder has one writer."""

from __future__ import annotations

import io
import json
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from fechner import FechnerError, Gabor, cli, outputs, read, report, results, save
from fechner.training import RecordSensitivity, train

DATA = xr.Dataset({"a": ("x", [1.0, 2.0])}, attrs=results.provenance("part"))
WORDS = {
    "photographs as a result": "statistics a.tar --out a.tar",
    "photographs by another path": "statistics a.tar --out ./photos/../a.tar",
    "photographs through a link": "statistics a.tar --out link.tar",
    "a photograph of a folder": "statistics photos --out photos/1.png",
    "a new picture among the photographs": "statistics photos --figure photos/density.png",
    "weights as a result": "sensitivity alexnet --weights w.pth --out w.pth",
    "weights as a figure": "sensitivity alexnet --weights w.png --figure w.png",
    "somebody's file": "sensitivity alexnet --out mine.py",
    "curves": "compare a.nc b.nc --out a.nc",
    "a density": "compare a.nc b.nc --out b.nc",
    "result and figure": "sensitivity alexnet --out x.png --figure x.png",
    "result and figure by another path": "compare a.nc b.nc --out x.png --figure ./x.png",
    "a device": "statistics --out /dev/null",
    "a device as a figure": "stimuli gabor --out device.png",
    "a pipe": "statistics --out pipe",
    "a result on a page": "report page.html --out page.html",
    "training among its images": "train photos --out photos",
    "training in a class of its images": "train photos --out photos/run",
    "figures among the photographs": "reproduce fig1 --images photos --out photos",
    "figures in a folder of photographs": "reproduce fig1 --images out/fig1 --out out",
    "a name too long": f"statistics --out {'x' * 300}.nc",
    "a name too long in bytes": f"statistics --out {'°' * 130}.nc",
    "a link to itself": "statistics --out loop.nc",
}
MESSAGES = (
    "what is read",
    "among the images",
    "named twice",
    "not a file",
    "must end in .nc",
    "cannot be the name",
    "itself",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder that holds one of everything."""
    for name in ("a.tar", "w.pth", "w.png", "mine.py", "page.html"):
        (tmp_path / name).write_text(f"this is {name}")
    for place in ("photos", "photos/one", "photos/two", "out/fig1"):
        (tmp_path / place).mkdir(parents=True)
    for i in range(12):
        pixels = np.full((32, 32, 3), 10 * i, np.uint8)
        for place in ("photos/one", "photos/two", "out/fig1"):
            Image.fromarray(pixels).save(tmp_path / place / f"{i}.png")
    (tmp_path / "link.tar").symlink_to("a.tar")
    (tmp_path / "loop.nc").symlink_to("loop.nc")
    (tmp_path / "device.png").symlink_to("/dev/null")
    os.mkfifo(tmp_path / "pipe")
    for name in ("a.nc", "b.nc"):
        save(DATA, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "_keep_freed_memory", lambda: None)
    return tmp_path


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() if p.is_file() else b"" for p in sorted(folder.rglob("*"))}


def command(monkeypatch: pytest.MonkeyPatch, words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["fechner", *words.split()])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return int(stop.value.code or 0)


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_no_command_destroys_what_is_there(
    words: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = everything(folder)
    assert command(monkeypatch, words) == 2
    told = capsys.readouterr().err.strip()
    assert len(told.splitlines()) == 1
    assert any(message in told for message in (*MESSAGES, "cannot make the folder")), told
    assert everything(folder) == before
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_no_function_destroys_what_is_there(folder: Path) -> None:
    before = everything(folder)
    for write, message in (
        (lambda: save(DATA, "w.pth"), "must end in .nc, got 'w.pth'"),
        (lambda: save(DATA, "/dev/null"), "is a device, pipe or socket"),
        (lambda: save(DATA, "a\0.nc"), "path must be a text or a path"),
        (lambda: RecordSensitivity("w.pth", Gabor(), every=1), "must end in .nc, got 'w.pth'"),
        (lambda: RecordSensitivity("pipe", Gabor(), every=1), "is a device, pipe or socket"),
        (lambda: report(["page.html"], "page.html"), "'page.html' is what is read"),
        (lambda: train("photos", "resnet18_small", out="photos/run"), "would lie among the images of 'photos'"),
        (lambda: outputs.writable("a.nc", None, "./a.nc"), "is named twice"),
    ):
        with pytest.raises(FechnerError, match=message) as caught:
            write()
        assert "\n" not in str(caught.value)
    assert everything(folder) == before
    # What may be written: results over results, beside photographs, and where nothing is.
    outputs.writable("photos/prior.nc", "photos/density.svg", "new/folder/x.png", reads=["photos", "a.tar", None])
    results.writable("a.nc")


def test_links_are_followed(folder: Path) -> None:
    kept = folder / "elsewhere"
    kept.mkdir()
    save(DATA.assign(a=("x", [3.0, 4.0])), kept / "curves.nc")
    (folder / "linked.nc").symlink_to(kept / "curves.nc")
    (folder / "new.nc").symlink_to(kept / "not-yet.nc")
    for name in ("linked.nc", "new.nc"):
        save(DATA, folder / name)
        assert (folder / name).is_symlink()
        assert read(folder / name).a.values.tolist() == [1, 2]
    assert sorted(p.name for p in kept.iterdir()) == ["curves.nc", "not-yet.nc"]


def test_a_path_may_begin_at_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder / "out"))
    assert command(monkeypatch, "stimuli gabor --out=~/sheets/s.png") == 0
    assert (folder / "out" / "sheets" / "s.png").stat().st_size > 10_000
    save(DATA, "~/a.nc")
    assert read("~/a.nc").identical(read(folder / "out" / "a.nc"))
    assert not (folder / "~").exists()
    for words, message in (
        ("statistics ~/gone", f"'{folder}/out/gone'"),
        ("compare ~/gone.nc b.nc", f"'{folder}/out/gone.nc'"),
        ("sensitivity alexnet --weights ~/gone.pth", f"'{folder}/out/gone.pth'"),
        ("train ~/gone", f"'{folder}/out/gone'"),
        ("report ~/gone", f"'{folder}/out/gone'"),
        ("reproduce fig1 --images ~/gone", f"'{folder}/out/gone'"),
    ):
        with pytest.MonkeyPatch.context() as patch:
            said: list[str] = []
            patch.setattr(cli, "say", lambda text, err=False, said=said: said.append(text))
            assert command(monkeypatch, words) == 2
        assert message in said[-1]


def test_names_as_long_as_the_disk_takes(tmp_path: Path) -> None:
    path = tmp_path / f"{'x' * 252}.nc"
    assert read(save(DATA, path)).identical(DATA)


def test_what_killed_processes_left_is_swept(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host, day = outputs._HOST, time.time() - 25 * 3600
    names = {
        f".fechner-{host}-{ended.pid}-0.part": False,
        f".fechner-{host}-{os.getpid()}-99.part": True,
        f".fechner-00000000-{ended.pid}-0.part": True,
        ".fechner-00000000-1-0.part": False,
        ".mine.part": True,
    }
    for name in names:
        (tmp_path / name).write_text("halfway")
    os.utime(tmp_path / ".fechner-00000000-1-0.part", (day, day))
    save(DATA, tmp_path / "a.nc")
    assert {p.name for p in tmp_path.iterdir()} == {"a.nc", *(n for n, kept in names.items() if kept)}


HOLD = """
import os, sys
from fechner import outputs
with outputs.held(sys.argv[1]):
    # A process that is forked, such as one that loads data, outlives the one that forked it.
    if os.fork() == 0:
        os.close(1)
        import time
        time.sleep(20)
        os._exit(0)
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-c", HOLD, str(tmp_path / "out")]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    os.killpg(process.pid, 9)
    process.communicate()


def test_one_writer_a_folder_and_none_after_a_kill(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    def again() -> None:
        with outputs.held(tmp_path / "out"):
            pass

    with pytest.raises(
        FechnerError, match=f"'.*out' is being written by process {holder.pid} on {socket.gethostname()}"
    ):
        again()
    holder.kill()
    holder.wait()
    again()
    with outputs.held(tmp_path / "out"), pytest.raises(FechnerError, match="by this process already"):
        again()
    again()
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_output_that_cannot_take_every_character(encoding: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hue = "--stimulus hue-hsv --along hue --values 6 --average saturation=0.5:0.9:2 --set size=32"
    said = {}
    for words in (
        "statistics scikit-image --feature hue --workers 0 --out hüé→.nc",
        f"sensitivity resnet18_small --weights init {hue} --out curves.nc",
        "compare curves.nc hüé→.nc --out compared.nc",
        "compare curves.nc hüé→.nc --out again.nc --json",
    ):
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
        assert command(monkeypatch, words) == 0
        sys.stdout.flush()
        said[words.split()[-1]] = written.getvalue().decode(encoding)
    monkeypatch.undo()
    assert ("h???" if encoding == "ascii" else "hüé?") + ".nc" in said["hüé→.nc"]
    assert json.loads(said["--json"])[0]["layer"] == "input"
    assert read(folder / "compared.nc").equals(read(folder / "again.nc"))
    # Whatever is printed, the result is on the disk before.
    monkeypatch.chdir(folder)
    monkeypatch.setitem(cli.tables.PRINTED, "comparison", lambda result: 1 / 0)
    monkeypatch.setattr(sys, "argv", ["fechner", "compare", "curves.nc", "hüé→.nc", "--out", "kept.nc"])
    with pytest.raises(ZeroDivisionError):
        cli.main()
    assert read(folder / "kept.nc").equals(read(folder / "again.nc"))

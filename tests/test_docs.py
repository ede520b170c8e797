"""Shell blocks of the README and the site run; those that take hours or a cluster are valid commands.

`tests/test_contributing.py` runs those of docs/extending.md.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch
import typer.main
from skimage import data, io
from torchvision.models import resnet18

from fechner import cli
from fechner.paper import reproduce
from fechner.paper.catalogue import FIGURES

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "docs"))
from build_measured import PAGE, with_tables  # noqa: E402

PAGES = [ROOT / "README.md", *sorted(p for p in (ROOT / "docs").rglob("*.md") if "_build" not in p.parts)]
LONG = ("# hours", "# cluster")
COMMANDS = typer.main.get_command(cli.app)


def blocks(page: Path) -> list[tuple[bool, list[str]]]:
    """Of each shell block, whether it takes long, and its commands."""
    found = []
    for text in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        lines = text.replace("\\\n", " ").splitlines()
        commands = [c for line in lines if (c := line.split("  #")[0].strip()) and not c.startswith("#")]
        found.append((text.startswith(LONG) or page.name in ("README.md", "cli.md", "extending.md"), commands))
    return found


def words_of(command: str) -> list[str] | None:
    """The arguments of a fechner command, also under torchrun; None for another program."""
    words = shlex.split(command)
    if words[0] == "torchrun":
        words = words[words.index("fechner") :]
    return words[1:] if words[0] == "fechner" else None


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_commands_are_valid(page: Path) -> None:
    for _, commands in blocks(page):
        for command in commands:
            words = words_of(command)
            if words is None:
                made = re.match(r"(\S+=\S+ )?make (\S+)", command)
                assert made or command.startswith(("pip install", ".venv/bin/", "python -m pip", "git ")), command
                if made:
                    assert re.search(rf"^{made.group(2)}:", (ROOT / "Makefile").read_text(), re.MULTILINE), command
            elif words and not words[0].startswith("-"):
                name, *options = words
                # Parses options and values, and runs nothing.
                COMMANDS.commands[name].make_context(name, options)  # type: ignore[attr-defined]


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """In a copy, because building writes into the folder that it reads."""
    made = shutil.ignore_patterns("_build", "jupyter_execute", "cli.md", "__pycache__")
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=made)
    shutil.rmtree(tmp_path / "docs" / "notebooks", ignore_errors=True)
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", ignore=made)
    for page in ROOT.glob("*.*"):
        if page.is_file():
            shutil.copy(page, tmp_path)
    words = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", "site"]
    done = subprocess.run(
        words,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    site = tmp_path / "site"
    for source in [*(tmp_path / "docs").rglob("*.md"), *(tmp_path / "docs" / "notebooks").glob("*.ipynb")]:
        assert (site / source.relative_to(tmp_path / "docs")).with_suffix(".html").is_file(), source
    assert "<math" in (site / "explanation" / "sensitivity.html").read_text(encoding="utf-8")


SHORT = [(page, i) for page in PAGES for i, (long, _) in enumerate(blocks(page)) if not long]


# One page stands for all in the default run.
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=() if page.stem == "report" else pytest.mark.slow, id=page.stem)
        for page in sorted({page for page, _ in SHORT})
    ],
)
def test_commands_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photographs").mkdir()
    for name in ("astronaut", "chelsea", "coffee"):
        io.imsave(tmp_path / "photographs" / f"{name}.png", getattr(data, name)())
    torch.save(resnet18().state_dict(), tmp_path / "checkpoint.pth")
    for long, commands in blocks(page):
        for command in commands:
            words = words_of(command)
            if long or words is None:
                continue
            monkeypatch.setattr(sys, "argv", ["fechner", *words])
            with pytest.raises(SystemExit) as ended:
                cli.main()
            assert ended.value.code in (0, None), command


def test_tables_of_results_are_made_from_files(tmp_path: Path) -> None:
    """A row for the most and for the least frequent orientation, and one for each claim; text around them stays."""
    reproduce(["fig1"], out=tmp_path, say=lambda text: None)
    page = "before\n<!-- fig1 -->\nold\n<!-- end -->\nafter\n"
    before, made, _ = re.split("<!-- .* -->", with_tables(page, tmp_path))
    assert before == "before\n"
    assert "500 photographs" in made
    (row,) = [line for line in made.splitlines() if "horizontal and vertical" in line]
    (judged,) = json.loads((tmp_path / "fig1" / "claims.json").read_text(encoding="utf-8"))["claims"]
    measured, interval, verdict = (cell.strip() for cell in row.split("|")[2:5])
    low, high = (float(end) for end in interval.strip("[]").split(","))
    assert float(measured) == pytest.approx(judged["measured"], abs=0.1)
    assert [low, high] == pytest.approx(judged["interval"], abs=0.1)
    assert verdict == judged["verdict"]
    assert made.count("density of the") == 2


def test_results_have_a_place_for_every_figure() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"<!-- {figure} -->" in text for figure in FIGURES)


def test_the_citation_names_the_paper_and_the_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"\nversion: {project['version']}\n" in citation
    assert "doi: 10.1038/s41467-022-35659-7" in citation
    assert project["urls"]["Paper"].endswith("10.1038/s41467-022-35659-7")

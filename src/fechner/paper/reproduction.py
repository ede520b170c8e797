"""The paper, reproduced: every figure measured, drawn and judged, one after another, and a page that shows them all.

What can be refused is refused before anything is measured. What a figure is, and what it computes, is in the catalogue.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import xarray as xr

from fechner import outputs, processes, report, results
from fechner.arguments import check_device, checked
from fechner.errors import FechnerError, choices
from fechner.networks import load
from fechner.outputs import expanded
from fechner.paper.catalogue import FIGURES, redraw
from fechner.paper.curves import MAIN
from fechner.paper.fig5 import compute as fig5
from fechner.paper.photographs import density
from fechner.paper.run import Run, Say
from fechner.paper.trained import files as trained_files
from fechner.progress import bar
from fechner.statistics import are_crops, find_photographs, left_out_in_words


@checked
def reproduce(
    figures: Sequence[str] = ("all",),
    profile: str = "quick",
    out: str | Path = "results",
    *,
    images: str | Path | None = None,
    checkpoints: Sequence[str] = (),
    trainings: str | Path = "trainings",
    resume: bool = False,
    device: str = "cpu",
    say: Say = print,
) -> xr.DataTree:
    """Reproduce figures of Benjamin et al. (2022); returns the DataTree of the last one.

    Writes OUT/<figure>/{data.nc, <figure>.svg, <figure>.png, claims.json} and OUT/index.html, a page of all of them.
    Finished parts are kept in OUT/<figure>/parts and OUT/photographs, and read instead of measured again with `resume`.

    Args:
        figures: names such as "fig2", or "all".
        profile: "quick" (minutes) or "paper" (hours; every network and value).
        out: the folder to write.
        images: photographs whose statistics are taken, as for `image_statistics`; for Figure 5 also a file of patches
            (.pt, .npy, .npz) of 32 × 32 pixels, as for `principal_components`.
        checkpoints: weights files, FILE or NETWORK=FILE, that Figure 3 measures too.
        trainings: a folder of results of `fechner train`; without it, "all" leaves out the networks trained on manipulated
            images.
        resume: keep what is finished.
        device: where networks run.
        say: called with a line of text for everything that is done.

    Raises:
        FechnerError: for an unknown figure or profile, images or checkpoints that cannot be read, and if OUT cannot be
            written, before anything is measured.

    Command line:
        fechner reproduce all --images photographs/ --out results
        fechner reproduce fig2 fig3 --profile paper --resume
    """
    out, trainings = expanded(out), expanded(trainings)
    wanted = _wanted(figures, profile, trainings, say)
    check_device(device)
    if checkpoints and "fig3" not in wanted:
        raise FechnerError(
            f"checkpoints are those of fig3, which is not made: add fig3 to {', '.join(figures)}, or leave them out"
        )
    if processes.rank_and_world()[1] > 1:
        raise FechnerError("reproduce is one process; start it without torchrun")
    _check_images(images, wanted, say)
    files = tuple(_checkpoint(c) for c in checkpoints)
    outputs.writable(
        out / "index.html",
        *(out / name / file for name in wanted for file in ("data.nc", f"{name}.png")),
        reads=[images, *(file for _, file in files), *trained_files.listed(trainings).values()],
    )
    with outputs.held(out):
        _make_all(wanted, Run(profile, out, images, files, resume, device, say, trainings))
        report([out], out / "index.html", title="Efficient neural codes, reproduced" if "all" in figures else "")
        return results.read(out / wanted[-1] / "data.nc")


def _wanted(figures: Sequence[str], profile: str, trainings: Path, say: Say) -> tuple[str, ...]:
    """Names of the figures to make; `FechnerError` for one that is unknown, lacks the profile, or has nothing to read."""
    for name in figures:
        if name not in (*FIGURES, "all"):
            raise choices("figure", name, [*FIGURES, "all"])
    wanted = tuple(FIGURES) if "all" in figures else tuple(dict.fromkeys(figures))
    if "all" in figures and not trained_files.listed(trainings):
        wanted = tuple(name for name in wanted if name != "trained")
        say(f"trained: left out, there are no results of trainings in '{trainings}'")
    for name in wanted:
        if profile not in FIGURES[name].profiles:
            raise choices("profile", profile, FIGURES[name].profiles)
    if "trained" in wanted:
        trained_files.files(trainings)
    return wanted


def _check_images(images: str | Path | None, wanted: Sequence[str], say: Say) -> None:
    """Raise `FechnerError` if there are no photographs in `images`, or patches, of which not all figures can be made."""
    if are_crops(images):
        if needing := [name for name in wanted if FIGURES[name].densities]:
            raise FechnerError(
                f"'{images}' holds patches, of which only fig5 is made; {', '.join(needing)} need whole photographs: name fig5 "
                "alone, or give a folder, a .tar or a .zip of photographs"
            )
        fig5.check(images)
    elif left_out := left_out_in_words(find_photographs(images)[1]):
        say(left_out)


def _make_all(names: Sequence[str], run: Run) -> None:
    """Measure, draw and judge figures, each in a folder of `run.folder`, below one bar for all of them."""
    with bar(True, "all figures", sum(FIGURES[name].share for name in names), "") as progressing:
        for feature in dict.fromkeys(f for name in names for f in FIGURES[name].densities):
            density(feature, replace(run, folder=run.folder / names[0]), again=not run.resume)
        before = 0.0
        for name in names:
            _make(name, run, partial(_advance, progressing, before, FIGURES[name].share))
            before += FIGURES[name].share


def _advance(progressing: Any, before: float, share: float, part: float) -> None:
    progressing.update(before + share * part - progressing.n)


def _make(name: str, run: Run, done: Callable[[float], None]) -> None:
    """Measure, draw and judge one figure."""
    folder, began = run.folder / name, time.monotonic()
    own = replace(run, folder=folder, say=lambda text: run.say(f"{name}: {text}"), done=done)
    tree = FIGURES[name].compute(own)
    tree.attrs |= {"profile": run.profile, "seconds": round(time.monotonic() - began, 1)}
    results.save(tree, folder / "data.nc")
    verdicts = [claim.verdict for claim in redraw(folder).claims]
    own.say(
        f"{verdicts.count('holds')} of {len(verdicts)} claims hold, {verdicts.count('undecided')} are undecided; see {folder / name}.png"
    )
    done(1)


def _checkpoint(text: str) -> tuple[str, str]:
    """Network and file of a checkpoint, which is loaded once to see that it fits."""
    network, equals, file = text.partition("=")
    if not equals:
        network, file = MAIN[0], text
    load(network, file)
    return network, file

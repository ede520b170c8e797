"""The paper, reproduced: every figure measured, drawn and judged, and a page that shows them all."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty
from typing import Any

import torch
import xarray as xr

from fechner import outputs, processes, progress, results
from fechner.arguments import Count, check_device, checked
from fechner.errors import FechnerError, choices
from fechner.networks import load
from fechner.outputs import expanded
from fechner.page.page import report
from fechner.paper.catalogue import FIGURES, redraw
from fechner.paper.fig5 import compute as fig5
from fechner.paper.run import MAIN, Run, Say, density
from fechner.paper.trained import files as trained_files
from fechner.statistics.crops import are_crops
from fechner.statistics.images import find, in_words
from fechner.statistics.workers import Apart


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
    jobs: Count = 1,
    say: Say = print,
) -> xr.Dataset:
    """Reproduce figures of Benjamin et al. (2022); returns the Dataset of the last one.

    Writes OUT/<figure>/{data.nc, <figure>.svg, <figure>.png, claims.json} and OUT/index.html, a page of all of them.
    Finished parts are kept in OUT/<figure>/parts and OUT/photographs, and read instead of measured again with `resume`.

    Args:
        figures: names such as "fig2", or "all".
        profile: "quick" (minutes) or "paper" (hours; every network and value).
        out: the folder to write.
        images: photographs whose statistics are taken, as for `image_statistics`; for Figure 5 also a file of patches
            (.pt, .npy, .npz) of 32 × 32 pixels, as for `principal_components`.
        checkpoints: weights files, FILE or NETWORK=FILE, that Figure 3 measures beside.
        trainings: a folder of results of `fechner train`; without it, "all" leaves out the networks trained on manipulated
            images.
        resume: keep what is finished.
        device: where networks run.
        jobs: figures that are made at once; the cores are shared out among them.
        say: is told what is done.

    Raises:
        FechnerError: for an unknown figure or profile, images or checkpoints that cannot be read, jobs below 1, and if OUT
            cannot be written, before anything is measured.

    Command line:
        fechner reproduce all --images photographs/ --out results
        fechner reproduce fig2 fig3 --profile paper --resume
    """
    for name in figures:
        if name not in (*FIGURES, "all"):
            raise choices("figure", name, [*FIGURES, "all"])
    wanted = tuple(FIGURES) if "all" in figures else tuple(dict.fromkeys(figures))
    trainings = expanded(trainings)
    if "all" in figures and not trained_files.listed(trainings):
        wanted = tuple(name for name in wanted if name != "trained")
        say(f"trained: left out, there are no results of trainings in '{trainings}'")
    for name in wanted:
        if profile not in FIGURES[name].profiles:
            raise choices("profile", profile, FIGURES[name].profiles)
    if "trained" in wanted:
        trained_files.files(trainings)
    check_device(device)
    if checkpoints and "fig3" not in wanted:
        raise FechnerError(
            f"checkpoints are those of fig3, which is not made: add fig3 to {', '.join(figures)}, or leave them out"
        )
    if processes.told()[1] > 1:
        raise FechnerError(
            "reproduce is one process, and takes several figures at once with jobs; start it without torchrun"
        )
    out = expanded(out)
    if are_crops(images):
        if needing := [name for name in wanted if FIGURES[name].densities]:
            raise FechnerError(
                f"'{images}' holds patches, of which only fig5 is made; {', '.join(needing)} need whole photographs: name fig5 "
                "alone, or give a folder, a .tar or a .zip of photographs"
            )
        fig5.check(images)
    elif left_out := in_words(find(images)[1]):
        say(left_out)
    files = tuple(_checkpoint(c) for c in checkpoints)
    outputs.writable(
        out / "index.html",
        *(out / name / file for name in wanted for file in ("data.nc", f"{name}.png")),
        reads=[images, *(file for _, file in files), *trained_files.listed(trainings).values()],
    )
    runs = {
        name: Run(profile, out / name, images, files, resume, device, say, trainings)
        for name in sorted(wanted, key=lambda n: -FIGURES[n].share if jobs > 1 else 0)
    }
    with outputs.held(out):
        _make_all(runs, jobs, say, resume)
        report([out], out / "index.html", title="Efficient neural codes, reproduced" if "all" in figures else "")
        return results.read(out / wanted[-1] / "data.nc")


def _make_all(runs: dict[str, Run], jobs: int, say: Say, resume: bool) -> None:
    """All figures, one after another or several at once."""
    with progress.whole("all figures", sum(FIGURES[n].share for n in runs)) as (bars, task):
        finished = dict.fromkeys(runs, 0.0)

        def done(name: str, share: float) -> None:
            finished[name] = share
            bars.update(task, completed=sum(FIGURES[n].share * s for n, s in finished.items()))

        def told(name: str, text: str) -> None:
            say(f"{name}: {text}")

        for feature in dict.fromkeys(f for n in runs for f in FIGURES[n].densities):
            density(feature, next(iter(runs.values())), again=not resume)
        if jobs == 1 or len(runs) == 1:
            for name, run in runs.items():
                _make(name, replace(run, done=partial(done, name), say=partial(told, name)))
                done(name, 1)
        else:
            _make_at_once(runs, jobs, told, done)


def _make(name: str, run: Run) -> None:
    """Measure, draw and judge one figure."""
    began = time.monotonic()
    dataset = FIGURES[name].compute(run)
    dataset.attrs |= {"profile": run.profile, "seconds": round(time.monotonic() - began, 1)}
    results.save(dataset, run.folder / "data.nc")
    found = redraw(run.folder)
    run.say(f"{sum(c.holds for c in found)} of {len(found)} claims hold; see {run.folder / name}.png")


def _make_at_once(
    runs: dict[str, Run], jobs: int, say: Callable[[str, str], None], done: Callable[[str, float], None]
) -> None:
    """Figures in processes of their own, each with its share of the cores."""
    context = Apart()
    told: Queue[tuple[str, str, Any]] = context.Queue()
    jobs = min(jobs, len(runs))
    with ProcessPoolExecutor(jobs, context, _in_process, (told, jobs)) as pool, _ending(pool):
        futures: list[Future[None]] = [
            pool.submit(_make_in_process, name, replace(run, say=_not_here, done=_not_here))
            for name, run in runs.items()
        ]
        while True:
            running = [f for f in futures if not f.done()]
            failed = next((f for f in futures if f.done() and f.exception() is not None), None)
            try:
                while True:
                    name, what, value = told.get(timeout=0.2)
                    if what == "say":
                        say(name, value)
                    else:
                        done(name, value)
            except Empty:
                pass
            if failed is not None:
                failed.result()
            if not running:
                return


@contextmanager
def _ending(pool: ProcessPoolExecutor) -> Iterator[None]:
    """After an error or Ctrl-C, what runs is ended rather than waited for; finished parts are on disk."""
    try:
        yield
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        raise


_told: Queue[tuple[str, str, Any]] | None = None


def _in_process(told: Queue[tuple[str, str, Any]], jobs: int) -> None:
    global _told
    _told = told
    # Ctrl-C reaches every process of the terminal; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_first, daemon=True).start()
    torch.set_num_threads(max(1, torch.get_num_threads() // jobs))
    # Photographs are decoded by as many processes as this leaves.
    os.environ["LOCAL_WORLD_SIZE"] = str(jobs)


def _end_with_the_first() -> None:
    """Whatever ends the process that started this one, be it SIGKILL, ends this one."""
    first = multiprocessing.parent_process()
    assert first is not None
    first.join()
    os._exit(1)


def _make_in_process(name: str, run: Run) -> None:
    assert _told is not None
    tell = _told.put

    def say(text: str) -> None:
        tell((name, "say", text))

    def done(share: float) -> None:
        tell((name, "done", share))

    with progress.silent():
        _make(name, replace(run, say=say, done=done))
    done(1.0)


def _not_here(told: object) -> None:
    """Stands for what the process that makes the figure puts in its place."""


def _checkpoint(given: str) -> tuple[str, str]:
    """Network and file of a checkpoint, which is loaded once to see that it fits."""
    network, equals, file = given.partition("=")
    if not equals:
        network, file = MAIN[0], given
    load(network, file)
    return network, file

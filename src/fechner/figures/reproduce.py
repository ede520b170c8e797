"""Every figure of the paper, measured, drawn and judged: one folder a figure, and a page that shows them all."""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import xarray as xr
from matplotlib.figure import Figure

from fechner import results
from fechner.errors import FechnerError, choices
from fechner.figures import claims as claims_file
from fechner.figures import (
    fig1,
    fig2,
    fig2_claims,
    fig2_draw,
    fig3,
    fig3_draw,
    fig5,
    fig5_claims,
    fig5_draw,
    fig6,
    fig6_claims,
    fig6_draw,
    style,
    trained,
    trained_claims,
    trained_draw,
)
from fechner.figures.claims import Claim
from fechner.figures.parts import MAIN, Run, Say
from fechner.networks import load
from fechner.statistics import photographs


@dataclass(frozen=True)
class Recipe:
    """How a figure is made; `draw` gives figures by file name, the first of which is named like the figure."""

    profiles: Collection[str]
    compute: Callable[[Run], xr.Dataset]
    draw: Callable[[xr.Dataset], dict[str, Figure]]
    claims: Callable[[xr.Dataset], list[Claim]]


FIGURES = {
    "fig1": Recipe(fig1.PROFILES, fig1.compute, fig1.draw, fig1.claims),
    "fig2": Recipe(fig2.PROFILES, fig2.compute, fig2_draw.draw, fig2_claims.claims),
    "fig3": Recipe(fig3.PROFILES, fig3.compute, fig3_draw.draw, fig3.claims),
    "fig5": Recipe(fig5.PROFILES, fig5.compute, fig5_draw.draw, fig5_claims.claims),
    "fig6": Recipe(fig6.PROFILES, fig6.compute, fig6_draw.draw, fig6_claims.claims),
    "trained": Recipe(trained.PROFILES, trained.compute, trained_draw.draw, trained_claims.claims),
}


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
) -> xr.Dataset:
    """Reproduce figures of Benjamin et al. (2022); returns the Dataset of the last one.

    Writes OUT/<figure>/{data.nc, <figure>.svg, <figure>.png, claims.json} and OUT/index.html. Finished parts are kept
    in OUT/<figure>/parts and OUT/photographs, and read instead of measured again with `resume`. `images` are the
    photographs whose statistics are taken, as for `image_statistics`. `checkpoints` are weights files, FILE or
    NETWORK=FILE, that Figure 3 measures beside. `trainings` is a folder of results of `fechner train`; without it, "all"
    leaves out the networks trained on manipulated images. Raises `FechnerError` for an unknown figure or profile, images or
    checkpoints that cannot be read, and if OUT cannot be written, before anything is measured.
    """
    wanted = tuple(FIGURES) if "all" in figures else tuple(figures)
    trainings = Path(trainings)
    if "all" in figures and not any(trainings.glob("*.nc")):
        wanted = tuple(name for name in wanted if name != "trained")
        say(f"trained: left out, there are no results of trainings in '{trainings}'")
    for name in wanted:
        if name not in FIGURES:
            raise choices("figure", name, [*FIGURES, "all"])
        if profile not in FIGURES[name].profiles:
            raise choices("profile", profile, FIGURES[name].profiles)
    if "trained" in wanted:
        trained.files(trainings)
    out = Path(out)
    results.writable(out / "index.html")
    photographs(images)
    files = tuple(_checkpoint(c) for c in checkpoints)
    dataset = xr.Dataset()
    for name in wanted:
        folder = out / name
        results.writable(folder / "data.nc")
        began = time.monotonic()
        dataset = FIGURES[name].compute(Run(profile, folder, images, files, resume, device, say, trainings))
        dataset.attrs |= {"profile": profile, "seconds": round(time.monotonic() - began, 1)}
        results.save(dataset, folder / "data.nc")
        found = redraw(folder)
        say(f"{name}: {sum(c.holds for c in found)} of {len(found)} claims hold; see {folder / name}.png")
    _page(out)
    return dataset


def redraw(folder: Path) -> list[Claim]:
    """Draw a figure and judge its claims anew from its saved data.nc, in seconds."""
    dataset = results.read(folder / "data.nc")
    name = dataset.attrs.get("figure")
    if name not in FIGURES:
        raise FechnerError(f"'{folder / 'data.nc'}' holds no figure that can be drawn here")
    for file, figure in FIGURES[name].draw(dataset).items():
        style.write(figure, folder / file)
    found = FIGURES[name].claims(dataset)
    claims_file.write(found, folder / "claims.json")
    return found


def _checkpoint(given: str) -> tuple[str, str]:
    """Network and file of a checkpoint, which is loaded once to see that it fits."""
    network, equals, file = given.partition("=")
    if not equals:
        network, file = MAIN[0], given
    load(network, file)
    return network, file


def _page(out: Path) -> None:
    """OUT/index.html: the figures and their claims."""
    sections = []
    for name in FIGURES:
        folder = out / name
        if not (folder / "data.nc").is_file():
            continue
        dataset = results.read(folder / "data.nc")
        rows = "".join(
            f"<tr><td>{html.escape(c.statement)}<br><small>{html.escape(c.criterion)}</small></td><td>{c.measured:.3f} "
            f"[{c.interval[0]:.3f}, {c.interval[1]:.3f}]</td><td>{'holds' if c.holds else '<b>does not hold</b>'}</td></tr>"
            for c in claims_file.read(folder / "claims.json")
        )
        record = ", ".join(
            f"{k} {dataset.attrs[k]}"
            for k in ("profile", "photographs", "seconds", "fechner_version", "torch_version", "date")
        )
        drawn = "".join(f"<img src='{name}/{p.name}' alt='{p.stem}'>" for p in sorted(folder.glob("*.svg")))
        sections.append(
            f"<h2>{name}</h2>{drawn}<table><tr><th>claim and criterion</th><th>measured [95 % interval]</th><th></th></tr>"
            f"{rows}</table><p><a href='{name}/data.nc'>data</a>, <a href='{name}/claims.json'>claims</a>; "
            f"{html.escape(record)}; command: <code>{html.escape(dataset.attrs['command'])}</code></p>"
        )
    look = "body{font:16px system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}img{width:100%;background:#fff}"
    look += "td,th{text-align:left;padding:.4rem;border-bottom:1px solid #ccc;vertical-align:top}"
    page = "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
    page += f"<title>fechner</title><style>{look}</style><h1>fechner: reproduced figures</h1>{''.join(sections)}</html>"
    (out / "index.html").write_text(page, encoding="utf-8")

"""Every figure of the paper, measured, drawn and judged: one folder a figure, and a page that shows them all."""

from __future__ import annotations

import html
import time
from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from fechner import results
from fechner.errors import FechnerError, choices
from fechner.figures import claims as claims_file
from fechner.figures import fig2, fig2_claims, fig2_draw, style
from fechner.figures.claims import Claim
from fechner.figures.fig2 import Say

FIGURES = ("fig2",)


def reproduce(
    figures: Sequence[str] = ("all",),
    profile: str = "quick",
    out: str | Path = "results",
    *,
    resume: bool = False,
    device: str = "cpu",
    say: Say = print,
) -> xr.Dataset:
    """Reproduce figures of Benjamin et al. (2022); returns the Dataset of the last one.

    Writes OUT/<figure>/{data.nc, <figure>.svg, <figure>.png, claims.json} and OUT/index.html. Finished parts are kept
    in OUT/<figure>/parts, and read instead of measured again with `resume`. Raises `FechnerError` for an unknown figure
    or profile, and if OUT cannot be written.
    """
    wanted = FIGURES if "all" in figures else tuple(figures)
    for name in wanted:
        if name not in FIGURES:
            raise choices("figure", name, [*FIGURES, "all"])
    if profile not in fig2.PROFILES:
        raise choices("profile", profile, fig2.PROFILES)
    out = Path(out)
    results.writable(out / "index.html")
    for name in wanted:
        folder = out / name
        results.writable(folder / "data.nc")
        began = time.monotonic()
        dataset = fig2.compute(fig2.PROFILES[profile], folder / "parts", resume, device, say)
        dataset.attrs |= {"profile": profile, "seconds": round(time.monotonic() - began, 1)}
        results.save(dataset, folder / "data.nc")
        found = redraw(folder)
        say(f"{name}: {sum(c.holds for c in found)} of {len(found)} claims hold; see {folder / name}.png")
    _page(out)
    return dataset


def redraw(folder: Path) -> list[Claim]:
    """Draw a figure and judge its claims anew from its saved data.nc, in seconds."""
    dataset = results.read(folder / "data.nc")
    if dataset.attrs.get("figure") != "fig2":
        raise FechnerError(f"'{folder / 'data.nc'}' holds no figure that can be drawn here")
    style.write(fig2_draw.draw(dataset), folder / "fig2")
    style.write(fig2_draw.draw_supplement(dataset), folder / "fig2_supplement")
    found = fig2_claims.claims(dataset)
    claims_file.write(found, folder / "claims.json")
    return found


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
            for c in fig2_claims.claims(dataset)
        )
        record = ", ".join(
            f"{k} {dataset.attrs[k]}" for k in ("profile", "seconds", "fechner_version", "torch_version", "date")
        )
        sections.append(
            f"<h2>{name}</h2><img src='{name}/{name}.svg' alt='{name}'><img src='{name}/{name}_supplement.svg' "
            f"alt='{name}, supplement'><table><tr><th>claim and criterion</th><th>measured [95 % interval]</th><th></th></tr>"
            f"{rows}</table><p><a href='{name}/data.nc'>data</a>, <a href='{name}/claims.json'>claims</a>; "
            f"{html.escape(record)}; command: <code>{html.escape(dataset.attrs['command'])}</code></p>"
        )
    look = "body{font:16px system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}img{width:100%;background:#fff}"
    look += "td,th{text-align:left;padding:.4rem;border-bottom:1px solid #ccc;vertical-align:top}"
    page = "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
    page += f"<title>fechner</title><style>{look}</style><h1>fechner: reproduced figures</h1>{''.join(sections)}</html>"
    (out / "index.html").write_text(page, encoding="utf-8")

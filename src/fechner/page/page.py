"""The page that shows results: one file that needs no network."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

import jinja2
import xarray as xr
from plotly.offline import get_plotlyjs

from fechner import contents, outputs, results
from fechner.arguments import checked
from fechner.errors import FechnerError, printable
from fechner.outputs import expanded
from fechner.page.explore import charts
from fechner.page.section import SECTIONS, Claim, Measurement, Picture, Section, as_png
from fechner.plot import draw

# What stands before each verdict, so that colour alone does not carry it.
MARKS = {"holds": "✓", "does not hold": "✗", "undecided": "?"}
RECORD = (
    "network",
    "weights",
    "condition",
    "stimulus",
    "method",
    "noise_model",
    "images",
    "photographs",
    "profile",
    "seed",
    "seconds",
    "fechner_version",
    "torch_version",
    "date",
    "command",
)


@checked
def report(sources: Sequence[str | Path], out: str | Path = "report.html", *, title: str = "") -> Path:
    """One page of any results: figures, claims, curves to explore, and how they were made; returns its path.

    >>> import tempfile
    >>> from fechner import Gabor, load, report, results, sensitivity
    >>> folder = Path(tempfile.mkdtemp())
    >>> curves = sensitivity(load("resnet18_small", "init"), Gabor(size=32), values=6, average={"phase": 2})
    >>> report([results.save(curves, folder / "curves.nc")], folder / "report.html").name
    'report.html'

    The page needs no network and no other file; it links to the results where they lie. Densities among the results
    stand behind the curves along the same parameter.

    Args:
        sources: files that fechner saved, and folders of them, such as what `reproduce` wrote.
        out: the page to write.
        title: its heading.

    Raises:
        FechnerError: if there is nothing to show, a file is not a whole result, or `out` cannot be written; before anything
            is written.

    Command line:
        fechner report curves.nc prior.nc --out report.html
        fechner report rotated/training.nc upright/training.nc --title 'Trained upright and rotated'
    """
    out = expanded(out)
    outputs.writable(out, reads=[path for source in sources if not (path := expanded(source)).is_dir()])
    if out.suffix != ".html":
        raise FechnerError(f"a report is a page: out must end in .html, got '{out}'")
    paths = [path for source in sources for path in _files(expanded(source))]
    if not paths:
        raise FechnerError(
            "nothing to report: give results such as curves.nc, or a folder that `fechner reproduce` wrote"
        )
    datasets = {path: results.read(path) for path in dict.fromkeys(paths)}
    densities = [d for d in datasets.values() if d.attrs["kind"] == "density"]
    sections: list[Section] = []
    for path, dataset in datasets.items():
        try:
            section = _section(path, dataset, densities)
        except FechnerError as e:
            raise FechnerError(f"'{path}': {e}") from None
        sections.append(replace(section, links=tuple((file.name, _link(file, out.parent)) for file in section.files)))
    with outputs.whole(out) as part:
        part.write_text(_page(sections, title or "fechner: results"), encoding="utf-8")
    return out


def _files(source: Path) -> list[Path]:
    """Results named by a file, a folder of results, a figure's folder, or the folder of several figures."""
    if not source.exists():
        raise FechnerError(f"no result file or folder '{source}'")
    if not source.is_dir():
        return [source]
    return sorted(source.glob("*/data.nc")) or sorted(source.glob("*.nc"))


def _section(path: Path, dataset: xr.Dataset, densities: Sequence[xr.Dataset]) -> Section:
    section = SECTIONS.get(str(dataset.attrs["kind"]), _any_section)(path, dataset, densities)
    record = {name: _settings(dataset.attrs[name]) for name in RECORD if str(dataset.attrs.get(name, "")) != ""}
    return replace(section, record=record)


def _any_section(path: Path, dataset: xr.Dataset, densities: Sequence[xr.Dataset]) -> Section:
    """The section of a result that needs none of its own: its figure, and what can be explored of it."""
    with contents.complete(dataset):
        explored = tuple(charts(dataset, densities))
    picture = Picture(as_png(draw(dataset)), f"{dataset.attrs['kind']}: {_words(dataset)}")
    return Section(path.stem, _words(dataset), (picture,), explored, (path,))


def _words(dataset: xr.Dataset) -> str:
    """What a result is, in a line."""
    names = [str(dataset.attrs[n]) for n in ("network", "weights", "condition") if dataset.attrs.get(n)]
    along = results.along(dataset).replace("_", " ")
    text = str(dataset.attrs["kind"]) + (f" along {along}" if along else "")
    if photographs := contents.measured_on(dataset):
        names.append(photographs)
    return text + (f": {', '.join(names)}" if names else "")


def _settings(value: object) -> str:
    """A stimulus as name = value, not as JSON."""
    try:
        settings = json.loads(str(value))
    except ValueError:
        return str(value)
    return ", ".join(f"{k} {v}" for k, v in settings.items()) if isinstance(settings, dict) else str(value)


def _number(one: Claim | Measurement) -> str:
    """What was measured, and its interval where there is one."""
    value, low, high = (f"{v:.3g}" for v in (one.measured, *one.interval))
    return f"{value} [{low}, {high}]" if math.isfinite(one.interval[0]) else value


def _link(path: Path, base: Path) -> str:
    return quote(Path(os.path.relpath(path, base)).as_posix(), errors="surrogateescape")


def _page(sections: Sequence[Section], title: str) -> str:
    here = files("fechner.page")
    # Text is escaped by jinja, and what cannot be shown is spelled out; only our own style and scripts are as they are.
    environment = jinja2.Environment(
        finalize=lambda value: printable(value) if type(value) is str else value,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["number"] = _number
    template = environment.from_string(here.joinpath("page.html").read_text(encoding="utf-8"))
    verdicts = [c.verdict for s in sections for c, _ in s.claims]
    return template.render(
        title=title,
        sections=sections,
        version=version("fechner"),
        verdicts={verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts), key=list(MARKS).index)},
        marks=MARKS,
        seconds=round(sum(s.seconds for s in sections)),
        style=here.joinpath("page.css").read_text(encoding="utf-8"),
        script=here.joinpath("page.js").read_text(encoding="utf-8"),
        plotly=get_plotlyjs().replace("</script", "<\\/script") if any(s.charts for s in sections) else "",
    )

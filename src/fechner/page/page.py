"""The page that shows results: one file that needs no network."""

from __future__ import annotations

import itertools
import json
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
from fechner.page.chart import as_json
from fechner.page.explore import charts
from fechner.page.section import SECTIONS, Picture, Section, as_png
from fechner.plot import draw

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
def report(found: Sequence[str | Path], out: str | Path = "report.html", *, title: str = "") -> Path:
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
        found: files that fechner saved, and folders of them, such as what `reproduce` wrote.
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
    outputs.writable(out, reads=[expanded(given) for given in found if not expanded(given).is_dir()])
    if out.suffix != ".html":
        raise FechnerError(f"a report is a page: out must end in .html, got '{out}'")
    paths = [p for given in found for p in _files(expanded(given))]
    if not paths:
        raise FechnerError(
            "nothing to report: give results such as curves.nc, or a folder that `fechner reproduce` wrote"
        )
    read = {path: results.read(path) for path in dict.fromkeys(paths)}
    densities = [d for d in read.values() if d.attrs["kind"] == "density"]
    sections: list[Section] = []
    for path, dataset in read.items():
        try:
            section = _section(path, dataset, densities)
        except FechnerError as e:
            raise FechnerError(f"'{path}': {e}") from None
        taken, first = {s.id for s in sections}, sum(len(s.charts) for s in sections)
        id = _id(section.id)
        names = itertools.chain([id], (f"{id}--{n}" for n in itertools.count(2)))
        name = next(n for n in names if n not in taken)
        links = tuple((file.name, _link(file, out.parent)) for file in section.files)
        sections.append(replace(section, id=name, first=first, links=links))
    with outputs.whole(out) as part:
        part.write_text(_page(sections, title or "fechner: results"), encoding="utf-8")
    return out


def _files(given: Path) -> list[Path]:
    """Results named by a file, a folder of results, a figure's folder, or the folder of several figures."""
    if not given.exists():
        raise FechnerError(f"no result file or folder '{given}'")
    if not given.is_dir():
        return [given]
    return sorted(given.glob("*/data.nc")) or sorted(given.glob("*.nc"))


def _section(path: Path, dataset: xr.Dataset, densities: Sequence[xr.Dataset]) -> Section:
    made = SECTIONS.get(str(dataset.attrs["kind"]), _any_section)(path, dataset, densities)
    record = {name: _told(dataset.attrs[name]) for name in RECORD if str(dataset.attrs.get(name, "")) != ""}
    return replace(made, record=record)


def _any_section(path: Path, dataset: xr.Dataset, densities: Sequence[xr.Dataset]) -> Section:
    """The section of a result that needs none of its own: its figure, and what can be explored of it."""
    with contents.complete(dataset):
        explored = tuple(charts(dataset, densities))
    picture = Picture(as_png(draw(dataset)), f"{dataset.attrs['kind']}: {_words(dataset)}")
    return Section(path.stem, path.stem, _words(dataset), (picture,), explored, (path,))


def _words(dataset: xr.Dataset) -> str:
    """What a result is, in a line."""
    named = [str(dataset.attrs[n]) for n in ("network", "weights", "condition") if dataset.attrs.get(n)]
    along = results.along(dataset).replace("_", " ")
    text = str(dataset.attrs["kind"]) + (f" along {along}" if along else "")
    if dataset.attrs.get("photographs"):
        named.append(f"{dataset.attrs['photographs']} photographs")
    return text + (f": {', '.join(named)}" if named else "")


def _told(value: object) -> str:
    """A stimulus as name = value, not as JSON."""
    try:
        settings = json.loads(str(value))
    except ValueError:
        return str(value)
    return ", ".join(f"{k} {v}" for k, v in settings.items()) if isinstance(settings, dict) else str(value)


def _link(path: Path, base: Path) -> str:
    return quote(Path(os.path.relpath(path, base)).as_posix(), errors="surrogateescape")


def _id(text: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in text) or "result"


def _page(sections: Sequence[Section], title: str) -> str:
    here = files("fechner.page")
    # Text is escaped by jinja, and what cannot be shown is spelled out; only our own style and scripts are as they are.
    environment = jinja2.Environment(
        finalize=lambda shown: printable(shown) if type(shown) is str else shown,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    template = environment.from_string(here.joinpath("page.html").read_text(encoding="utf-8"))
    shown = [chart for section in sections for chart in section.charts]
    judged = [c for s in sections for c, _ in s.claims]
    return template.render(
        title=title,
        sections=sections,
        version=version("fechner"),
        holding=sum(c.holds for c in judged),
        judged=len(judged),
        seconds=round(sum(s.seconds for s in sections)),
        charts=as_json(shown),
        style=here.joinpath("page.css").read_text(encoding="utf-8"),
        script=here.joinpath("page.js").read_text(encoding="utf-8"),
        plotly=get_plotlyjs().replace("</script", "<\\/script") if shown else "",
    )

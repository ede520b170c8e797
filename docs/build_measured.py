"""Write the tables and pictures of docs/measured.md from what `fechner reproduce` saved; nothing in them is typed by hand.

    python docs/build_measured.py results

`make measured` runs it. Text around the tables stays as it is: a table goes between `<!-- fig2 -->` and `<!-- end -->`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import xarray as xr
from build_notebooks import few_colours
from PIL import Image

from fechner import results
from fechner.paper import claim

HERE = Path(__file__).resolve().parent
PAGE = HERE / "measured.md"
# Figure 2 has the density of Figure 1.
WITH_DENSITY = ("fig1", "fig3")
# Grids and samples of which a result says how many there were, in the words of its table.
SIZES = {
    "orientation": "orientations",
    "hue": "hues",
    "phase": "phases",
    "saturation": "saturations",
    "value": "values",
    "spatial_frequency": "spatial frequencies",
    "component": "components",
    "condition": "conditions",
    "seed": "seeds",
}


def numbers(value: float, low: float, high: float) -> tuple[str, str]:
    """A value and its interval, with the digits that the width of the interval supports; no interval where there is none."""
    known = bool(np.isfinite([low, high]).all()) and high > low
    digits = int(np.clip(1 - np.floor(np.log10(high - low)), 0, 3)) if known else 2
    first, *ends = (f"{v:.{digits}f}".replace("-", "−") if np.isfinite(v) else "–" for v in (value, low, high))
    return first, f"[{', '.join(ends)}]" if known else ""


def row(statement: str, value: float, low: float, high: float, verdict: str = "") -> str:
    """A row of the table."""
    measured, interval = numbers(value, low, high)
    return f"| {statement.replace('|', chr(92) + '|')} | {measured} | {interval} | {verdict} |"


def made(tree: xr.DataTree) -> str:
    """One line that says what was measured and how."""
    parts = [f"Profile `{tree.attrs['profile']}`"]
    if tree.attrs.get("photographs"):
        parts.append(f"{tree.attrs['photographs']} photographs")
    # A density has values of its own.
    measured = [node.sizes for path, node in tree.to_dict().items() if not path.endswith("/density")]
    counts = {name: [sizes[name] for sizes in measured if name in sizes] for name in SIZES}
    parts += [f"{counts[name][0]} {words}" for name, words in SIZES.items() if counts[name]]
    return ", ".join(parts) + f"; fechner {tree.attrs['fechner_version']}, PyTorch {tree.attrs['torch_version']}."


def densities(dataset: xr.Dataset) -> list[str]:
    """Rows for the most and the least frequent value in the photographs, relative to a uniform density."""
    along = dataset.attrs["along"]
    period, rows = dataset[along].attrs["period"], []
    for which, at in (("most", dataset.density.values.argmax()), ("least", dataset.density.values.argmin())):
        one = dataset.isel({along: int(at)})
        value, low, high = (period * float(one[f"density{end}"]) for end in ("", "_low", "_high"))
        rows.append(
            row(f"density of the {which} frequent {along}, {float(one[along]):.0f}°, × uniform", value, low, high)
        )
    return rows


def table(folder: Path) -> str:
    """What one figure measured: a row for each claim, after those of the density of its photographs."""
    tree = results.read(folder / "data.nc")
    rows = densities(tree["density"].to_dataset()) if folder.name in WITH_DENSITY else []
    findings = claim.read(folder / "claims.json")
    rows += [row(one.statement, one.measured, *one.interval, one.verdict) for one in findings.claims]
    rows += [row(one.statement, one.measured, *one.interval) for one in findings.measurements]
    heading = ["| | measured | 95 % interval | claim |", "|---|---|---|---|"]
    return "\n".join([made(tree), "", *heading, *rows])


def with_tables(page: str, out: Path) -> str:
    """The page with the table of every figure that lies in a folder of results."""
    for folder in sorted(path.parent for path in out.glob("*/claims.json")):
        start, end = f"<!-- {folder.name} -->\n", "<!-- end -->"
        before, _, rest = page.partition(start)
        _, stop, after = rest.partition(end)
        assert stop, f"the page has no place for {folder.name}"
        page = f"{before}{start}\n{table(folder)}\n\n{end}{after}"
    return page


def copy_pictures(out: Path, images: Path) -> None:
    """The pictures that the site shows, with fewer colours."""
    for picture in out.glob("*/*.png"):
        if (images / picture.name).is_file():
            few_colours(Image.open(picture)).save(images / picture.name, optimize=True)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), Path(sys.argv[1])), encoding="utf-8")
    copy_pictures(Path(sys.argv[1]), HERE / "images")

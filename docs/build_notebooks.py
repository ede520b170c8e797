"""Make notebooks/*.ipynb, with their outputs, from the text sources notebooks/*.py, and the README's table of them.

    python docs/build_notebooks.py              # every notebook; figures at the quick setting take minutes each
    python docs/build_notebooks.py fig1 fig2    # these only

`make notebooks` runs it. Edit the text sources only; `tests/test_notebooks.py` says when a notebook has become older
than its source. The address of the repository comes from `[project.urls]` in pyproject.toml and from nowhere else.
"""

from __future__ import annotations

import base64
import io
import os
import re
import sys
import tomllib
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
REPOSITORY = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]
# Cells with this tag measure a whole figure at the quick setting, which takes minutes.
WHOLE_FIGURE = "whole-figure"
SECONDS = 3600

INSTALL = f"""\
import importlib.util
import os
import subprocess
import sys

# Installs fechner where it is missing, as on Colab. FECHNER_SOURCE may name a wheel or another address.
if importlib.util.find_spec("fechner") is None:
    source = os.environ.get("FECHNER_SOURCE", "git+{REPOSITORY}")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", source], check=True)"""


def from_source(path: Path) -> nbformat.NotebookNode:
    """The notebook of a text source without outputs: its cells, and before the first code cell one that installs fechner."""
    notebook = jupytext.read(path)
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]}
    first = next(i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code")
    # The site shows notebooks to readers who have installed fechner, so it leaves this cell out.
    install = nbformat.v4.new_code_cell(INSTALL, metadata={"tags": ["remove-cell"]})
    notebook.cells.insert(first, install)
    for i, cell in enumerate(notebook.cells):
        cell.id = f"{path.stem}-{i}"
    return notebook


def run(notebook: nbformat.NotebookNode) -> None:
    """Run all cells from the root of the repository, with one thread as the tests do, and keep their outputs."""
    resources = {"metadata": {"path": str(ROOT)}}
    client = NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources=resources, record_timing=False)
    client.execute(env=os.environ | {"OMP_NUM_THREADS": "1"})
    notebook.metadata.pop("language_info", None)
    for cell in notebook.cells:
        if WHOLE_FIGURE in cell.metadata.get("tags", []):
            # What is said meanwhile depends on what had been measured before.
            cell.outputs = [output for output in cell.outputs if output.output_type != "stream"]
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                # Where the kernel kept the cell that warned differs from run to run.
                output.text = re.sub(r"\S*/ipykernel_\d+/\d+\.py:\d+: ", "", output.text)
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = smaller(output.data["image/png"])


def smaller(picture: str) -> str:
    """A PNG in base64 with few colours."""
    written = io.BytesIO()
    few_colours(Image.open(io.BytesIO(base64.b64decode(picture)))).save(written, format="png", optimize=True)
    return base64.b64encode(min(written.getvalue(), base64.b64decode(picture), key=len)).decode()


def few_colours(image: Image.Image) -> Image.Image:
    """The picture with 256 colours, which makes its file several times smaller and looks the same."""
    return image.convert("RGB").quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


def title(path: Path) -> str:
    """The heading of a text source."""
    heading = re.search(r"^# # (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert heading, f"{path.name} has no heading"
    return heading.group(1)


def table() -> str:
    """The README's table: a row a notebook, figures first, with links that run it and that show it."""
    place = REPOSITORY.removeprefix("https://github.com/")
    colab = f"https://colab.research.google.com/github/{place}/blob/main/notebooks"
    paths = sorted(
        NOTEBOOKS.glob("*.py"), key=lambda path: (not path.stem.startswith("fig"), path.stem != "trained", path.stem)
    )
    rows = [
        f"| {title(p)} | [Run]({colab}/{p.stem}.ipynb) | [View]({REPOSITORY}/blob/main/notebooks/{p.stem}.ipynb) |"
        for p in paths
    ]
    return "\n".join(["| notebook | on Colab | on GitHub |", "|---|---|---|", *rows])


def with_table(readme: str) -> str:
    """The README with its table made anew."""
    pattern = r"(?<=<!-- notebooks: made by `make notebooks` -->\n).*?(?=<!-- end -->)"
    return re.sub(pattern, lambda _: f"\n{table()}\n\n", readme, flags=re.DOTALL)


def main(names: list[str]) -> None:
    """Make the notebooks that are named, or all of them, and the table."""
    readme = ROOT / "README.md"
    readme.write_text(with_table(readme.read_text(encoding="utf-8")), encoding="utf-8")
    for path in [NOTEBOOKS / f"{name}.py" for name in names] or sorted(NOTEBOOKS.glob("*.py")):
        print(path.stem, flush=True)
        notebook = from_source(path)
        run(notebook)
        nbformat.write(notebook, path.with_suffix(".ipynb"))


if __name__ == "__main__":
    main(sys.argv[1:])

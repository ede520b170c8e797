"""How the site is built; nothing in it needs the network, neither to build it nor to read it.

Notebooks appear with the outputs that `make notebooks` left in them; building the site runs none.
"""

from __future__ import annotations

import re
import shutil
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import typer
from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from typer.cli import get_docs_for_click

from fechner.cli import app as command_line

HERE = Path(__file__).parent

project = "fechner"
author = "The fechner developers"
copyright = author
version = release = installed("fechner")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "conf.py", "Thumbs.db", ".DS_Store"]
# In docstrings `this` is code.
default_role = "code"
# They would turn --option into –option.
smartquotes = False

html_theme = "furo"
html_title = f"fechner {release}"
html_static_path = ["_static"]
html_css_files = ["fechner.css"]
html_show_copyright = False
html_math_renderer = "mathml"

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
myst_update_mathjax = False

nb_execution_mode = "off"
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
# Types by the names that they have in the source.
autodoc_type_aliases = {
    name: name.rpartition(".")[2]
    for name in (
        *("Orientation", "Phase", "Hue", "KinkedHue", "Lightness", "Chroma", "Wavelength"),
        *("Frequency", "Length", "Contrast", "RmsContrast", "Bandwidth", "Positive", "Aperture"),
        *("Family", "Values", "Density", "Curve", "Engine", "npt.ArrayLike", "Array"),
    )
}
# As a section of its own; napoleon would take "A Dataset over layers:" for a type.
napoleon_custom_sections = ["Returns"]
napoleon_numpy_docstring = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def copy_notebooks() -> None:
    """Sphinx reads only what lies in this folder, so the notebooks are copied into it."""
    source, target = HERE.parent / "notebooks", HERE / "notebooks"
    shutil.rmtree(target, ignore_errors=True)
    # With their times, by which Sphinx knows what has changed.
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.py", ".ipynb_checkpoints"))


def write_command_line() -> None:
    """The reference of all commands, from what `--help` shows."""
    command = typer.main.get_command(command_line)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command, info_name="fechner"), name="fechner")
    text = text.replace("# `fechner`", "# Command line", 1)
    for name, one in getattr(command, "commands", {}).items():
        about = re.split(r"\n\s*\n", one.help or "")[0].replace("\n", " ")
        text = re.sub(rf"^\* `{name}`: .*$", f"* [`{name}`](#fechner-{name}): {about}", text, flags=re.MULTILINE)
    # Typer's markup in Markdown; examples, which it indents, as blocks.
    text = re.sub(r"\[bold\](.*?)\[/bold\]", r"**\1**", text)
    text = re.sub(r"(?:^ {2,}\S.*\n(?:\n(?= {2,}\S))?)+", _block, text, flags=re.MULTILINE)
    page = HERE / "reference" / "cli.md"
    if not page.is_file() or page.read_text(encoding="utf-8") != text:
        page.write_text(text, encoding="utf-8")


def _block(examples: re.Match[str]) -> str:
    lines = [line.strip() for line in examples.group().splitlines() if line.strip()]
    return "\n".join(["```sh", *lines, "```", ""])


def shorten_signature(
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Without what an annotation holds besides the type, and all types by their usual names."""
    for long, short in (
        (r"Annotated\[float, .*?\)\]", "float"),
        (r"TypeAliasForwardRef\('(\w+)'\)", r"\1"),
        (r"npt\.NDArray\[\S*?\]", "ndarray"),
        (
            r"~?\b(?:xr|np|npt|collections\.abc|xarray\.core\.dataset|matplotlib\.figure|fechner\.(?:paper|plot|page)\.[a-z_.]+)\.(?=[A-Z])",
            "",
        ),
    ):
        signature, returned = (text and re.sub(long, short, text) for text in (signature, returned))
    return signature, returned


def _mathml(translator: Any, node: nodes.math | nodes.math_block) -> None:
    """Formulas as MathML, which browsers draw by themselves."""
    block = isinstance(node, nodes.math_block)
    formula = tex2mathml(node.astext(), as_block=block)
    translator.body.append(f'<div class="formula">{formula}</div>' if block else formula)
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Called by Sphinx before it reads anything."""
    app.add_html_math_renderer("mathml", (_mathml, None), (_mathml, None))
    app.connect("autodoc-process-signature", shorten_signature)
    copy_notebooks()
    write_command_line()

"""A public function as a command: its arguments, their annotations, defaults and docstring are those of the options.

An argument that no text can give, such as a network, is made by another function or class, whose own arguments are
options in its stead; a table of these makers goes with each command. An option feeds every argument that bears its name.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

import torch
import typer
from rich.markup import escape

from fechner import processes
from fechner.cli.terminal import say
from fechner.cli.text import SETTINGS, Reader, device, reader

Makers = Mapping[str, Callable[..., Any]]
SET = "change a field of the stimulus, or a setting of the feature, such as size=64; several times, or with commas."
DEVICE = "where networks run: cpu, cuda, mps, …; auto takes an accelerator if there is one."


def provided() -> dict[str, Any]:
    """Arguments that the command line itself gives to functions that take them."""
    return {"say": say, "progress": processes.is_first(), "shared": processes.share()[1] > 1}


@dataclass(frozen=True)
class Option:
    """An argument of a function on the command line; one without a dash where it is `positional`."""

    name: str
    reader: Reader
    help: str
    default: Any = None
    positional: bool = False

    def declared(self) -> inspect.Parameter:
        """As typer takes it: nothing where it is not given, so that the function's own default holds."""
        required = self.default is inspect.Parameter.empty
        text = " ".join(filter(None, [self.help[:1].upper() + self.help[1:], self.reader.form, _shown(self.default)]))
        if self.positional:
            name = self.name.upper()
            info: Any = typer.Argument(metavar=name if required else f"[{name}]", help=escape(text), show_default=False)
        else:
            name = dashed(self.name)
            if self.default is True:
                name += name.replace("--", "/--no-")
            info = typer.Option(name, metavar=self.reader.metavar, help=escape(text), show_default=False)
        kind = self.reader.type if required else self.reader.type | None
        return inspect.Parameter(
            self.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if required else None,
            annotation=Annotated[kind, info],
        )


def dashed(name: str) -> str:
    """The option of an argument; settings are given one by one."""
    return "--set" if name == "settings" else f"--{name.replace('_', '-')}"


def options(function: Callable[..., Any], made: Makers, top: bool = True) -> dict[str, Option]:
    """The options of a command that calls this function, by name."""
    listed: dict[str, Option] = {}
    hints, help = get_type_hints(inspect.unwrap(function), include_extras=True), described(function)
    for i, (name, parameter) in enumerate(inspect.signature(function).parameters.items()):
        if name in made:
            inner = options(made[name], {n: m for n, m in made.items() if n != name}, top=False)
            listed |= {n: option for n, option in inner.items() if n not in listed or not listed[n].help}
        elif name == "settings":
            listed[name] = Option(name, SETTINGS, SET)
        elif name == "device":
            listed[name] = Option(name, Reader(str, lambda _, text: device(text)), DEVICE, "auto")
        elif name not in provided() and (read := reader(hints[name])) and name not in listed:
            required, several = parameter.default is parameter.empty, read.type == list[str]
            plain = read.type in (str, list[str]) and read.metavar in (None, "FILE")
            result = read.metavar == "FILE" and not several
            positional = plain and ((top and (i == 0 or result)) or (required and not (several and i)))
            listed[name] = Option(name, read, help.get(name, ""), parameter.default, positional)
    return listed


def call(function: Callable[..., Any], made: Makers, given: Mapping[str, Any]) -> Any:
    """Call the function with what was given, what is made of it, and what the command line provides."""
    arguments: dict[str, Any] = {}
    # Networks come first among arguments and are made last: what is wrong with the rest is known before one is loaded.
    for name, parameter in reversed(list(inspect.signature(function).parameters.items())):
        if name in made:
            arguments[name] = call(made[name], {n: m for n, m in made.items() if n != name}, given)
        elif parameter.kind is parameter.VAR_KEYWORD:
            arguments |= given.get(name, {})
        elif name in given or name in provided():
            arguments[name] = given[name] if name in given else provided()[name]
    return function(**arguments)


def section(function: Callable[..., Any], title: str) -> str:
    """The text of a section of the docstring."""
    text = inspect.cleandoc(function.__doc__ or "") + "\n"
    return m[1] if (m := re.search(rf"^{title}:\n((?: .*\n|\n)*)", text, re.MULTILINE)) else ""


def described(function: Callable[..., Any]) -> dict[str, str]:
    """What the docstring says of each argument, in its section Args."""
    entries = re.findall(r"^ {4}(\w+): (.*\n(?: {8}.*\n)*)", section(function, "Args"), re.MULTILINE)
    return {name: " ".join(text.replace("`", "").split()) for name, text in entries}


def taught(function: Callable[..., Any]) -> str:
    """The help of a command: what the docstring says before its sections, and its examples of the command line."""
    text = re.split(r"^\w[\w ]*:$", inspect.cleandoc(function.__doc__ or ""), flags=re.MULTILINE)[0]
    paragraphs = [p for p in text.strip().split("\n\n") if not p.startswith(">>>")]
    examples = section(function, "Command line").strip().splitlines()
    plain = [escape(" ".join(p.replace("`", "").split())) for p in paragraphs]
    return "\n\n".join([*plain, "[bold]Examples[/bold]", *(f"  {escape(e.strip())}" for e in examples)])


def _shown(default: Any) -> str:
    """A default, where there is one that can be read."""
    if isinstance(default, tuple):
        default = ",".join(map(str, default))
    if isinstance(default, bool) or not isinstance(default, str | int | float | torch.dtype) or default == "":
        return ""
    return f"[default: {str(default).removeprefix('torch.')}]"

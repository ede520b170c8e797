"""What a figure is made of: curves of networks in several states, each saved when it is finished, and densities."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from fechner import results
from fechner.errors import FechnerError
from fechner.fisher import sensitivity
from fechner.networks import load
from fechner.outputs import expanded
from fechner.statistics import image_statistics, make, photographs
from fechner.statistics.images import named
from fechner.stimuli import parameters, settings, stimulus

MAIN = ("efficientnet_lite0", "resnet18", "vgg16_bn", "vit_b_16")
CONTROLS = (
    "alexnet",
    "alexnet_no_overlap",
    "alexnet_no_pooling",
    "alexnet_circular",
    "resnet34",
    "resnet50",
    "vgg11",
    "vgg13",
)
RANDOM = ("init", "shuffled")
OF_DENSITY = "_of_density"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """Settings of one `fechner reproduce`, the same for all figures; `folder` is that of the figure."""

    profile: str
    folder: Path
    images: str | Path | None = None
    checkpoints: tuple[tuple[str, str], ...] = ()
    resume: bool = False
    device: str = "cpu"
    say: Say = print
    trainings: Path = Path("trainings")
    # Told which share of the figure is finished.
    done: Callable[[float], None] = lambda share: None


@dataclass(frozen=True)
class Part:
    """One curve for every block of a network: the unit that is saved and resumed."""

    network: str
    weights: str
    seed: int
    stimulus: str

    @property
    def file(self) -> str:
        """Its file name among the parts."""
        weights = self.weights.replace("/", "_")
        if len(weights.encode()) > 120:
            weights = hashlib.sha256(weights.encode()).hexdigest()
        return f"{self.network}-{weights}-{self.seed}-{self.stimulus}.nc"


@dataclass(frozen=True)
class Sweep:
    """What is measured of every part: so many values along a parameter, averaged over nuisances."""

    along: str
    values: int
    average: Mapping[str, Any]


def states(networks: Sequence[str], seeds: int, stimulus_name: str) -> list[Part]:
    """Every network pretrained, initialised and shuffled; the cheap and telling ones first."""
    return [
        Part(network, state, seed, stimulus_name)
        for network in networks
        for state, count in (("pretrained", 1), *((state, seeds) for state in RANDOM))
        for seed in range(count)
    ]


def measure(parts: Sequence[Part], sweep: Sweep, run: Run) -> xr.Dataset:
    """Curves of all parts, one after another along `layer`; with `resume`, finished parts are read instead.

    Networks whose weights cannot be had are left out and named in the attribute `unavailable`; random weights that make no
    finite responses, in `unusable`.
    """
    folder = run.folder / "parts"
    folder.mkdir(parents=True, exist_ok=True)
    measured: list[tuple[Part, xr.Dataset]] = []
    unavailable: dict[str, str] = {}
    unusable: dict[str, str] = {}
    for i, part in enumerate(parts):
        path = folder / part.file
        label = f"[{i + 1}/{len(parts)}] {part.network}, {part.weights}, seed {part.seed}, {part.stimulus}"
        curves = finished(path, part, sweep) if run.resume else None
        if curves is None:
            if part.weights != "init" and part.network in unavailable:
                continue
            try:
                network = load(part.network, part.weights, part.seed).to(torch.device(run.device))
            except FechnerError as e:
                if part.weights not in ("pretrained", *RANDOM):
                    raise
                unavailable[part.network] = str(e)
                run.say(f"{label}: left out, {e}")
                continue
            run.say(label)
            try:
                curves = sensitivity(network, stimulus(part.stimulus), sweep.along, sweep.values, sweep.average)
            except FechnerError as e:
                # Random weights may let responses overflow; the other seeds are worth having.
                if part.weights not in RANDOM:
                    raise
                unusable[part.file] = str(e)
                run.say(f"{label}: left out, {e}")
                continue
            results.save(curves.assign_attrs(code=code()), path)
        else:
            run.say(f"{label}: finished before")
        measured.append((part, curves))
        run.done((i + 1) / len(parts))
    dataset = xr.concat([_labelled(c, p) for p, c in measured], "layer", data_vars="all", combine_attrs="drop")
    attributes = {
        "along": sweep.along,
        "method": "exact",
        "noise_model": measured[0][1].attrs["noise_model"],
        "weights_sha256": json.dumps({p.file.removesuffix(".nc"): c.attrs["weights_sha256"] for p, c in measured}),
        "unavailable": json.dumps(unavailable),
        "unusable": json.dumps(unusable),
    }
    return dataset.assign_attrs(results.provenance("figure") | attributes)


def finished(path: Path, part: Part, sweep: Sweep) -> xr.Dataset | None:
    """The part as saved, if it is whole and was measured with the same settings, code and weights."""
    try:
        curves = results.read(path)
    except FechnerError:
        return None
    shown = stimulus(part.stimulus)
    known = parameters(shown)
    expected = {sweep.along: sweep.values, **sweep.average}
    same = curves.attrs.get("code") == code() and curves.attrs["stimulus"] == json.dumps(settings(shown))
    if same and part.weights not in ("pretrained", *RANDOM):
        same = curves.attrs["weights_sha256"] == load(part.network, part.weights).weights_sha256()
    same = same and all(
        name in curves.sizes and np.array_equal(curves[name].values, known[name].values(name, spec))
        for name, spec in expected.items()
    )
    return curves if same else None


def kept(
    path: Path, run: Run, expected: Mapping[str, Any], make: Callable[[], xr.Dataset], module: str = __name__
) -> xr.Dataset:
    """A part as saved, if it was asked for with these attributes and made by the same code; or made, and saved.

    `module` is the one that says how it is made.
    """
    wanted = {**expected, "code": code(module)}
    if run.resume and path.exists():
        try:
            found = results.read(path)
        except FechnerError:
            found = xr.Dataset()
        if all(found.attrs.get(k) == v for k, v in wanted.items()):
            run.say(f"{path.stem}: finished before")
            return found
    made = make()
    made = made.assign_attrs(results.provenance("part") | made.attrs | wanted)
    results.save(made, path)
    return made


@cache
def code(module: str = __name__) -> str:
    """SHA-256 of everything that measures: what other code measured is not taken for finished.

    That is the package below the figures, and of the figures this module and what it imports: how they are drawn and judged
    may change.
    """
    package = Path(str(files("fechner")))
    above = ("paper", "plot", "page", "cli")
    measuring = {path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in above}
    waiting = [module]
    while waiting:
        path = package.joinpath(*waiting.pop().split(".")[1:]).with_suffix(".py")
        if path.is_file() and path not in measuring:
            measuring.add(path)
            waiting += _imported(path)
    hashed = hashlib.sha256()
    for path in sorted(measuring):
        hashed.update(path.read_bytes())
    return hashed.hexdigest()


def _imported(path: Path) -> Iterator[str]:
    """Names of modules, and of what is taken from them, that a file imports."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


def source(run: Run) -> dict[str, str]:
    """Which photographs are meant, and what tells whether they have changed: names, sizes and times of the files."""
    if run.images is None:
        return {"images": "scikit-image", "images_stamp": ""}
    path = expanded(run.images)
    held = sorted(path / p.entry for p in photographs(path)) if path.is_dir() else [path]
    stamps = [(str(p.relative_to(path)), p.stat().st_size, p.stat().st_mtime_ns) for p in held]
    return {"images": named(path), "images_stamp": hashlib.sha256(repr(stamps).encode()).hexdigest()}


def density(feature: str, run: Run, again: bool = False) -> xr.Dataset:
    """The density of a feature in the photographs, kept for all figures of an output folder; or measured `again`."""
    path = run.folder.parent / "photographs" / f"{feature}.nc"
    wanted = source(run) | {"settings": json.dumps(asdict(make(feature, {})))}

    def measured() -> xr.Dataset:
        run.say(f"{feature} in the photographs of {wanted['images']}")
        return image_statistics(run.images, feature)

    quiet = replace(run, resume=not again, say=lambda text: None)
    return kept(path, quiet, wanted, measured)


def with_density(dataset: xr.Dataset, prior: xr.Dataset) -> xr.Dataset:
    """A figure's data together with a density, whose coordinate is renamed because it has other values."""
    along = str(prior.attrs["along"])
    kept = prior[["density", "density_low", "density_high", "density_samples"]]
    renamed = kept.rename({along: along + OF_DENSITY, "bootstrap": "bootstrap" + OF_DENSITY})
    return dataset.merge(renamed, combine_attrs="override").assign_attrs(
        dataset.attrs | {"images": prior.attrs["images"], "photographs": prior.attrs["photographs"]}
    )


def density_of(dataset: xr.Dataset) -> xr.Dataset:
    """The density in a figure's data, as `image_statistics` gave it."""
    along = str(dataset.attrs["along"])
    kept = dataset[["density", "density_low", "density_high", "density_samples"]]
    renamed = kept.rename({along + OF_DENSITY: along, "bootstrap" + OF_DENSITY: "bootstrap"}).drop_vars(
        [c for c in kept.coords if not str(c).endswith(OF_DENSITY)]
    )
    return renamed.assign_attrs(along=along, photographs=dataset.attrs["photographs"])


def select(dataset: xr.Dataset, **labels: str | int) -> xr.Dataset:
    """The layers of the parts with these labels (network, weights, seed, stimulus); pixels included."""
    keep = np.ones(dataset.sizes["layer"], dtype=bool)
    for name, value in labels.items():
        keep &= dataset[name].values == value
    return dataset.isel(layer=np.flatnonzero(keep))


def networks(dataset: xr.Dataset) -> list[str]:
    """Names of the networks in the dataset, in the order of the figure."""
    present = set(dataset.network.values.tolist())
    return [n for n in MAIN + CONTROLS if n in present]


def layers_only(dataset: xr.Dataset) -> xr.Dataset:
    """Without the pixels."""
    return dataset.isel(layer=np.flatnonzero(dataset.layer.values != "input"))


def third(dataset: xr.Dataset, which: str) -> xr.Dataset:
    """The first or the last third of the layers measured."""
    n = dataset.sizes["layer"]
    count = max(1, round(n / 3))
    return dataset.isel(layer=slice(0, count) if which == "early" else slice(n - count, n))


def _labelled(curves: xr.Dataset, part: Part) -> xr.Dataset:
    n = curves.sizes["layer"]
    return curves.assign_coords({name: ("layer", [value] * n) for name, value in asdict(part).items()})

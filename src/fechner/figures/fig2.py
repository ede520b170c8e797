"""Figure 2: relative sensitivity to orientation across the layers of networks, trained, initialised and shuffled.

Benjamin et al. (2022), Fig. 2 and its supplementary controls. Settings: Gabor of 2 cycles/degree at 224 pixels and 100
pixels/degree. `quick` measures EfficientNet-Lite0, `paper` every network.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from fechner import results
from fechner.errors import FechnerError
from fechner.networks import load
from fechner.sensitivity import sensitivity
from fechner.stimuli import settings, stimulus

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
Say = Callable[[str], None]


@dataclass(frozen=True)
class Profile:
    """What is measured: networks, orientations, phases, and seeds of the initialised and shuffled states."""

    networks: tuple[str, ...]
    values: int
    phases: int
    seeds: int


PROFILES = {
    "quick": Profile(MAIN[:1], values=60, phases=8, seeds=3),
    "paper": Profile(MAIN + CONTROLS, values=180, phases=10, seeds=5),
}


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
        return f"{self.network}-{self.weights}-{self.seed}-{self.stimulus}.nc"


def plan(profile: Profile) -> list[Part]:
    """All parts, the cheap and telling ones first."""
    parts = []
    for network in profile.networks:
        parts.append(Part(network, "pretrained", 0, "gabor"))
        parts += [Part(network, state, seed, "gabor") for state in RANDOM for seed in range(profile.seeds)]
        if network in MAIN:
            parts.append(Part(network, "pretrained", 0, "gabor-published"))
    return parts


def compute(profile: Profile, folder: Path, resume: bool = False, device: str = "cpu", say: Say = print) -> xr.Dataset:
    """Measure every part, saving each as it is finished; with `resume`, finished ones are read instead.

    Networks whose weights cannot be had are left out and named in the attribute `unavailable`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = plan(profile)
    measured: list[tuple[Part, xr.Dataset]] = []
    unavailable: dict[str, str] = {}
    for i, part in enumerate(parts):
        path = folder / part.file
        label = f"[{i + 1}/{len(parts)}] {part.network}, {part.weights}, seed {part.seed}, {part.stimulus}"
        curves = _finished(path, part, profile) if resume else None
        if curves is None:
            if part.weights != "init" and part.network in unavailable:
                continue
            try:
                network = load(part.network, part.weights, part.seed).to(torch.device(device))
            except FechnerError as e:
                unavailable[part.network] = str(e)
                say(f"{label}: left out, {e}")
                continue
            say(label)
            curves = sensitivity(
                network, stimulus(part.stimulus), values=profile.values, average={"phase": profile.phases}
            )
            results.save(curves, path)
        else:
            say(f"{label}: finished before")
        measured.append((part, curves))
    dataset = xr.concat([_labelled(c, p) for p, c in measured], "layer", data_vars="all", combine_attrs="drop")
    gabor = stimulus("gabor")
    angle = torch.tensor([30.0], dtype=torch.float64)
    image, slope, *_ = torch.func.jvp(lambda o: gabor(orientation=o), (angle,), (torch.ones_like(angle),))
    dataset["stimulus_image"] = xr.DataArray(image[0, 0].numpy(), dims=("y", "x"))
    dataset["stimulus_derivative"] = xr.DataArray(slope[0, 0].numpy(), dims=("y", "x"), attrs={"units": "1/degree"})
    shas = {p.file.removesuffix(".nc"): c.attrs["weights_sha256"] for p, c in measured}
    return dataset.assign_attrs(
        results.provenance()
        | {
            "figure": "fig2",
            "along": "orientation",
            "stimulus": json.dumps(settings(gabor)),
            "method": "exact",
            "noise_model": measured[0][1].attrs["noise_model"],
            "weights_sha256": json.dumps(shas),
            "unavailable": json.dumps(unavailable),
        }
    )


def _labelled(curves: xr.Dataset, part: Part) -> xr.Dataset:
    n = curves.sizes["layer"]
    return curves.assign_coords({name: ("layer", [value] * n) for name, value in asdict(part).items()})


def _finished(path: Path, part: Part, profile: Profile) -> xr.Dataset | None:
    """The part as saved, if it is whole and was measured with the same settings by the same version."""
    try:
        curves = results.read(path)
    except FechnerError:
        return None
    same = (
        curves.attrs["fechner_version"] == results.provenance()["fechner_version"]
        and curves.attrs["stimulus"] == json.dumps(settings(stimulus(part.stimulus)))
        and curves.sizes["orientation"] == profile.values
        and curves.sizes["phase"] == profile.phases
    )
    return curves if same else None


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

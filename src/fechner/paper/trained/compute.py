"""Networks trained on manipulated images: Figure 2's rotated networks, Figure 3 d, and sensitivity along training.

Benjamin et al. (2022), Figs. 2 and 3d: change the statistics of the training images, and sensitivity must follow. Here
trainings are read, not run: the results that `fechner train` wrote.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from fechner import circular, contents, results
from fechner.comparison import contrast
from fechner.differences import difference
from fechner.errors import FechnerError
from fechner.paper.curves import third
from fechner.paper.run import Run
from fechner.paper.trained.files import distinct, files, label, reduced

PROFILES = ("quick", "paper")
UPRIGHT, ROTATED, TURNED, HUE = "upright", "rotation 45", "rotation 22.5", "hue 90"
# Hue curves have layers, and densities grids of their own, beside the orientation curves of a dataset.
_HUE = "hue_layer"
_DENSITY = ("density", "density_low", "density_high")


def compute(run: Run) -> xr.Dataset:
    """All trainings in a folder: orientation curves one after another along `layer`, hue curves along `hue_layer`."""
    read = {}
    for name, path in files(run.trainings).items():
        recorded = results.read(path)
        try:
            with contents.complete(recorded):
                read[name] = reduced(recorded)
                if "fisher_information" in read[name]:
                    _told_apart_by(recorded.attrs)
        except FechnerError as e:
            raise FechnerError(f"'{path}' cannot be shown: {e}") from None
    found = {name: d for name, d in read.items() if "fisher_information" in d}
    distinct(found)
    run.say(f"{len(found)} trainings in {run.trainings}")
    both = {along: [d for d in found.values() if d.attrs.get("along") == along] for along in ("orientation", "hue")}
    if not both["orientation"]:
        raise FechnerError(f"no training in '{run.trainings}' recorded orientation")
    dataset = xr.concat([_labelled(d) for d in both["orientation"]], "layer", combine_attrs="drop", join="outer")
    if both["hue"]:
        hue = xr.concat([_labelled(d) for d in both["hue"]], "layer", combine_attrs="drop", join="outer")
        dataset = dataset.merge(_renamed(hue))
    for prior in (d for d in read.values() if "density" in d):
        along = results.along(prior)
        dataset = dataset.merge(
            prior[list(_DENSITY)].rename({n: f"{along}_{n}" for n in _DENSITY} | {along: f"{along}_counted"})
        )
    attributes = {
        "figure": "trained",
        "along": "orientation",
        "images": "CIFAR-10",
        "photographs": 0,
        "noise_model": results.UNIT_GAUSSIAN,
        "trainings": json.dumps(
            {
                name: {
                    k: str(d.attrs.get(k, ""))
                    for k in ("network", "condition", "seed", "recipe", "precision", "command")
                }
                | {"label": label(d.attrs), "accuracy": _accuracy(d)}
                for name, d in found.items()
            }
        ),
    }
    return dataset.assign_attrs(results.provenance("figure") | attributes)


def identifier(name: str) -> str:
    """Of a claim, without spaces.

    >>> identifier("net, 64 pixels-late")
    'trained-net-64-pixels-late'
    """
    return "trained-" + name.replace(", ", "-").replace(" ", "-")


def _accuracy(found: xr.Dataset) -> float | None:
    return float(found.validation_accuracy[-1]) if "validation_accuracy" in found else None


def _labelled(found: xr.Dataset) -> xr.Dataset:
    """Curves with network, condition and seed of each layer."""
    kept = found[
        [v for v in ("fisher_information", "fisher_information_samples", "fisher_information_recorded") if v in found]
    ]
    labels = _told_apart_by(found.attrs)
    return kept.assign_coords({k: ("layer", [v] * found.sizes["layer"]) for k, v in labels.items()})


def _told_apart_by(attributes: dict[Any, Any]) -> dict[str, Any]:
    """Network, condition and seed of a training."""
    return {
        "network": label(attributes),
        "condition": str(attributes["condition"]),
        "seed": int(attributes["seed"]),
    }


def _renamed(hue: xr.Dataset) -> xr.Dataset:
    """Hue curves beside those of orientation: names of their own."""
    of_layer = [str(n) for n, c in hue.coords.items() if c.dims == ("layer",) and n != "layer"]
    kept = hue[["fisher_information", "fisher_information_samples"]]
    return kept.rename({"layer": _HUE, **{n: f"{_HUE}_{n}" for n in (*of_layer, *kept.data_vars)}})


def density(dataset: xr.Dataset, along: str, turned: float = 0.0) -> xr.Dataset | None:
    """How often values occur in the images, rotated by so many degrees; None if that is not known."""
    if f"{along}_density" not in dataset:
        return None
    grid = dataset[f"{along}_counted"]
    period = circular.circle_of(grid)
    kept = {
        n: (along, np.interp((grid.values - turned) % period, *circular.around(grid, dataset[f"{along}_{n}"], period)))
        for n in _DENSITY
    }
    return xr.Dataset(kept, {along: (along, grid.values, grid.attrs)}, {"along": along})


def of_hue(dataset: xr.Dataset) -> xr.Dataset | None:
    """The hue curves as `sensitivity` gives them, or None if there are none."""
    if _HUE not in dataset.dims:
        return None
    kept = dataset[[str(v) for v in dataset.data_vars if _HUE in dataset[v].dims]]
    own = kept.drop_vars([c for c in kept.coords if c not in kept.dims and _HUE not in kept[c].dims])
    return own.rename(
        {n: str(n).removeprefix(f"{_HUE}_") for n in (*own.data_vars, *own.coords) if n != _HUE} | {_HUE: "layer"}
    ).assign_attrs(along="hue")


def curves(dataset: xr.Dataset, network: str, condition: str) -> list[xr.Dataset]:
    """One dataset of curves a seed, without pixels, all spatial frequencies counting alike."""
    mine = (dataset.network == network) & (dataset.condition == condition)
    part = dataset.isel(layer=np.flatnonzero(mine.values))
    seeds = sorted(set(part.seed.values.tolist()))
    return [_even(part.isel(layer=np.flatnonzero(part.seed.values == s))) for s in seeds]


def _even(part: xr.Dataset) -> xr.Dataset:
    part = part.isel(layer=~results.pixels(part))
    if "spatial_frequency" in part.fisher_information_samples.dims:
        samples = part.fisher_information_samples
        along = next(d for d in samples.dims if d in ("orientation", "hue"))
        # A layer is more sensitive at high frequencies by orders of magnitude.
        part = part.assign(fisher_information_samples=samples / samples.mean([along, "phase"]))
    along = next(d for d in ("orientation", "hue") if d in part.fisher_information.dims)
    return part.assign_attrs(along=along)


def pairs(dataset: xr.Dataset, network: str, condition: str) -> tuple[list[xr.Dataset], list[xr.Dataset]]:
    """Curves trained under a condition and upright, for the seeds that both have."""
    both = [{int(c.seed[0]): c for c in curves(dataset, network, state)} for state in (condition, UPRIGHT)]
    seeds = sorted(set(both[0]) & set(both[1]))
    return [both[0][s] for s in seeds], [both[1][s] for s in seeds]


def compared(dataset: xr.Dataset, network: str, condition: str) -> xr.Dataset | None:
    """`difference` of a condition and upright training; None where there is no pair."""
    one, other = pairs(dataset, network, condition)
    return difference(one, other, bootstraps=500) if one else None


def networks(dataset: xr.Dataset) -> list[str]:
    """Networks with at least one pair of upright and rotated training, those with more seeds first, each before its variants."""
    seeds = {n: len(pairs(dataset, n, ROTATED)[0]) for n in sorted(set(dataset.network.values.tolist()))}
    found = [n for n in seeds if seeds[n]]
    return sorted(found, key=lambda n: (-seeds.get(base(n), 0), base(n), n))


def base(network: str) -> str:
    """The architecture, without what else a training changed.

    >>> base("resnet18_small, not mirrored")
    'resnet18_small'
    """
    return network.partition(", ")[0]


def trained_alike(dataset: xr.Dataset) -> list[str]:
    """The networks that differ in nothing but their architecture, each once."""
    known = networks(dataset)
    return [n for n in known if n == base(n) or base(n) not in known]


def short(network: str) -> str:
    """Without the module of an import path."""
    return network.rpartition(":")[2]


def late_curve(curves_of_layers: xr.Dataset) -> xr.Dataset:
    """One curve for the last third of the layers, each counting alike."""
    samples = third(curves_of_layers, "late").fisher_information_samples
    along = results.along(curves_of_layers)
    one = (samples / samples.mean([d for d in samples.dims if d != "layer"])).mean("layer").expand_dims(layer=["late"])
    nuisance = [d for d in one.dims if d not in ("layer", along)]
    return xr.Dataset(
        {"fisher_information": one.mean(nuisance), "fisher_information_samples": one}, attrs={"along": along}
    )


def late(curves_of_seeds: Sequence[xr.Dataset]) -> npt.NDArray[np.float64]:
    """J of the late layers (seed, value, nuisance values), each layer counting alike."""
    found = []
    for one in curves_of_seeds:
        samples = late_curve(one).fisher_information_samples.isel(layer=0).transpose(results.along(one), ...).values
        found.append(samples.reshape(len(samples), -1).astype(float))
    return np.stack(found)


def preference(information: xr.DataArray) -> xr.DataArray:
    """Logarithm (base 2) of cardinal over oblique √J of orientation curves; NaN for a layer without sensitivity."""
    curve = information.transpose(..., "orientation").astype(float) ** 0.5
    ratio = contrast(curve.values, "orientation", curve.orientation.values, np.ones(curve.sizes["orientation"]))
    return curve.isel(orientation=0, drop=True).copy(data=np.log2(ratio))

"""What a reader can explore of a result: curves to choose by network, state and layer, and to step through learning.

`charts` looks at what a result holds; a kind of result that is explored in a way of its own has one more function here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr

from fechner import circular, contents, human, results
from fechner.fisher import evenly, relative_to_mean
from fechner.interval import t_half_width
from fechner.page.chart import Chart, chart, reference
from fechner.plot.style import LABELS


def charts(dataset: xr.Dataset, densities: Sequence[xr.Dataset] = ()) -> list[Chart]:
    """What can be explored of a result, over the densities that are along the same parameter; may be nothing."""
    kind = str(dataset.attrs["kind"])
    along = results.along(dataset)
    references, notes = _references(dataset, along, densities), tuple(_human(along))
    if "fisher_information_recorded" in dataset:
        return [recorded(dataset, references)]
    if kind == "label learning":
        exposures = [f", exposure {i + 1}" for i in range(len(dataset.density))] if len(dataset.density) > 1 else [""]
        frequencies = [reference(f"density shown{e}", d) for e, d in zip(exposures, dataset.density, strict=True)]
        information = dataset.fisher_information.transpose(..., along)
        return [over_seeds("Along learning", information, ("layer",), frequencies or references, notes)]
    if "fisher_information" in dataset and {"layer", along} <= set(dataset.fisher_information.dims):
        return [_layers(dataset, references, notes)]
    if kind == "difference":
        values = dataset.relative_sensitivity.transpose("layer", "state", along)
        return [chart("Layers", values, ("state", "layer"))]
    return []


def _layers(dataset: xr.Dataset, references: Sequence[Any], notes: tuple[str, ...]) -> Chart:
    """Every layer of every network, state and seed; of a training, at every step."""
    along, network = results.along(dataset), dataset.attrs.get("network", "")
    parts = [
        c for c in ("network", "weights", "stimulus", "seed") if c in dataset.coords and dataset[c].dims == ("layer",)
    ]
    if "weights" in parts:
        states = [LABELS.get(str(state), str(state)) for state in dataset.weights.values]
        dataset = dataset.assign_coords(weights=("layer", states))
    stepped = "step" in dataset.fisher_information.dims
    # What was measured several times, for seeds say, is chosen as layers are.
    several = [str(d) for d in dataset.fisher_information.dims if d not in ("step", "layer", along)]
    half_width: xr.DataArray | float = np.nan
    errors = dataset.get("relative_sensitivity_se")
    if errors is not None and set(errors.dims) == set(dataset.fisher_information.dims):
        half_width, notes = 1.96 * errors, ("Band: ±1.96 standard errors over random nuisance values.", *notes)
    return chart(
        f"Layers of {network}" if network else "Networks, their states and layers",
        _relative(dataset.fisher_information.transpose(..., along)),
        (*several, *parts, "layer"),
        half_width=half_width,
        uncertain=dataset.get("uncertain", False),
        resolved=dataset.get("resolved", True),
        step="step" if stepped else "",
        references=references,
        notes=notes,
    )


def over_seeds(
    title: str, information: xr.DataArray, controls: Sequence[str], references: Sequence[Any], notes: Sequence[str] = ()
) -> Chart:
    """Of Fisher information (seed, step, …, parameter): the mean over seeds of relative sensitivity, at every step."""
    relative = _relative(information).transpose("seed", ...)
    mean = relative.mean("seed", skipna=False)
    return chart(
        title,
        mean,
        controls,
        half_width=mean.copy(data=t_half_width(relative.values)),
        step="step",
        references=references,
        notes=("Band: 95 % over seeds.", *notes),
    )


def recorded(dataset: xr.Dataset, references: Sequence[Any]) -> Chart:
    """Trainings that `trainings/collect.py` kept: every layer, at the end of every epoch that was recorded."""
    along = results.along(dataset)
    controls = [c for c in ("network", "condition", "seed", "layer") if c in dataset.coords]
    information = dataset.fisher_information_recorded
    information = evenly(information.isel(layer=~results.pixels(dataset)), "layer", "epoch", along)
    # Trainings differ in length.
    epochs = information.epoch.where(information.notnull().any(along)).transpose("layer", "epoch")
    curves = _relative(information).rename(epoch="time").assign_coords(epoch=(("layer", "time"), epochs.values))
    return chart("Step through training", curves, controls, step="epoch", references=references)


def _relative(information: xr.DataArray) -> xr.DataArray:
    """Sensitivity relative to its mean, from Fisher information (…, parameter)."""
    return information.copy(data=relative_to_mean(np.sqrt(information.values)))


def _references(dataset: xr.Dataset, along: str, densities: Sequence[xr.Dataset]) -> list[Any]:
    """Densities along the parameter, and formulas that stand in for people.

    Formulas of parameters that are not circular have no mean to be relative to.
    """
    convention = dataset[along].attrs.get("convention") if along in dataset.coords else None

    def alike(other: xr.DataArray) -> bool:
        return convention is None or other.attrs.get("convention", convention) == convention

    return [
        reference(f"density in {contents.measured_on(prior) or 'some photographs'}", prior.density)
        for prior in densities
        if prior.attrs["along"] == along and alike(prior[along])
    ] + [
        reference(f"{name} (formula)", curve.density, formula=True)
        for name, curve in human.priors(along).items()
        if circular.period_of(curve[along]) and alike(curve[along])
    ]


def _human(along: str) -> Iterator[str]:
    """What texts report of people along a parameter."""
    name = f"{along.replace('_', '-')}-discrimination"
    if name in human.available():
        data = human.read(name)
        for i in range(data.sizes["entry"]):
            low, high = float(data.low[i]), float(data.high[i])
            value = f"{low:g}" if low == high else f"{low:g}–{high:g}"
            units = data.low.attrs["units"]
            yield f"People, {data.conditions.values[i]}: threshold {value} {units} ({data.source.values[i]})."

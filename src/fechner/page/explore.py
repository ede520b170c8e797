"""What a reader can explore of a result: curves to choose by network, state and layer, and to step through learning."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr

from fechner import circular, human, results
from fechner.fisher import evenly, relative_to_mean
from fechner.interval import t_half_width
from fechner.page.chart import Array, Chart, Curve
from fechner.plot.style import LABELS


def charts(dataset: xr.Dataset, densities: Sequence[xr.Dataset] = ()) -> list[Chart]:
    """What can be explored of a result, over the densities that are along the same parameter; may be nothing."""
    kind = str(dataset.attrs["kind"])
    along = results.along(dataset)
    references, notes = _references(dataset, along, densities)
    if "fisher_information_recorded" in dataset:
        return [recorded_chart(dataset, references)]
    if kind == "label learning":
        return [_labels(dataset, references, notes)]
    if "fisher_information" in dataset and {"layer", along} <= set(dataset.fisher_information.dims):
        return [_layers(dataset, references, notes)]
    if kind == "difference":
        return [_difference(dataset)]
    return []


def _layers(dataset: xr.Dataset, references: tuple[Any, ...], notes: tuple[str, ...]) -> Chart:
    """Every layer of every network, state and seed; of a training, at every step."""
    along = results.along(dataset)
    controls = [
        c for c in ("network", "weights", "stimulus", "seed") if c in dataset.coords and dataset[c].dims == ("layer",)
    ]
    stepped = "step" in dataset.fisher_information.dims
    # What was measured several times, for seeds say, is chosen as layers are.
    several = [str(d) for d in dataset.fisher_information.dims if d not in ("step", "layer", along)]
    steps = dataset.step.values.astype(float) if stepped else None
    dims = (*(["step"] if stepped else []), along)
    errors = None if stepped else dataset.get("relative_sensitivity_se")
    if errors is not None and set(errors.dims) != set(dataset.fisher_information.dims):
        errors = None
    curves = []
    for place in itertools.product(*(range(dataset.sizes[d]) for d in several)):
        chosen = dict(zip(several, place, strict=True))
        which = tuple(str(dataset[d].values[i] if d in dataset.coords else i) for d, i in chosen.items())
        for i, layer in enumerate(dataset.layer.values):
            key = (*which, *(_label(dataset[c].values[i]) for c in controls), str(layer))
            root = np.sqrt(dataset.fisher_information.isel(chosen).isel(layer=i).transpose(*dims).values.astype(float))
            y = relative_to_mean(np.where(root.sum(-1, keepdims=True) > 0, root, np.nan))
            spread = None if errors is None else 1.96 * errors.isel(chosen).isel(layer=i).values
            band = {} if spread is None or not np.isfinite(spread).all() else {"low": y - spread, "high": y + spread}
            curves.append(Curve(key, y, steps=steps, **band))
    network = dataset.attrs.get("network", "")
    return Chart(
        f"Layers of {network}" if network else "Networks, their states and layers",
        *_axis(dataset),
        (*several, *controls, "layer"),
        tuple(curves),
        references,
        interval="" if errors is None else "±1.96 standard errors over nuisance values",
        notes=notes,
    )


def _difference(dataset: xr.Dataset) -> Chart:
    """Relative sensitivity after both trainings, layer by layer."""
    along = results.along(dataset)
    values = dataset.relative_sensitivity.transpose("layer", "state", along)
    curves = [
        Curve((str(layer), str(state)), values.values[i, j])
        for (i, layer), (j, state) in itertools.product(
            enumerate(dataset.layer.values), enumerate(dataset.state.values)
        )
    ]
    return Chart("Layers", *_axis(dataset), ("layer", "state"), tuple(curves))


def over_seeds(information: xr.DataArray, along: str) -> tuple[Array, Array | None, Array | None]:
    """Mean and 95 % t-interval over seeds of relative sensitivity (step, value)."""
    relative = relative_to_mean(np.sqrt(information.transpose("seed", "step", along).values.astype(float)))
    mean, half = relative.mean(0), t_half_width(relative)
    return (mean, mean - half, mean + half) if len(relative) > 1 else (mean, None, None)


def _labels(dataset: xr.Dataset, references: tuple[Any, ...], notes: tuple[str, ...]) -> Chart:
    """Every layer of networks that learned labels, at every step."""
    along = results.along(dataset)
    steps = dataset.step.values.astype(float)
    curves = [
        Curve((str(layer),), *over_seeds(dataset.fisher_information.sel(layer=layer), along), steps=steps)
        for layer in dataset.layer.values
    ]
    shown = tuple(
        (
            f"density shown{f', exposure {i + 1}' if len(dataset.density) > 1 else ''}",
            dataset[along].values,
            d / d.mean(),
        )
        for i, d in enumerate(dataset.density.values)
    )
    return Chart(
        "Along learning",
        *_axis(dataset),
        ("layer",),
        tuple(curves),
        shown or references,
        interval="95 % over seeds",
        notes=notes,
    )


def recorded_chart(dataset: xr.Dataset, references: tuple[Any, ...]) -> Chart:
    """Trainings that `trainings/collect.py` kept: every layer, at the end of every epoch."""
    along = results.along(dataset)
    controls = tuple(c for c in ("network", "condition", "seed") if c in dataset.coords)
    curves = []
    for i in range(dataset.sizes["layer"]):
        one = dataset.fisher_information_recorded.isel(layer=i).dropna("epoch", how="all")
        if str(one.layer.values) == "input":
            continue
        y = relative_to_mean(np.sqrt(evenly(one, "epoch", along).values.astype(float)))
        key = tuple(str(one[c].values) for c in (*controls, "layer"))
        curves.append(Curve(key, y, steps=one.epoch.values.astype(float)))
    return Chart(
        "Step through training",
        *_axis(dataset),
        (*controls, "layer"),
        tuple(curves),
        references,
        step_name="epoch",
    )


def _axis(dataset: xr.Dataset) -> tuple[str, str, Array, float | None]:
    """The parameter of a result, its units, its values and its period."""
    along = results.along(dataset)
    coordinate = dataset[along]
    return along, str(coordinate.attrs.get("units", "")), coordinate.values, circular.period_of(coordinate)


REFERENCE = "density in {}"


def _references(
    dataset: xr.Dataset, along: str, densities: Sequence[xr.Dataset]
) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    """Densities along the parameter and what stands in for people, relative to their means; measured human data.

    Formulas of parameters that are not circular have no mean to be relative to.
    """
    meaning = dataset[along].attrs.get("convention") if along in dataset.coords else None

    def alike(other: xr.DataArray) -> bool:
        return meaning is None or other.attrs.get("convention", meaning) == meaning

    found = [
        (REFERENCE.format(f"{prior.attrs.get('photographs', 'some')} photographs"), *relative_density(prior))
        for prior in densities
        if prior.attrs["along"] == along and alike(prior[along])
    ]
    found += [
        (f"{name} (formula)", *relative_density(c))
        for name, c in human.priors(along).items()
        if circular.period_of(c[along]) and alike(c[along])
    ]
    return tuple(found), tuple(_human(along))


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


def relative_density(prior: xr.Dataset) -> tuple[Array, Array]:
    (along,) = prior.density.dims
    y = prior.density.values
    return prior[along].values, y / y.mean()


def _label(value: object) -> str:
    return LABELS.get(str(value), str(value))

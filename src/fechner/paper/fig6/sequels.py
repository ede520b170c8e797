"""What follows Figure 6: rearing and a switch of statistics, a burst of exposure, feature strength, and a linear toy.

Each experiment of `MAKERS` gives a Dataset, which becomes a node of the figure's DataTree by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from fechner import circular
from fechner.learning import Exposure, LinearNetwork, Stage, band, learn, sinusoidal, theory

Learner = Callable[..., xr.Dataset]
A, B = sinusoidal(90.0), sinusoidal(0.0)
BURST = (15.0, 45.0)
TOY_VALUES, TOY_STEPS, TOY_START, TOY_RATE = 12, 300, 0.001, 0.15


@dataclass(frozen=True)
class Sequels:
    """Steps before and after the switch; the burst experiment's steps, times and batch; contrasts of the feature."""

    switch: int
    burst_steps: int
    burst_times: tuple[int, ...]
    burst_batch: int
    contrasts: tuple[float, ...]
    contrast_steps: int


QUICK = Sequels(200, 200, (0, 60, 120), 128, (0.6, 0.8, 1.0), 120)
PAPER = Sequels(300, 300, (0, 25, 50, 75, 100, 125, 150, 175, 200, 225), 1024, (0.4, 0.5, 0.6, 0.8, 1.0), 150)


def rearing(learn_at: Learner, settings: Sequels) -> xr.Dataset:
    """Density A (most at 90°) and then B (most at 0°), the other way round, and A alone, for equally many steps.

    The same seed sees the same stimuli before the switch with and without it.
    """
    steps = settings.switch
    orders = {"A then B": (A, B), "B then A": (B, A), "A throughout": (A, A)}
    snapshots = np.linspace(0, 2 * steps, 41).astype(int).tolist()
    learned = [learn_at([Exposure(steps, density) for density in order], snapshots) for order in orders.values()]
    both = xr.concat(learned, "order", combine_attrs="drop").assign_coords(order=list(orders))
    return both[["fisher_information"]]


def burst(learn_at: Learner, settings: Sequels) -> xr.Dataset:
    """Density A but for one step between 15° and 45°, at different times, and never (time −1), as published.

    Initial weights × 0.05, learning rate 1; the same seed sees the same stimuli at all other steps.
    """
    total, learned = settings.burst_steps, []
    times = [-1, *settings.burst_times]
    for at in times:
        stages = [(total, A)] if at < 0 else [(at, A), (1, band(*BURST)), (total - at - 1, A)]
        exposures = [Exposure(steps, density) for steps, density in stages if steps]
        learned.append(learn_at(exposures, [total], scale=0.05, learning_rate=1.0, batch=settings.burst_batch))
    together = xr.concat([one[["fisher_information"]] for one in learned], "burst_time", combine_attrs="drop")
    return together.isel(step=0, drop=True).assign_coords(burst_time=times)


def strength(learn_at: Learner, settings: Sequels) -> xr.Dataset:
    """The step at which the loss falls by a tenth, for gratings of several contrasts: pixels' SD is proportional to it.

    Orientations are uniform, initial weights × 0.2, so that learning sets in early.
    """
    reached = []
    for contrast in settings.contrasts:
        steps = round(settings.contrast_steps / contrast)
        learned = learn_at(Exposure(steps), [steps], contrast=contrast, scale=0.2)
        smooth = np.apply_along_axis(lambda v: np.convolve(v, np.full(11, 1 / 11), "valid"), 1, learned.loss.values)
        below = smooth < 0.9 * np.log(learned.attrs["classes"])
        reached.append(np.where(below.any(1), below.argmax(1) + 5.0, np.nan))
    coordinates = {"contrast": list(settings.contrasts), "seed": learned.seed}
    return xr.Dataset({"step_at_tenth": (("contrast", "seed"), np.array(reached), {"units": "step"})}, coordinates)


def toy(learn_at: Learner, settings: Sequels) -> xr.Dataset:
    """Two linear layers that name which of twelve orientations they see, equally frequent or not, and the closed form.

    Inputs are one-hot, so that an orientation's frequency is the variance of its input and the strength of its mode.
    """
    orientation = circular.grid(TOY_VALUES, 180.0)
    spectra = {"flat": np.ones(TOY_VALUES), "not flat": A(orientation) * 180.0}
    steps = np.linspace(0, TOY_STEPS, 61).astype(int)
    learned, predicted = [], []
    how: dict[str, Any] = {"learning_rate": TOY_RATE, "engine": "descent", "progress": False}
    for spectrum in spectra.values():
        phase = Stage(np.asarray(spectrum), TOY_STEPS, covariance=np.diag(spectrum))
        maps = learn(LinearNetwork(2, "balanced", TOY_START), phase, steps.tolist(), **how)
        learned.append(np.einsum("sii->si", maps.end_to_end.values))
        time = steps[:, None] * maps.attrs["time_per_step"]
        predicted.append(theory.two_layers(time, TOY_START, spectrum, spectrum))
    dims = ("spectrum", "step", "orientation")
    coordinates = {"spectrum": list(spectra), "step": steps, "orientation": orientation}
    return xr.Dataset({"learned": (dims, learned), "predicted": (dims, predicted)}, coordinates)


MAKERS: dict[str, Callable[[Learner, Sequels], xr.Dataset]] = {
    "rearing": rearing,
    "burst": burst,
    "strength": strength,
    "toy": toy,
}

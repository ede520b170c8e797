"""Every command: which public function it is, and what that function's signature and docstring do not say.

A new command is a line in `VERBS`: the function, whose docstring holds examples in its section "Command line"; makers for
arguments that no text can give; and a check, where options may do nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from torch import Tensor

import fechner
from fechner import comparison, learning, paper, statistics
from fechner.cli import listing, makers
from fechner.cli.command import Verb, refuse
from fechner.cli.signature import Makers, call
from fechner.cli.terminal import say
from fechner.errors import FechnerError
from fechner.networks.variants import VARIANTS
from fechner.outputs import expanded
from fechner.paper.catalogue import FIGURES
from fechner.plot import contact_sheet, style
from fechner.stimuli import parameters
from fechner.training import Condition

PRESENTED: Makers = {"network": makers.network, "stimulus": makers.presented}
LEARNER: Makers = {
    "network": learning.Perceptron,
    "exposures": learning.Exposure,
    "channel": makers.channel,
    "task": learning.Task,
    "stimulus": makers.labelled,
}
TRAINING: Makers = {"condition": Condition, "recipe": makers.recipe}


def check_sensitivity(given: Mapping[str, Any]) -> None:
    """A step is that of central differences, and a seed that of what is random; the rest is checked with the stimulus."""
    method = given.get("method", "exact")
    if "step" in given and method != "central":
        raise FechnerError(f"--step is that of central differences: add --method central, got --method {method}")
    drawn = any("random:" in text for text in given.get("average", ()))
    own = given.get("weights", "pretrained").startswith(("init", "shuffled")) or given["network"] in VARIANTS
    if not own and not drawn:
        refuse(given, "seed", "with weights that are given: leave it out, or choose --weights init or shuffled")


def check_settings(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raise `FechnerError` for a setting that what is measured along or averaged over replaces."""
    changed, along = given.get("settings", {}), given.get("along", "orientation")
    if not changed:
        return {}
    shown = call(makers.presented, {}, given)
    if along in changed:
        raise FechnerError(f"--set {along} does nothing along {along}: leave it out, or give --values")
    aperture = getattr(shown, "aperture", "soft")
    for name, used in (("edge", aperture == "soft"), ("radius", aperture != "none")):
        if name in changed and not used:
            raise FechnerError(
                f"--set {name} does nothing with aperture {aperture}: leave it out, or choose aperture=soft"
            )
    phase = ["phase"] if along != "phase" and "phase" in parameters(shown) else []
    for name in given.get("average", phase):
        if name in changed:
            raise FechnerError(
                f"--set {name} does nothing, because {name} is averaged over: leave it out, or give --average "
                f"{name}={float(changed[name])}"
            )
    return {}


def check_learn(given: Mapping[str, Any]) -> None:
    """Refuse what the command cannot give, or what does nothing."""
    engine = given.get("engine", "flow")
    if engine == "minibatch":
        raise FechnerError(
            "--engine minibatch draws from patches, which only Python can give (Stage.data); choose flow, descent or adam"
        )
    refuse(given, "batch", "without engine minibatch, which is of Python alone")
    if engine != "flow":
        refuse(given, "tolerance", f"with engine {engine}: it is that of flow")


def check_train(given: Mapping[str, Any]) -> None:
    """Raise `FechnerError` for options of what is not removed, not recorded or not trained."""
    if "remove" not in given:
        refuse(given, "band keep", "without --remove, which says at which orientations")
    if given.get("record") == "none":
        refuse(given, "per_epoch layers", "with --record none")
    if given.get("evaluate"):
        recipe: Any = makers.recipe
        trained = [*recipe.__signature__.parameters, "record", "per_epoch", "layers", "resume", "checkpoints", "out"]
        refuse(given, " ".join(trained), "with --evaluate, which trains and writes nothing")
        if given.get("weights", "init") != "init" and "resample" not in given:
            refuse(given, "seed", "with --evaluate of given weights")
    if given.get("devices", "auto") not in ("auto", os.environ.get("LOCAL_WORLD_SIZE", given.get("devices"))):
        refuse(given, "devices", "under torchrun, which started the processes: give --nproc-per-node to torchrun")


def preview(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """What `train` calls with images upright and under the condition."""
    path = expanded(given.get("out", "training")) / "images.png"

    def show(upright: Tensor, seen: Tensor) -> None:
        sheet = contact_sheet.of_conditions(upright, seen, str(call(Condition, {}, given)))
        style.write(sheet, path, ("png",))
        say(f"drew {path}: what the network sees")

    return {"show": show}


def trained(result: Any, given: Mapping[str, Any]) -> str:
    """How accurate the network is, and where the result of its training is."""
    where = f" after training on {result.attrs['training_images']}; see {given.get('out', 'training')}"
    return (
        f"accuracy {float(result.validation_accuracy[-1]):.1%} of {len(result.attrs['classes'].split(', '))} classes, "
        f"in {result.attrs['validation_images']} images" + ("" if given.get("evaluate") else where)
    )


def check_networks(given: Mapping[str, Any]) -> None:
    """Raise `FechnerError` for a pattern that no name matches."""
    if not fechner.list_networks(given.get("pattern", "*")):
        raise FechnerError(f"no network matches '{given['pattern']}'; `fechner networks` lists all")


def check_reproduce(given: Mapping[str, Any]) -> None:
    """Raise `FechnerError` for options of figures that are not made."""
    figures = given.get("figures", ["all"])
    wanted = set(FIGURES) if "all" in figures else set(figures)
    if "fig3" not in wanted:
        refuse(given, "checkpoints", "without fig3")
    if wanted <= {"fig6", "trained"}:
        refuse(given, "images", "without a figure that measures photographs (fig1, fig2, fig3, fig5)")
    if "trained" not in wanted:
        refuse(given, "trainings", "without trained")


VERBS = (
    Verb(fechner.sensitivity, made=PRESENTED, out="curves.nc", check=check_sensitivity, adds=check_settings),
    Verb(fechner.image_statistics, "statistics", out="prior.nc"),
    Verb(fechner.compare, records=comparison.records),
    Verb(fechner.difference, out="difference.nc", after="upright"),
    Verb(statistics.principal_components, "components", out="components.nc"),
    Verb(
        learning.learn,
        made={"network": learning.LinearNetwork, "stages": makers.natural},
        out="learned.nc",
        check=check_learn,
    ),
    Verb(learning.learn_labels, made=LEARNER, out="labels.nc"),
    Verb(fechner.train, made=TRAINING, check=check_train, adds=preview, says=trained),
    Verb(fechner.list_networks, "networks", check=check_networks),
    Verb(listing.layers),
    Verb(listing.stimuli, out="stimuli.png"),
    Verb(fechner.draw, out="figure.svg"),
    Verb(fechner.report),
    Verb(
        paper.reproduce,
        check=check_reproduce,
        says=lambda result, given: f"see {given.get('out', 'results')}/index.html",
    ),
)

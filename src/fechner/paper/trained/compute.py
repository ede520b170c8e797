"""Networks trained on manipulated images: Figure 2's rotated networks, Figure 3 d, and sensitivity along training.

Benjamin et al. (2022), Figs. 2 and 3d: change the statistics of the training images, and sensitivity must follow. Here
trainings are read, not run: the results that `fechner train` wrote. Each is a node of the figure's DataTree, as in
/orientation/trainings/NAME; what tells it apart (network, mirrored, size, epochs, condition, seed) are its coordinates.
How often orientations or hues occur in the images of CIFAR-10, which ships with the package, is the node
/orientation/density or /hue/density. `pairs` selects.
"""

from __future__ import annotations

import xarray as xr

from fechner import contents, results
from fechner.errors import FechnerError, printable
from fechner.paper.run import Run
from fechner.paper.trained.files import coordinates, files, reduced, setup_of
from fechner.statistics import SHIPPED, shipped

PROFILES = ("quick", "paper")


def compute(run: Run) -> xr.DataTree:
    """All trainings in a folder, and the densities of their images."""
    attributes = {
        "figure": "trained",
        "along": "orientation",
        "images": "CIFAR-10",
        "photographs": 0,
        "noise_model": results.UNIT_GAUSSIAN,
    }
    nodes = {"/": xr.Dataset(attrs=results.provenance("figure") | attributes)}
    names: dict[tuple[object, ...], str] = {}
    for name, path in files(run.trainings).items():
        recorded = results.read(path)
        try:
            with contents.complete(recorded):
                node, along = reduced(recorded), recorded.attrs["along"]
                node = node.assign_coords(coordinates(recorded.attrs))
        except FechnerError as e:
            raise FechnerError(f"'{path}' cannot be part of the figure: {e}") from None
        setup, condition, seed = setup_of(node), node.condition.item(), node.seed.item()
        if (same := names.setdefault((along, setup, condition, seed), name)) != name:
            raise FechnerError(
                f"'{same}' and '{name}' are both trainings of {setup.label}, {condition}, with seed {seed}: leave one out"
            )
        nodes[f"{along}/trainings/{printable(name)}"] = node
    measured = {str(along) for along, *_ in names}
    curves = ["density", "density_low", "density_high"]
    nodes |= {
        f"{along}/density": shipped("cifar10", along)[curves] for along in SHIPPED["cifar10"] if along in measured
    }
    run.say(f"{len(names)} trainings in {run.trainings}")
    if not any(along == "orientation" for along, *_ in names):
        raise FechnerError(f"no training in '{run.trainings}' recorded orientation")
    return xr.DataTree.from_dict(nodes)

"""What the published notebooks do otherwise, and how much it changes.

Sensitivity of EfficientNet-Lite0 to orientation is measured in each way beside ours; printed are, for the last third of
the blocks, the lowest correlation of both curves, the largest difference of relative sensitivity at an orientation, and
the ratio of cardinal to oblique √J.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
import xarray as xr
from torch import Tensor

import fechner
from fechner.comparison import contrast
from fechner.learning import LinearNetwork, readouts
from fechner.networks import Network, trace
from fechner.statistics import principal_components
from fechner.stimuli import Grating

VALUES, PHASES = 60, 10
GABOR = fechner.Gabor()
PUBLISHED = fechner.Gabor(sigma=0.5)
_LARGER = fechner.Gabor(size=GABOR.size + 1)


def in_minus_one_to_one(orientation: Tensor, phase: Tensor) -> Tensor:
    """A Gabor in [−1, 1], which the network normalises as if it lay in [0, 1]."""
    return 2 * GABOR(orientation=orientation, phase=phase) - 1


def rescaled(orientation: Tensor, phase: Tensor) -> Tensor:
    """Every image by its own minimum and maximum."""
    images = GABOR(orientation=orientation, phase=phase)
    low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    return (images - low) / (high - low)


def off_centre(orientation: Tensor, phase: Tensor) -> Tensor:
    """By half a pixel in both directions."""
    return _LARGER(orientation=orientation, phase=phase)[..., 1:, 1:]


def cut(orientation: Tensor, phase: Tensor) -> Tensor:
    """With an envelope that the border cuts at 8 %."""
    return PUBLISHED(orientation=orientation, phase=phase)


def run() -> None:
    """Items 1 to 4 and 7c of the list in the documentation."""
    network = fechner.load("efficientnet_lite0")
    ours = _curves(network, GABOR)
    print(f"ours: {_ratio(ours)}", flush=True)
    in_place(network)
    _say("one phase", ours, _curves(network, GABOR, phases=1))
    closed = np.append(np.arange(VALUES) * 180.0 / VALUES, 180.0)
    _say("both ends of the circle", ours, _curves(network, GABOR, closed).isel(orientation=slice(VALUES)))
    for stimulus in (in_minus_one_to_one, rescaled, off_centre, cut):
        _say(stimulus.__name__.replace("_", " "), ours, _curves(network, stimulus))
    first_matrix()


def first_matrix() -> None:
    """Thresholds for spatial frequency of two matrices that reconstruct patches, and of the first one, transposed."""
    pca = principal_components(number=20_000, size=16, progress=False)
    variance = torch.as_tensor(pca.variance.values)
    network = LinearNetwork(2, scale=0.01)
    first, second = network.weights(len(variance), len(variance), variance.dtype, variance.device)
    rate = 0.25 / variance.max()
    for _ in range(20_000):
        error = (second @ first - torch.eye(len(variance))) * variance
        first, second = first - rate * second.T @ error, second - rate * error @ first.T
    maps = torch.stack([network.map([first, second]), first.T])
    learned = xr.Dataset({"end_to_end": (("step", "output", "component"), maps.numpy())}, {"step": [0, 1]})
    grating = Grating(size=16, channels=1, orientation=90, aperture="none")
    frequency = np.linspace(2, 40, 20)
    found = readouts.fisher_information_of_maps(learned, pca, grating, "spatial_frequency", frequency, {"phase": 10})
    ours, theirs = found.mean("phase").values ** -0.5
    print(
        f"first matrix transposed: correlation of thresholds along frequency {np.corrcoef(ours, theirs)[0, 1]:.2f}; "
        f"highest over lowest threshold {ours.max() / ours.min():.1f} end to end, {theirs.max() / theirs.min():.1f} so",
        flush=True,
    )


def in_place(network: Network) -> None:
    """What a normalisation returns, against what the activation that follows makes of it."""
    layers = trace(network, torch.rand(1, 3, GABOR.size, GABOR.size))
    pairs = [
        (a.name, b.name) for a, b in itertools.pairwise(layers) if a.kind.startswith("BatchNorm") and "ReLU" in b.kind
    ]
    curves = _curves(network, GABOR, layers=",".join(n for p in pairs for n in p)).relative_sensitivity
    before, after = (curves.sel(layer=[p[i] for p in pairs]).values for i in (0, 1))
    r = [np.corrcoef(a, b)[0, 1] for a, b in zip(before, after, strict=True)]
    most = np.abs(before - after).max(1)
    print(
        f"overwritten in place: {len(pairs)} layers, correlation of both curves {np.median(r):.2f} (lowest {min(r):.2f}), "
        f"largest difference of relative sensitivity, median {np.median(most):.2f}, at most {most.max():.2f}",
        flush=True,
    )


def _curves(
    network: Network, stimulus: object, values: object = VALUES, phases: int = PHASES, layers: str = "blocks"
) -> xr.Dataset:
    return fechner.sensitivity(
        network, stimulus, values=values, average={"phase": phases}, layers=layers, progress=False
    )


def _late(curves: xr.Dataset) -> np.ndarray:
    relative = curves.relative_sensitivity.values[1:]
    return relative[-(len(relative) // 3) :]


def _ratio(curves: xr.Dataset) -> str:
    late = _late(curves)
    ratio = contrast(late, "orientation", curves.orientation.values, np.ones(late.shape[1]))
    return f"cardinal over oblique √J of late layers {np.exp(np.log(ratio).mean()):.2f}"


def _say(name: str, ours: xr.Dataset, theirs: xr.Dataset) -> None:
    one, other = _late(ours), _late(theirs)
    r = min(np.corrcoef(a, b)[0, 1] for a, b in zip(one, other, strict=True))
    print(
        f"{name}: correlation {r:.3f}, largest difference {np.abs(one - other).max():.2f}, {_ratio(theirs)}", flush=True
    )

"""Whether a network responds the same when the same image is presented again, and when it is presented alone.

Random numbers in evaluation, state between calls, and normalisation over the batch all make curves that are not those of
the network. What float32 finds is confirmed in float64 before a layer is accused: rounding errors shrink there, and faults
do not. The probe calls this before it looks at derivatives. Tests: tests/fisher/test_trust.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fechner.errors import FechnerError, first_line
from fechner.fisher.difference_check import in_double
from fechner.fisher.passes import responses
from fechner.networks import Layer, Network

# Relative difference of two responses that should be the same; graphics processors may round to ten bits.
_ALIKE, _ALIKE_ROUNDED = 1e-4, 1e-2
# A difference that shrinks to less than this share from float32 to float64 was rounding.
_SHRINKS = 1e-5
# The number of images in a large batch.
_CROWD = 16

Responses = Mapping[str, Tensor]


@dataclass(frozen=True)
class Repetition:
    """Two images, and the first responses of these layers to them, with one row for each image.

    Its methods return the names of layers that respond differently, each with the relative difference.
    """

    network: Network
    layers: Mapping[str, Layer]
    images: Tensor
    first: Responses

    def not_repeated(self) -> dict[str, float]:
        """Layers that respond differently when the images are presented again."""
        return self._confirmed(self.differs_from(responses(self.network, self.layers, self.images)))

    def not_alone(self) -> dict[str, float]:
        """Layers that respond differently to the second image alone, or to both in a larger batch."""
        try:
            alone = responses(self.network, self.layers, self.images[1:])
        except Exception as e:
            raise FechnerError(
                f"{self.network.name} runs on two images and not on one ({first_line(e)}): its responses depend on "
                "the other images of a batch; give a network that treats every image alone"
            ) from e
        differing = self._differing(_second(self.first), alone)
        if not differing:
            try:
                crowd = self.images[torch.arange(_CROWD) % 2]
                return self.differs_from(responses(self.network, self.layers, crowd, first=2))
            except (MemoryError, RuntimeError):
                # The sweep takes smaller batches where memory runs out.
                return {}
        return self._confirmed(differing, alone=True)

    def differs_from(self, other: Responses) -> dict[str, float]:
        """Layers whose first responses are not these."""
        return self._differing(self.first, other)

    def is_random(self, name: str) -> bool:
        """Whether PyTorch's seed decides how a layer responds."""
        seeded = []
        for _ in range(2):
            with torch.random.fork_rng(devices=[self.images.device] if self.images.device.type == "cuda" else []):
                torch.manual_seed(0)
                seeded.append(responses(self.network, self.layers, self.images))
        return name not in self._differing(*seeded)

    def _differing(self, expected: Responses, actual: Responses) -> dict[str, float]:
        rounded = self.images.dtype in (torch.float16, torch.bfloat16) or self.images.device.type != "cpu"
        return _differences(expected, actual, _ALIKE_ROUNDED if rounded else _ALIKE)

    def _confirmed(self, differing: dict[str, float], alone: bool = False) -> dict[str, float]:
        """The layers that respond differently in float64 too: when images are presented again, or the second one alone."""
        run = in_double(self.network) if differing else None
        if run is None:
            return differing
        images = self.images.double()
        try:
            both, other = (
                responses(self.network, self.layers, i, run) for i in (images, images[1:] if alone else images)
            )
        except Exception:
            # The network does not run in float64, so that the finding in float32 stands.
            return differing
        doubled = _differences(_second(both) if alone else both, other, 0.0)
        return {
            name: difference
            for name, difference in differing.items()
            if not (np.isfinite(difference) and doubled.get(name, 0.0) <= _SHRINKS * difference)
        }


def _second(of_two: Responses) -> dict[str, Tensor]:
    return {name: response[1:] for name, response in of_two.items()}


def _differences(expected: Responses, actual: Responses, alike: float) -> dict[str, float]:
    """The distance of two responses relative to the first, for the layers where it is more than `alike`."""
    differences: dict[str, float] = {}
    for name, response in expected.items():
        second = actual.get(name)
        if second is None or second.numel() != response.numel():
            differences[name] = float("inf")
            continue
        size = float(torch.linalg.vector_norm(response))
        distance = float(torch.linalg.vector_norm(response.flatten() - second.flatten()))
        if np.isfinite(size) and not distance <= alike * size:
            differences[name] = distance / size if size and np.isfinite(distance) else float("inf")
    return differences

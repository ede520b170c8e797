"""Whether a network responds the same when the same image is shown again, and when it is shown alone.

Random numbers in evaluation, state between calls, and normalisation over the batch all make curves that are not those of
the network. What float32 shows is confirmed in float64 before a layer is accused: rounding errors shrink there, faults do
not.
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
# What shrinks to less than this share from float32 to float64 was rounding.
_SHRINKS = 1e-5
# Images in a large batch.
_CROWD = 16


@dataclass(frozen=True)
class Repetition:
    """Two images, and what these layers returned for them at first, one a row for each image."""

    network: Network
    layers: Mapping[str, Layer]
    images: Tensor
    first: Mapping[str, Tensor]

    def not_repeated(self) -> dict[str, float]:
        """Layers that respond differently when the images are shown again, and by how much of their response."""
        found = self._apart(self.first, responses(self.network, self.layers, self.images))
        run = in_double(self.network) if found else None
        if run is None:
            return found
        doubled = self.images.double()
        try:
            one, other = (responses(self.network, self.layers, doubled, run) for _ in range(2))
        except Exception:
            # The network does not run in float64; what float32 shows stands.
            return found
        return _kept(found, _apart(one, other, 0.0))

    def not_alone(self) -> dict[str, float]:
        """Layers that respond differently to the second image alone, or to both in a larger batch, and by how much."""
        try:
            alone = responses(self.network, self.layers, self.images[1:])
        except Exception as e:
            raise FechnerError(
                f"{self.network.name} runs on two images and not on one ({first_line(e)}): its responses depend on "
                "the other images of a batch; give a network that treats every image alone"
            ) from e
        found = self._apart(_second(self.first), alone)
        if not found:
            try:
                crowd = self.images[torch.arange(_CROWD) % 2]
                return self._apart(self.first, responses(self.network, self.layers, crowd, first=2))
            except (MemoryError, RuntimeError):
                # The sweep takes smaller batches where memory runs out.
                return {}
        run = in_double(self.network) if found else None
        if run is None:
            return found
        doubled = self.images.double()
        try:
            together, alone = (responses(self.network, self.layers, d, run) for d in (doubled, doubled[1:]))
        except Exception:
            return found
        return _kept(found, _apart(_second(together), alone, 0.0))

    def differs_from(self, other: Mapping[str, Tensor]) -> dict[str, float]:
        """Layers whose responses are not these, and by how much."""
        return self._apart(self.first, other)

    def is_random(self, name: str) -> bool:
        """Whether PyTorch's seed decides how a layer responds."""
        runs = []
        for _ in range(2):
            with torch.random.fork_rng(devices=[self.images.device] if self.images.device.type == "cuda" else []):
                torch.manual_seed(0)
                runs.append(responses(self.network, self.layers, self.images))
        return name not in self._apart(*runs)

    def _apart(self, one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> dict[str, float]:
        rounded = self.images.dtype in (torch.float16, torch.bfloat16) or self.images.device.type != "cpu"
        return _apart(one, other, _ALIKE_ROUNDED if rounded else _ALIKE)


def _second(of_two: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: response[1:] for name, response in of_two.items()}


def _kept(found: Mapping[str, float], confirmed: Mapping[str, float]) -> dict[str, float]:
    """What float64 shows as well: what shrinks there was rounding."""
    return {name: d for name, d in found.items() if not (np.isfinite(d) and confirmed.get(name, 0.0) <= _SHRINKS * d)}


def _apart(one: Mapping[str, Tensor], other: Mapping[str, Tensor], alike: float) -> dict[str, float]:
    """How far apart two responses are, relative to the first, where they are more than `alike`."""
    found: dict[str, float] = {}
    for name, response in one.items():
        second = other.get(name)
        if second is None or second.numel() != response.numel():
            found[name] = float("inf")
            continue
        size = float(torch.linalg.vector_norm(response))
        distance = float(torch.linalg.vector_norm(response.flatten() - second.flatten()))
        if np.isfinite(size) and not distance <= alike * size:
            found[name] = distance / size if size and np.isfinite(distance) else float("inf")
    return found

"""Label noise: the information of a label about its stimulus, in bits, and the noise that balances it against frequency.

A `Channel` says what noise does to a label; `Exposure` says how much of it each stimulus has. Information is the entropy
that a label takes away when all K classes are equally likely beforehand: log₂K − H(label | θ) bits for flipped labels, and
(1 − e) log₂K for labels of which a share e is missing. tests/learning/test_labels.py derives it
from `matrix` instead.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import elementwise
from scipy.special import entr
from torch import Tensor

from fechner.arguments import AboveZero, Count, Whole, array, check_fields, checked
from fechner.errors import FechnerError
from fechner.limits import check_memory

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Channel(ABC):
    """What happens to the label of a stimulus, with a probability that may depend on the stimulus: its noise.

    `Erasure` and `Flips` are the two channels there are; noise lies in [0, 1].
    """

    classes: Annotated[int, Whole(2)] = 60

    def __post_init__(self) -> None:
        check_fields(self)

    def _of_classes(self, noise: npt.ArrayLike) -> Array:
        """The noise of every class (classes,); `FechnerError` if a matrix of all classes does not fit into memory."""
        check_memory(24.0 * self.classes**2, f"{self.classes} × {self.classes} probabilities", "take fewer classes")
        values = _noise(noise)
        if values.shape not in ((), (1,), (self.classes,)):
            raise FechnerError(f"noise must be one number or {self.classes}, one a class, got shape {values.shape}")
        return np.broadcast_to(values, self.classes)

    @property
    @abstractmethod
    def worst(self) -> float:
        """The noise at which a label has the least information; beyond it, information grows again."""

    @abstractmethod
    def matrix(self, noise: npt.ArrayLike) -> Array:
        """P(label | class) under this noise (classes, labels); labels that can be missing have one more column."""

    @abstractmethod
    def information(self, noise: npt.ArrayLike) -> Array:
        """The information of a label about its stimulus in bits, exactly: from 0 to log₂K.

        Raises `FechnerError` for noise outside [0, 1].
        """

    @abstractmethod
    def signal(self, noise: npt.ArrayLike) -> Array:
        """The share of the labels' signal that noise leaves: the length of E[one-hot label | θ] − 1/K, relative to no noise.

        Gradients of the cross-entropy at a uniform output are linear in this vector, so the share is that of learning speed,
        to first order.
        """

    @abstractmethod
    def corrupt(self, labels: Tensor, noise: Tensor, chance: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        """Labels after noise, and their weights in the loss; `chance` and `which` are uniform in [0, 1)."""


@dataclass(frozen=True)
class Erasure(Channel):
    """The label is missing and the stimulus adds nothing to the loss (Benjamin et al. 2022, Fig. 6).

    >>> Erasure(classes=64).information([0.0, 0.5])
    array([6., 3.])
    """

    @property
    def worst(self) -> float:
        return 1.0

    def matrix(self, noise: npt.ArrayLike) -> Array:
        noise = self._of_classes(noise)
        return np.column_stack([np.diag(1 - noise), noise])

    def information(self, noise: npt.ArrayLike) -> Array:
        return (1 - _noise(noise)) * math.log2(self.classes)

    def signal(self, noise: npt.ArrayLike) -> Array:
        return 1 - _noise(noise)

    def corrupt(self, labels: Tensor, noise: Tensor, chance: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        return labels, (chance >= noise).to(noise.dtype)


@dataclass(frozen=True)
class Flips(Channel):
    """The label is that of another class: any, or one at most `reach` classes away.

    >>> Flips(classes=64).information([0.0, 63 / 64])
    array([6., 0.])
    """

    reach: Count | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reach is not None and self.reach > (self.classes - 1) // 2:
            raise FechnerError(
                f"reach must lie in [1, {(self.classes - 1) // 2}] with {self.classes} classes, got {self.reach}"
            )

    @property
    def wrong(self) -> int:
        """How many wrong labels there are to flip to."""
        return self.classes - 1 if self.reach is None else 2 * self.reach

    @property
    def worst(self) -> float:
        return self.wrong / (self.wrong + 1)

    def matrix(self, noise: npt.ArrayLike) -> Array:
        noise = self._of_classes(noise)
        distance = np.subtract.outer(np.arange(self.classes), np.arange(self.classes)) % self.classes
        distance = np.minimum(distance, self.classes - distance)
        reached = (distance > 0) & (distance <= (self.reach or self.classes))
        return np.where(distance == 0, 1 - noise[:, None], reached * (noise / self.wrong)[:, None])

    def information(self, noise: npt.ArrayLike) -> Array:
        noise = _noise(noise)
        nats = entr(1 - noise) + entr(noise) + noise * math.log(self.wrong)
        return np.maximum(math.log2(self.classes) - nats / math.log(2), 0)

    def signal(self, noise: npt.ArrayLike) -> Array:
        noise = _noise(noise)
        length = (1 - noise) ** 2 + noise**2 / self.wrong - 1 / self.classes
        return np.sqrt(np.maximum(length, 0) / (1 - 1 / self.classes))

    def corrupt(self, labels: Tensor, noise: Tensor, chance: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        step = (which * self.wrong).long().clamp(max=self.wrong - 1)
        # Any other class is 1 to K − 1 further around the circle; a neighbour is 1 to `reach` further or back.
        offset = step + 1 if self.reach is None else torch.where(step < self.reach, step + 1, self.reach - 1 - step)
        flipped = (labels + offset) % self.classes
        return torch.where(chance < noise, flipped, labels), torch.ones_like(noise)


@checked
def balanced_noise(density: npt.ArrayLike, channel: Channel, total: AboveZero | None = None) -> Array:
    """The noise at which density × information is the same for every stimulus, so that frequency alone differs.

    >>> balanced_noise([0.1, 0.2], Erasure())
    array([0. , 0.5])

    Args:
        density: the density of stimuli, at values of your choice.
        channel: the channel of the labels.
        total: the value that density × information is to have, in bits × the units of density; by default the largest
            that is possible, at which the labels of the rarest stimuli have no noise.

    Raises:
        FechnerError: for a density that is negative or zero somewhere, and if no noise balances it. Then the labels of the
            rarest stimuli would need more than log₂K bits, or those of the most frequent ones fewer than the channel allows.
    """
    density = _density(density)
    if density.min() == 0:
        raise FechnerError("no noise balances a density that is 0 somewhere: labels never given carry no information")
    most, least = (float(channel.information(n)) for n in (0.0, channel.worst))
    total = density.min() * most if total is None else total
    needed = total / density
    if needed.max() > most * (1 + 1e-9):
        raise FechnerError(
            f"no noise balances this: total {total:g} asks for {needed.max():.3g} bits of the rarest labels, and "
            f"{channel.classes} classes have {most:.3g}; lower total to at most {density.min() * most:g}"
        )
    if needed.min() < least * (1 - 1e-9):
        raise FechnerError(
            f"no noise balances this: the most frequent labels would have to say as little as {needed.min():.3g} bits, and "
            f"with this channel they say at least {least:.3g}; flatten the density"
            + (
                f", give total {density.max() * least:g} or more"
                if density.max() * least <= density.min() * most
                else ""
            )
            + (", or flip further (reach)" if isinstance(channel, Flips) and channel.reach else "")
        )
    needed = np.clip(needed, least, most)

    def excess(noise: Array, bits: Array) -> Array:
        return channel.information(noise) - bits

    ends = (np.zeros_like(needed), np.full_like(needed, channel.worst))
    return np.asarray(elementwise.find_root(excess, ends, args=(needed,)).x)


@checked
def published_noise(density: npt.ArrayLike, b: float = 1.3, a: float = 0.15) -> Array:
    """The noise of erasure as published by Benjamin et al. (2022, Fig. 6d), from a density per degree of orientation.

    >>> published_noise([1 / 360, 3 / 360]).round(3)
    array([0.009, 0.309])

    A label is missing with the probability whose binary entropy is H = b (1 − a/p), p being the density per radian. This was
    meant to make p (1 − H) constant, which needs b = 1. The density times the share of labels left varies 2.09-fold for
    the published density. Raises `FechnerError` for a density at which H leaves [0, 1].
    """
    density = _density(density)
    entropy = b * (1 - a / np.maximum(density * 180 / np.pi, 1e-12))
    if entropy.min() < 0 or entropy.max() > 1:
        raise FechnerError(
            f"the published noise needs b (1 − a/p) in [0, 1], got {entropy.min():.3g} to {entropy.max():.3g}; "
            "use balanced_noise"
        )
    ends = (np.zeros_like(entropy), np.full_like(entropy, 0.5))
    root = elementwise.find_root(lambda n, h: (entr(n) + entr(1 - n)) / math.log(2) - h, ends, args=(entropy,))
    return np.asarray(root.x)


@checked
def imbalance(density: npt.ArrayLike, channel: Channel, noise: npt.ArrayLike) -> float:
    """How unbalanced a noise is: the largest density × information divided by the smallest.

    >>> imbalance([0.1, 0.2], Erasure(), [0.0, 0.5])
    1.0

    1 is balanced; infinity if some stimulus has no information.
    """
    total = _density(density) * channel.information(noise)
    return float(total.max() / total.min()) if total.min() > 0 else math.inf


@checked
def specific_information(frequency: npt.ArrayLike, channel: Channel, noise: npt.ArrayLike) -> Array:
    """The information of each class in bits under the actual frequencies: Σ_y P(y|c) log₂ P(y|c)/P(y).

    >>> specific_information([0.25, 0.75], Erasure(classes=2), 0.0).round(3)
    array([2.   , 0.415])

    Its mean over `frequency` (classes,) is the mutual information of classes and labels. Unlike `Channel.information` it
    depends on the frequencies: a rare label has more information, and even a missing one has some.
    """
    weights = _density(frequency)
    if weights.shape != (channel.classes,):
        raise FechnerError(f"frequency must hold {channel.classes} numbers, one a class, got shape {weights.shape}")
    conditional = channel.matrix(noise)
    marginal = weights @ conditional / weights.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(conditional > 0, conditional * np.log2(conditional / marginal), 0)
    return np.asarray(terms.sum(1))


def _density(density: npt.ArrayLike) -> Array:
    """A density as an array; `FechnerError` if it is none."""
    values = array("density", density)
    if not values.size or values.min() < 0 or not values.any():
        raise FechnerError("a density must be finite and not negative, and somewhere greater than 0")
    return values


def _noise(noise: npt.ArrayLike) -> Array:
    """Probabilities as an array; `FechnerError` if they are none."""
    values = array("noise", noise)
    if not values.size or values.min() < 0 or values.max() > 1:
        bad = next((f"{v:g}" for v in values[(values < 0) | (values > 1)]), "none")
        raise FechnerError(f"noise is a probability and must lie in [0, 1], got {bad}")
    return values

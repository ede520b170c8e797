"""Label noise: what labels say about orientation, in bits, and the noise that makes every orientation say equally much.

Information is the entropy that a label takes away when all K classes are equally likely beforehand: log₂K − H(label | θ)
bits for flipped labels, (1 − e) log₂K for labels of which a share e is missing.
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
    """What happens to the label of a stimulus, with a probability that may depend on the stimulus: its noise."""

    classes: Annotated[int, Whole(2)] = 60

    def __post_init__(self) -> None:
        check_fields(self)

    def _of_classes(self, noise: npt.ArrayLike) -> Array:
        """The noise of every class; `FechnerError` where their matrix cannot fit."""
        check_memory(24.0 * self.classes**2, f"{self.classes} × {self.classes} probabilities", "take fewer classes")
        values = _noise(noise)
        if values.shape not in ((), (1,), (self.classes,)):
            raise FechnerError(f"noise must be one number or {self.classes}, one a class, got shape {values.shape}")
        return np.broadcast_to(values, self.classes)

    @property
    @abstractmethod
    def worst(self) -> float:
        """The noise at which a label says least; more noise than that would say more again."""

    @abstractmethod
    def matrix(self, noise: npt.ArrayLike) -> Array:
        """P(label | class) for a noise of every class (classes, labels); a column more where labels can be missing."""

    @abstractmethod
    def information(self, noise: npt.ArrayLike) -> Array:
        """Bits that a label gives about its stimulus, exactly; 0 to log₂K.

        Raises `FechnerError` for noise outside [0, 1].
        """

    @abstractmethod
    def signal(self, noise: npt.ArrayLike) -> Array:
        """What noise leaves of the expected label: the length of E[one-hot label | θ] − 1/K, relative to no noise.

        Gradients of the cross-entropy at a uniform output are linear in it, so it is learning speed to first order.
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
        apart = np.subtract.outer(np.arange(self.classes), np.arange(self.classes)) % self.classes
        apart = np.minimum(apart, self.classes - apart)
        reached = (apart > 0) & (apart <= (self.reach or self.classes))
        return np.where(apart == 0, 1 - noise[:, None], reached * (noise / self.wrong)[:, None])

    def information(self, noise: npt.ArrayLike) -> Array:
        noise = _noise(noise)
        left = entr(1 - noise) + entr(noise) + noise * math.log(self.wrong)
        return np.maximum(math.log2(self.classes) - left / math.log(2), 0)

    def signal(self, noise: npt.ArrayLike) -> Array:
        noise = _noise(noise)
        length = (1 - noise) ** 2 + noise**2 / self.wrong - 1 / self.classes
        return np.sqrt(np.maximum(length, 0) / (1 - 1 / self.classes))

    def corrupt(self, labels: Tensor, noise: Tensor, chance: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        step = (which * self.wrong).long().clamp(max=self.wrong - 1)
        # Any other class is 1 … K − 1 further; a neighbour 1 … reach further or back.
        offset = step + 1 if self.reach is None else torch.where(step < self.reach, step + 1, self.reach - 1 - step)
        flipped = (labels + offset) % self.classes
        return torch.where(chance < noise, flipped, labels), torch.ones_like(noise)


@checked
def balanced_noise(density: npt.ArrayLike, channel: Channel, total: AboveZero | None = None) -> Array:
    """The noise that makes density × information the same at every stimulus: frequency without more information.

    >>> balanced_noise([0.1, 0.2], Erasure())
    array([0. , 0.5])

    Args:
        density: of stimuli, at points of your choice.
        channel: of the labels.
        total: what density × information is to be, in bits × the units of density; by default the most that there can
            be, at which the labels of the rarest stimuli have no noise.

    Raises:
        FechnerError: for a density that is negative or zero somewhere, and where no noise balances it: the rarest
            stimuli would have to say more than log₂K bits, or the most frequent ones less than the channel can.
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
    """Erasure as published, from a density per degree of orientation: binary entropy H = b (1 − a/p), p per radian.

    Meant to make p (1 − H) constant, which needs b = 1 (Benjamin et al. 2022, Fig. 6d). Labels are missing with the
    probability whose binary entropy is H, so that p times the share of labels left varies 2.09-fold for the published
    density.

    Raises `FechnerError` for a density where H leaves [0, 1].
    """
    density = _density(density)
    entropy = b * (1 - a / np.maximum(density * 180 / np.pi, 1e-12))
    if entropy.min() < 0 or entropy.max() > 1:
        raise FechnerError(
            f"the published noise needs b (1 − a/p) in [0, 1], got {entropy.min():.3g} to {entropy.max():.3g}; "
            "use balanced_noise"
        )
    found = elementwise.find_root(
        lambda n, h: (entr(n) + entr(1 - n)) / math.log(2) - h,
        (np.zeros_like(entropy), np.full_like(entropy, 0.5)),
        args=(entropy,),
    )
    return np.asarray(found.x)


@checked
def imbalance(density: npt.ArrayLike, channel: Channel, noise: npt.ArrayLike) -> float:
    """How unbalanced a noise is: the largest density × information over the least, 1 if balanced."""
    total = _density(density) * channel.information(noise)
    return float(total.max() / total.min()) if total.min() > 0 else math.inf


@checked
def specific_information(frequency: npt.ArrayLike, channel: Channel, noise: npt.ArrayLike) -> Array:
    """Bits of each class under the actual frequencies: Σ_y P(y|c) log₂ P(y|c)/P(y).

    Its mean over `frequency` (classes,) is the mutual information of classes and labels. Unlike `information` it counts
    that a rare label tells more, and that a missing one tells something.
    """
    weights = _density(frequency)
    if weights.shape != (channel.classes,):
        raise FechnerError(f"frequency must hold {channel.classes} numbers, one a class, got shape {weights.shape}")
    given = channel.matrix(noise)
    marginal = weights @ given / weights.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(given > 0, given * np.log2(given / marginal), 0)
    return np.asarray(terms.sum(1))


def _density(density: npt.ArrayLike) -> Array:
    values = array("density", density)
    if not values.size or values.min() < 0 or not values.any():
        raise FechnerError("a density must be finite and not negative, and somewhere greater than 0")
    return values


def _noise(noise: npt.ArrayLike) -> Array:
    values = array("noise", noise)
    if not values.size or values.min() < 0 or values.max() > 1:
        bad = [f"{v:g}" for v in values[(values < 0) | (values > 1)].flat[:1]] or ["none"]
        raise FechnerError(f"noise is a probability and must lie in [0, 1], got {bad[0]}")
    return values

"""Batches of images for training and validation, in an order that hangs on the seed and on nothing else.

Small images are decoded once, refined and kept in memory; large ones are decoded when they are needed, by worker
processes. What is random about an image is drawn from the seed and its number in the training, so that it does not
depend on how many processes there are, or on where a training was interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import lightning.pytorch as lightning
import numpy as np
import numpy.typing as npt
import psutil
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision.transforms.v2 import RandomResizedCrop
from torchvision.transforms.v2.functional import center_crop, resize, resized_crop

from fechner.errors import FechnerError
from fechner.progress import bar
from fechner.seeds import seeded
from fechner.statistics.stream import check_skipped
from fechner.statistics.workers import context
from fechner.training.labelled_images import EncodedImage, Labelled, Split
from fechner.training.view import FINER, refine

# Up to this size in pixels images are kept in memory, and moved instead of cropped and resized.
LARGEST_HELD = 64
_AT_ONCE = 512
# What the shorter side is resized to before the middle is taken, as torchvision does in evaluation.
_BEFORE_CROP = 256 / 224


class Batch(NamedTuple):
    """Images (B, 3, s, s) of 8 bits, refined or not; labels (B,); three random numbers each (B, 3); what was skipped."""

    images: Tensor
    labels: Tensor
    draws: Tensor
    skipped: dict[str, str]


class Held(Dataset[Batch]):
    """Refined images in memory. `skipped` says which could not be decoded, and why."""

    def __init__(self, split: Split, size: int, seed: int, name: str, progress: bool) -> None:
        self.seed = seed
        needed = len(split.labels) * 3 * (FINER * size) ** 2
        if needed > 0.7 * psutil.virtual_memory().available:
            raise FechnerError(
                f"{len(split.labels)} images of {size} pixels need {needed / 2**30:.1f} GiB of memory, more than is free; "
                f"choose a smaller size, or one above {LARGEST_HELD}, for which images are read when needed"
            )
        self.skipped: dict[str, str] = {}
        self.images = torch.empty(len(split.labels), 3, FINER * size, FINER * size, dtype=torch.uint8)
        kept = []
        with bar(progress, f"reading {name}", len(split.labels), "images") as progressing, ThreadPoolExecutor() as pool:
            for start in range(0, len(split.labels), _AT_ONCE):
                pictures = split.pictures[start : start + _AT_ONCE]
                tried = list(pool.map(lambda p: decoded(p, size), pictures))
                for i, (picture, found) in enumerate(zip(pictures, tried, strict=True)):
                    if isinstance(found, str):
                        self.skipped[picture.name] = found
                    else:
                        kept.append(start + i)
                check_skipped(self.skipped, len(split.labels))
                images = [d for d in tried if not isinstance(d, str)]
                if images:
                    fine = refine(torch.stack(images).float() / 255)
                    self.images[len(kept) - len(images) : len(kept)] = (fine * 255).round()
                progressing.update(len(pictures))
        self.images = self.images[: len(kept)]
        self.labels = torch.from_numpy(split.labels[kept])
        self.weights = None if split.weights is None else split.weights[kept] / split.weights[kept].sum()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitems__(self, numbers: Sequence[int]) -> Batch:
        chosen = torch.as_tensor(numbers) % len(self)
        return Batch(self.images[chosen], self.labels[chosen], _draws(self.seed, numbers), {})


class Streamed(Dataset[Batch]):
    """Images decoded when asked for: random parts of them for training, their middle for validation.

    One that cannot be decoded leaves its batch smaller.
    """

    def __init__(self, split: Split, size: int, seed: int, crop: bool) -> None:
        self.split, self.size, self.seed, self.crop = split, size, seed, crop
        self.weights = split.weights

    def __len__(self) -> int:
        return len(self.split.labels)

    def __getitems__(self, numbers: Sequence[int]) -> Batch:
        images, used, skipped = [], [], {}
        for number in numbers:
            picture = self.split.pictures[number % len(self)]
            found = decoded(picture, self.size, (self.seed, number) if self.crop else None)
            if isinstance(found, str):
                skipped[picture.name] = found
            else:
                images.append(found)
                used.append(number)
        if not images:
            raise FechnerError(f"no image of a whole batch can be decoded, among them {min(skipped)}")
        labels = torch.from_numpy(self.split.labels[np.array(used) % len(self)])
        return Batch(torch.stack(images), labels, _draws(self.seed, used), skipped)


def decoded(picture: EncodedImage, size: int, random: tuple[int, int] | None = None) -> Tensor | str:
    """The picture (3, size, size), its middle or a random part of it; or why it cannot be decoded."""
    try:
        image = torch.from_numpy(np.array(picture.pixels())).permute(2, 0, 1)
    except FechnerError as e:
        return str(e)
    if image.shape[1:] == (size, size) and random is None:
        return image
    if random is not None:
        with seeded(int(np.random.default_rng(random).integers(2**63))):
            # Of aspect ratio 1, as published: a stretched crop has other orientations.
            part = RandomResizedCrop(size, ratio=(1, 1), antialias=True).make_params([image])
        return resized_crop(
            image, part["top"], part["left"], part["height"], part["width"], [size, size], antialias=True
        )
    before = round(size * _BEFORE_CROP) if size > LARGEST_HELD else size
    return center_crop(resize(image, [before], antialias=True), [size, size])


def _draws(seed: int, numbers: Sequence[int]) -> Tensor:
    """Three uniform random numbers for each, the same wherever they are drawn."""
    drawn = [np.random.Generator(np.random.Philox(key=[seed, n])).random(3, dtype=np.float32) for n in numbers]
    return torch.from_numpy(np.stack(drawn))


class Shuffled(Sampler[int]):
    """Numbers of one process' share of n images, in an order that seed and epoch decide; modulo n they are indices.

    They are epoch × n + index. With `weights` images are drawn with replacement, with these probabilities, and numbers
    are (epoch × n + position) × n + index: an image that is drawn twice is moved and mirrored in two ways.
    """

    def __init__(self, count: int, seed: int, share: tuple[int, int], weights: npt.NDArray[np.float64] | None) -> None:
        self.count, self.seed, self.share, self.weights = count, seed, share, weights
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls it before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        # Equal for all processes: they must take the same number of steps.
        return self.count // self.share[1]

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng([self.seed, self.epoch])
        rank, world = self.share
        if self.weights is None:
            numbers = self.epoch * self.count + rng.permutation(self.count)
        else:
            drawn = rng.choice(self.count, self.count, p=self.weights)
            numbers = (self.epoch * self.count + np.arange(self.count)) * self.count + drawn
        return iter(numbers[rank::world][: len(self)].tolist())


class Images(lightning.LightningDataModule):
    """The batches of a training; `batch` counts images of all processes together."""

    def __init__(
        self,
        images: Labelled,
        size: int,
        batch: int,
        *,
        seed: int = 0,
        workers: int = 0,
        progress: bool = True,
    ) -> None:
        super().__init__()
        self.labelled, self.size, self.batch, self.seed, self.workers = images, size, batch, seed, workers
        self.progress = progress
        self.held = size <= LARGEST_HELD
        self.parts: dict[str, Held | Streamed] = {}

    def setup(self, stage: str) -> None:
        """Reads small images into memory, those for training only if there is training; Lightning calls it."""
        splits = {"training images": self.labelled.train} if stage == "fit" else {}
        for name, split in (splits | {"validation images": self.labelled.validation}).items():
            if self.held:
                self.parts[name] = Held(split, self.size, self.seed, name, self.progress)
            else:
                self.parts[name] = Streamed(split, self.size, self.seed, crop=split is self.labelled.train)

    @property
    def skipped(self) -> dict[str, str]:
        """Images that could not be decoded when they were read into memory, and why."""
        return {
            name: why for part in self.parts.values() if isinstance(part, Held) for name, why in part.skipped.items()
        }

    def train_dataloader(self) -> DataLoader[Batch]:
        """Every image once an epoch, or as often as its weight says."""
        part, share = self.parts["training images"], self._share
        return self._loader(part, Shuffled(len(part), self.seed, share, part.weights), share[1])

    def val_dataloader(self) -> DataLoader[Batch]:
        """Every image once, shared out among the processes."""
        part, (rank, world) = self.parts["validation images"], self._share
        count = len(part)
        if part.weights is None:
            shown: Sequence[int] = range(rank, count, world)
        else:
            drawn = np.random.default_rng(self.seed).choice(count, count, p=part.weights)
            shown = drawn[rank::world].tolist()
        return self._loader(part, shown, world)

    @property
    def _share(self) -> tuple[int, int]:
        assert self.trainer is not None
        return self.trainer.global_rank, self.trainer.world_size

    def _loader(self, part: Held | Streamed, sampler: Sampler[int] | Sequence[int], world: int) -> DataLoader[Batch]:
        workers = 0 if self.held else self.workers
        return DataLoader(
            part,
            batch_size=self.batch // world,
            sampler=sampler,
            collate_fn=_whole,  # type: ignore[arg-type]
            num_workers=workers,
            multiprocessing_context=context(workers),
            drop_last=isinstance(sampler, Shuffled) and len(sampler) >= self.batch // world,
        )


def _whole(batch: Batch) -> Batch:
    """Batches are fetched whole."""
    return batch

"""Batches of images for training and validation, in an order that depends on the seed and on nothing else.

Small images are decoded once, refined and kept in memory; large ones are decoded by worker processes when they are
needed. Everything random about an image is drawn from the seed and from its number in the training. So it depends
neither on how many processes there are nor on where a training was interrupted: resuming must give the same weights.
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

# Images of up to this size in pixels are kept in memory, and are shifted instead of cropped and resized.
LARGEST_HELD = 64
_CHUNK = 512  # images that are refined together
# The shorter side is resized to this multiple of the size before the centre is cut out, as in torchvision's evaluation.
_BEFORE_CROP = 256 / 224


class Batch(NamedTuple):
    """Images (B, 3, s, s) of 8 bits with labels (B,) and three random numbers for each (B, 3).

    Images are refined already if they come from memory. `skipped` gives the names of those that could not be decoded,
    and the reasons.
    """

    images: Tensor
    labels: Tensor
    draws: Tensor
    skipped: dict[str, str]


class Held(Dataset[Batch]):
    """Refined images in memory. `skipped` gives those that could not be decoded, and why."""

    def __init__(self, split: Split, size: int, seed: int, name: str, progress: bool) -> None:
        self.seed = seed
        size_in_bytes = len(split.labels) * 3 * (FINER * size) ** 2
        if size_in_bytes > 0.7 * psutil.virtual_memory().available:
            raise FechnerError(
                f"{len(split.labels)} images of {size} pixels need {size_in_bytes / 2**30:.1f} GiB of memory, more than is free; "
                f"choose a smaller size, or one above {LARGEST_HELD}, for which images are read when needed"
            )
        self.skipped: dict[str, str] = {}
        self.images = torch.empty(len(split.labels), 3, FINER * size, FINER * size, dtype=torch.uint8)
        readable = []
        with bar(progress, f"reading {name}", len(split.labels), "images") as progressing, ThreadPoolExecutor() as pool:
            for start in range(0, len(split.labels), _CHUNK):
                pictures = split.pictures[start : start + _CHUNK]
                images = []
                for i, image in enumerate(pool.map(lambda p: decoded(p, size), pictures)):
                    if isinstance(image, str):
                        self.skipped[pictures[i].name] = image
                    else:
                        images.append(image)
                        readable.append(start + i)
                check_skipped(self.skipped, len(split.labels))
                if images:
                    fine = refine(torch.stack(images).float() / 255)
                    self.images[len(readable) - len(images) : len(readable)] = (fine * 255).round()
                progressing.update(len(pictures))
        self.images = self.images[: len(readable)]
        self.labels = torch.from_numpy(split.labels[readable])
        self.weights = None if split.weights is None else split.weights[readable] / split.weights[readable].sum()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitems__(self, numbers: Sequence[int]) -> Batch:
        chosen = torch.as_tensor(numbers) % len(self)
        return Batch(self.images[chosen], self.labels[chosen], _draws(self.seed, numbers), {})


class Streamed(Dataset[Batch]):
    """Images that are decoded when a batch is asked for: a random part of each for training, its centre for validation.

    An image that cannot be decoded makes its batch smaller.
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
            image = decoded(picture, self.size, (self.seed, number) if self.crop else None)
            if isinstance(image, str):
                skipped[picture.name] = image
            else:
                images.append(image)
                used.append(number)
        if not images:
            raise FechnerError(f"no image of a whole batch can be decoded, among them {min(skipped)}")
        labels = torch.from_numpy(self.split.labels[np.array(used) % len(self)])
        return Batch(torch.stack(images), labels, _draws(self.seed, used), skipped)


def decoded(picture: EncodedImage, size: int, random: tuple[int, int] | None = None) -> Tensor | str:
    """A picture (3, size, size) of 8 bits, or the reason why it cannot be decoded.

    It is the centre of the picture, or with `random` (seed and number) the random part that these decide.
    """
    try:
        image = torch.from_numpy(np.array(picture.pixels())).permute(2, 0, 1)
    except FechnerError as e:
        return str(e)
    if image.shape[1:] == (size, size) and random is None:
        return image
    if random is not None:
        with seeded(int(np.random.default_rng(random).integers(2**63))):
            # The aspect ratio is 1, as published: stretching a crop would change its orientations.
            part = RandomResizedCrop(size, ratio=(1, 1), antialias=True).make_params([image])
        return resized_crop(
            image, part["top"], part["left"], part["height"], part["width"], [size, size], antialias=True
        )
    before = round(size * _BEFORE_CROP) if size > LARGEST_HELD else size
    return center_crop(resize(image, [before], antialias=True), [size, size])


def _draws(seed: int, numbers: Sequence[int]) -> Tensor:
    """Three uniform random numbers for each image, which every process would draw alike."""
    draws = [np.random.Generator(np.random.Philox(key=[seed, n])).random(3, dtype=np.float32) for n in numbers]
    return torch.from_numpy(np.stack(draws))


class Shuffled(Sampler[int]):
    """The numbers of the images that one process sees in an epoch, in an order that seed and epoch decide.

    Modulo n, the count of images, a number is the index of an image. It is epoch × n + index, so that augmentation
    differs between epochs. With `weights`, images are drawn with replacement with these probabilities, and numbers are
    (epoch × n + position) × n + index, so that an image that is drawn twice is shifted and mirrored in two ways.
    """

    def __init__(self, count: int, seed: int, share: tuple[int, int], weights: npt.NDArray[np.float64] | None) -> None:
        self.count, self.seed, self.share, self.weights = count, seed, share, weights
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of this epoch; Lightning calls it before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        # All processes must take the same number of steps, so a remainder is left out.
        return self.count // self.share[1]

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng([self.seed, self.epoch])
        rank, world = self.share
        if self.weights is None:
            numbers = self.epoch * self.count + rng.permutation(self.count)
        else:
            indices = rng.choice(self.count, self.count, p=self.weights)
            numbers = (self.epoch * self.count + np.arange(self.count)) * self.count + indices
        return iter(numbers[rank::world][: len(self)].tolist())


class Images(lightning.LightningDataModule):
    """The data of a training, as Lightning takes it; `batch` counts the images of all processes together."""

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
        """Read small images into memory, those for training only if there is training; Lightning calls it."""
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
        """Every image once in an epoch, or as often as its weight says."""
        part, share = self.parts["training images"], self._share
        return self._loader(part, Shuffled(len(part), self.seed, share, part.weights), share[1])

    def val_dataloader(self) -> DataLoader[Batch]:
        """Every image once, or as its weight says, shared out among the processes."""
        part, (rank, world) = self.parts["validation images"], self._share
        count = len(part)
        if part.weights is None:
            indices: Sequence[int] = range(rank, count, world)
        else:
            draws = np.random.default_rng(self.seed).choice(count, count, p=part.weights)
            indices = draws[rank::world].tolist()
        return self._loader(part, indices, world)

    @property
    def _share(self) -> tuple[int, int]:
        """The rank of this process and the number of processes."""
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
    """A batch as the dataset gives it, which fetches whole batches: there is nothing to collate."""
    return batch

"""Order, randomness and memory of batches; files that cannot be decoded."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fechner import FechnerError
from fechner.training import labelled, view
from fechner.training.batches import Held, Shuffled, Streamed, decoded


@given(st.integers(10, 200), st.integers(1, 4), st.integers(0, 5), st.integers(0, 3))
def test_processes_share_one_order(count: int, world: int, epoch: int, seed: int) -> None:
    samplers = [Shuffled(count, seed, (rank, world), None) for rank in range(world)]
    alone = Shuffled(count, seed, (0, 1), None)
    for sampler in (*samplers, alone):
        sampler.set_epoch(epoch)
    shares = [list(s) for s in samplers]
    assert len({len(s) for s in shares}) == 1
    together = [n for row in zip(*shares, strict=True) for n in row]
    assert together == list(alone)[: len(together)]
    assert sorted(n - epoch * count for n in alone) == list(range(count))


def test_weights_decide_how_often_images_are_drawn() -> None:
    weights = np.array([0.7, 0.2, 0.1, 0.0])
    sampler = Shuffled(40000, 0, (0, 1), np.repeat(weights / 10000, 10000))
    first = list(sampler)
    drawn = np.bincount(np.array(first) % 40000 // 10000, minlength=4) / 40000
    assert drawn == pytest.approx(weights, abs=0.01)
    sampler.set_epoch(1)
    # An image that is drawn several times is augmented differently each time.
    assert len({*first, *sampler}) == 80000


def test_images_in_memory_are_refined_once(tiles: Path) -> None:
    split = labelled(tiles).validation
    held = Held(split, 32, 0, "images", progress=False)
    batch = held.__getitems__([5, 36 + 5, 2])
    assert batch.images.shape == (3, 3, 64, 64)
    expected = view.refine(torch.from_numpy(split.pictures[5].pixels().copy()).permute(2, 0, 1)[None].float() / 255)
    assert float((batch.images[0] / 255 - expected[0]).abs().max()) <= 0.5 / 255 + 1e-6
    assert torch.equal(batch.images[0], batch.images[1])
    # The same image is augmented differently in another epoch, and in the same way in the same.
    assert not torch.equal(batch.draws[0], batch.draws[1])
    assert torch.equal(batch.draws, held.__getitems__([5, 36 + 5, 2]).draws)


def test_large_images_are_cropped_at_random_or_in_the_middle(photographs_tar: Path) -> None:
    split = labelled(photographs_tar).train
    middle = Streamed(split, 128, 0, crop=False).__getitems__([0, 1])
    assert middle.images.shape == (2, 3, 128, 128)
    crops = Streamed(split, 128, 0, crop=True)
    first, again, later = (crops.__getitems__([n]).images for n in (3, 3, 3 + len(crops)))
    assert torch.equal(first, again)
    assert not torch.equal(first, later)


class Stripes:
    """A wide picture of stripes at 30°, counter-clockwise from horizontal."""

    name = "stripes"

    def pixels(self) -> npt.NDArray[np.uint8]:
        y, x = np.mgrid[0:300, 0:500]
        angle = np.deg2rad(30)
        wave = np.cos(2 * np.pi * (y * np.cos(angle) + x * np.sin(angle)) / 60)
        return np.repeat((127.5 + 120 * wave).astype(np.uint8)[..., None], 3, 2)


def test_crops_of_large_images_keep_their_orientations() -> None:
    for number in range(20):
        found = decoded(Stripes(), 96, (0, number))
        assert isinstance(found, torch.Tensor)
        gy, gx = np.gradient(found[0].double().numpy()[4:-4, 4:-4])
        # Bars lie at right angles to the gradient; rows run down.
        doubled = ((gx**2 + gy**2) * np.exp(2j * (np.arctan2(-gy, gx) + np.pi / 2))).sum()
        assert np.rad2deg(np.angle(doubled)) / 2 % 180 == pytest.approx(30, abs=1.5)


def test_files_that_cannot_be_decoded_are_left_out_and_named(tiles: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiles, copy)
    (copy / "train" / "coffee" / "03.png").write_bytes(b"no image")
    split = labelled(copy).train
    held = Held(split, 32, 0, "images", progress=False)
    assert list(held.skipped) == ["train/coffee/03.png"]
    assert len(held) == 119
    assert torch.bincount(held.labels).tolist() == [40, 39, 40]
    batch = Streamed(split, 96, 0, crop=True).__getitems__(range(42, 46))
    assert list(batch.skipped) == ["train/coffee/03.png"]
    assert len(batch.images) == len(batch.labels) == len(batch.draws) == 3
    for i in range(20):
        (copy / "train" / "grass" / f"{i:02d}.png").write_bytes(b"no image")
    with pytest.raises(FechnerError, match="more than a tenth"):
        Held(labelled(copy).train, 32, 0, "images", progress=False)

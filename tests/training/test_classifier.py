"""What a network in training sees of a batch."""

from __future__ import annotations

import pytest
import torch

from fechner import load
from fechner.training import Condition, view
from fechner.training.batches import Batch
from fechner.training.classifier import Classifier
from fechner.training.recipe import Recipe


@pytest.mark.parametrize("rotation", [0.0, 30.0])
def test_images_are_mirrored_by_their_draw_before_they_are_rotated_and_never_without_mirror(rotation: float) -> None:
    fine = view.refine(torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    # The shifts drawn are none; the first image is to be mirrored, and the second is not.
    draws = torch.tensor([[0.5, 0.5, 0.1], [0.5, 0.5, 0.9]])
    batch = Batch((255 * fine).round().byte(), torch.tensor([0, 1]), draws, {})
    condition = Condition(rotation)

    def seen(mirror: bool, augment: bool) -> torch.Tensor:
        recipe = Recipe(1, 2, 0.1, 0.0, mirror=mirror)
        return Classifier(load("resnet18_small", "init"), condition, recipe, 32).seen(batch, augment)

    eight_bits = batch.images.float() / 255
    plain, mirrored = condition(eight_bits), condition(eight_bits.flip(-1))
    assert torch.equal(seen(mirror=False, augment=True), plain)
    assert torch.equal(seen(mirror=True, augment=False), plain)
    augmented = seen(mirror=True, augment=True)
    assert torch.equal(augmented[1], plain[1])
    assert float((augmented[0] - mirrored[0]).abs().max()) < 1e-4

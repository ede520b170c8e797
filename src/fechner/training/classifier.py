"""The LightningModule that trains a network to classify images under a condition.

Everything random in a step must come from the seed, the step and the batch's own draws, so that a resumed training
gives the same weights (tests/training/test_train.py). The name `network` is part of the checkpoints: `fechner.load`
reads it.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any

import lightning.pytorch as lightning
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from fechner.errors import FechnerError
from fechner.networks import Network
from fechner.training.batches import Batch
from fechner.training.condition import Condition
from fechner.training.recipe import Recipe
from fechner.training.saving import check_fits
from fechner.training.view import refine

# Small images are shifted by up to this share of their size, in either direction.
_SHIFT = 1 / 8


class Classifier(lightning.LightningModule):
    """Trains `network` on the batches of `Images` under a condition, and logs loss and accuracy.

    Its checkpoints hold the network's weights, and `fechner.load(name, FILE)` reads them.
    """

    def __init__(self, network: Network, condition: Condition, recipe: Recipe, size: int, seed: int = 0) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.condition, self.recipe, self.size, self.seed = condition, recipe, size, seed
        self.skipped: dict[str, str] = {}

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, classes) of images in [0, 1]."""
        # On a CPU, the backward pass of fused attention in bfloat16 is several times slower than that of its parts.
        with sdpa_kernel(SDPBackend.MATH) if images.device.type == "cpu" else nullcontext():
            logits = self.network(images.to(self.network.mean.dtype))
        # Networks with auxiliary classifiers return a tuple, whose first entry is the main one.
        return logits[0] if isinstance(logits, tuple) else logits

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Make dropout depend on the step alone, so that a resumed training draws what an uninterrupted one would."""
        torch.manual_seed(hash((self.seed, self.global_step, self.global_rank)) % 2**63)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> tuple[Tensor, Tensor]:
        """The images as the network sees them, computed on the device, and their labels."""
        self.skipped |= batch.skipped
        return self.seen(batch, augment=bool(self.trainer.training)), batch.labels

    @torch.no_grad()
    def seen(self, batch: Batch, augment: bool) -> Tensor:
        """Images (B, 3, size, size) in [0, 1] under the condition, shifted and mirrored at random if `augment`."""
        images = batch.images.float() / 255
        fine = refine(images) if images.shape[-1] == self.size else images
        shift = flip = None
        if augment:
            # Large images, which come at their final size, are cropped at random instead.
            largest = self.size * _SHIFT if images.shape[-1] != self.size else 0
            shift = (2 * batch.draws[:, :2] - 1) * largest
            flip = batch.draws[:, 2] < 0.5 if self.recipe.mirror else None
        return self.condition(fine, shift, flip).contiguous(memory_format=torch.channels_last)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Check that the weights fit before they are loaded."""
        check_fits(checkpoint, self.state_dict(), self.trainer.ckpt_path)

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """Cross-entropy of a batch."""
        images, labels = batch
        logits = self(images)
        loss = F.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
        if not math.isfinite(loss.item()):
            raise FechnerError(
                f"the loss is {loss.item()} at step {self.global_step}, so training stopped; the last checkpoint is kept. "
                f"Lower the learning rate below {self.recipe.learning_rate:g}"
            )
        self.log("loss", loss, prog_bar=True, on_step=True, on_epoch=True, batch_size=len(labels), sync_dist=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        """Accuracy, accuracy among the best five, and loss of a batch, averaged over all images."""
        images, labels = batch
        logits = self(images)
        accuracy = (logits.argmax(1) == labels).float().mean()
        best = logits.topk(min(5, logits.shape[1]), 1).indices
        count = len(labels)
        self.log("validation_loss", F.cross_entropy(logits, labels), batch_size=count, sync_dist=True)
        self.log("validation_accuracy", accuracy, batch_size=count, sync_dist=True, prog_bar=True)
        among = (best == labels[:, None]).any(1).float().mean()
        self.log("validation_top5_accuracy", among, batch_size=count, sync_dist=True)

    def configure_optimizers(self) -> Any:
        """The optimizer and the schedule of the recipe."""
        steps = math.ceil(float(self.trainer.estimated_stepping_batches) / self.recipe.epochs)
        return self.recipe.optimizers(self.network, steps)

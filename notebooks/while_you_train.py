# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # While you train
#
# When during training does a network become sensitive to what, and how does that go with what it has learned?
# `RecordSensitivity` is a callback for a Lightning Trainer of your own; it measures before the first step and as often
# as you like after it.

# %%
# %matplotlib inline
import logging
import tempfile
import warnings
from pathlib import Path

import lightning.pytorch as lightning
import matplotlib.pyplot as plt
import numpy as np
import torch
import xarray as xr
from torch import nn

import fechner
from fechner.statistics import photographs
from fechner.training import RecordSensitivity

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module="lightning")  # its advice, and what it has not yet adapted to PyTorch

# %% [markdown]
# A small real task: from which of nine photographs is a patch of 32 × 32 pixels? Patches do not overlap; every
# other one is kept for the test.

# %%
sets = {"train": [], "test": []}
for label, photograph in enumerate(photographs()):
    image = torch.tensor(photograph.pixels()) / 255
    patches = image.unfold(0, 32, 32).unfold(1, 32, 32).flatten(0, 1)
    sets["train"] += [(patch, label) for patch in patches[::2]]
    sets["test"] += [(patch, label) for patch in patches[1::2]]
print({name: len(patches) for name, patches in sets.items()})

# %% [markdown]
# The LightningModule is an ordinary one. The network that is measured is its attribute `network`.


# %%
class Classifier(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        first = (nn.Conv2d(3, 16, 5, 2, 2), nn.BatchNorm2d(16), nn.ReLU())
        second = (nn.Conv2d(16, 32, 5, 2, 2), nn.BatchNorm2d(32), nn.ReLU())
        self.network = nn.Sequential(*first, *second, nn.AvgPool2d(4), nn.Flatten(), nn.Linear(128, 9))

    def training_step(self, batch):
        return nn.functional.cross_entropy(self.network(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9)


# %% [markdown]
# Gabors of 32 pixels, at 12 orientations and 4 phases, twice an epoch. The file is whole after each recording, so it
# can be looked at while training goes on.

# %%
temporary = tempfile.TemporaryDirectory()
path = Path(temporary.name) / "curves.nc"
gabor = fechner.Gabor(size=32, pixels_per_degree=14.3, spatial_frequency=2)
record = RecordSensitivity(path, gabor, per_epoch=2, values=12, average={"phase": 4}, layers="all")
seed = torch.manual_seed(0)
model = Classifier()
quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
trainer = lightning.Trainer(max_epochs=6, accelerator="cpu", callbacks=[record], **quiet)
trainer.fit(model, torch.utils.data.DataLoader(sets["train"], batch_size=64, shuffle=True))

# %% [markdown]
# What was learned.

# %%
images, labels = torch.utils.data.default_collate(sets["test"])
with torch.no_grad():
    correct = (model.network.eval()(images).argmax(1) == labels).float().mean()
print(f"{100 * float(correct):.0f} % of the test patches are labelled correctly; chance is {100 / 9:.0f} %")

# %% [markdown]
# Sensitivity along training: one Dataset with a dimension `step`.

# %%
curves = xr.load_dataset(path)
fechner.draw(curves)

# %% [markdown]
# How strongly each layer responds to a change of orientation grows while it learns: mean √J, by layer.

# %%
root = np.sqrt(curves.fisher_information).mean("orientation").sel(layer=["2", "5", "8"])
plt.figure(figsize=(5, 3.2))
for layer in root.layer.values:
    plt.semilogy(root.step, root.sel(layer=layer), "o-", ms=3, label=f"layer {layer}")
plt.xlabel("training step")
plt.ylabel("mean √J (1/degree)")
legend = plt.legend()

# %%
temporary.cleanup()

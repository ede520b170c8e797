# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Your own network in five minutes
#
# How sensitive is each layer of my network to orientation, and does it prefer some orientations?
# Any `torch.nn.Module` in evaluation mode will do; this one has random weights.

# %%
# %matplotlib inline
import torch
from torch import nn

import fechner


class Mine(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 7, stride=2)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(4)
        self.readout = nn.Linear(16 * 14 * 14, 10)

    def forward(self, images):
        return self.readout(self.pool(self.relu(self.conv(images))).flatten(1))


# %% [markdown]
# Stimuli are images in [0, 1]. If your network expects normalised images, say so: normalisation belongs to the network.

# %%
seed = torch.manual_seed(0)
network = fechner.networks.Network(Mine().eval(), mean=0.5, std=0.25, name="mine")
gabor = fechner.Gabor(size=118, pixels_per_degree=50, spatial_frequency=2)
tuple(network(gabor(orientation=torch.tensor([0.0, 45.0]))).shape)

# %% [markdown]
# Fisher information J(θ) = ‖∂r/∂θ‖² of every layer's response r, at 24 orientations (0° is horizontal) and averaged over 8 random phases.
# `layers="all"` takes every module, in the order of execution; globs such as `layers="conv*"` choose.

# %%
curves = fechner.sensitivity(
    network, gabor, along="orientation", values=24, average={"phase": fechner.Draws(8)}, layers="all", progress=False
)
curves.layer.values.tolist()

# %% [markdown]
# The result is an `xarray.Dataset` and has one figure. The pixels are dashed.

# %%
fechner.draw(curves)

# %% [markdown]
# Numbers are chosen by name. The standard error is that over the random phases.

# %%
for layer in ("conv", "relu", "pool", "readout"):
    one = curves.sel(layer=layer)
    best = one.sel(orientation=one.relative_sensitivity.idxmax())
    peak, error = best.relative_sensitivity.item(), best.relative_sensitivity_se.item()
    print(f"{layer}: most sensitive at {best.orientation.item()}°, {peak:.3f} ± {error:.3f} times the mean")

# %% [markdown]
# A preference at initialisation is one of these random weights and not of the architecture: other seeds prefer
# other orientations.

# %%
for number in range(4):
    torch.manual_seed(number)
    again = fechner.sensitivity(Mine().eval(), gabor, values=24, average={"phase": 4}, layers="pool", progress=False)
    print(f"seed {number}: {float(again.relative_sensitivity.sel(layer='pool').idxmax()):g}°")

# %% [markdown]
# Networks of torchvision and timm are loaded by name, `fechner.load("resnet18")`, and a checkpoint of your own by
# `fechner.load("resnet18", "checkpoint.pth")`. On the command line:
# `fechner sensitivity resnet18 --weights checkpoint.pth --out curves.nc --figure curves.png`.

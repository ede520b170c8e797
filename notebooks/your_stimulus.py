# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Your own stimulus in ten lines
#
# How sensitive is a network to a parameter that no built-in stimulus has?
# A stimulus is anything differentiable from parameters to images: a dataclass, or a plain function.

# %%
# %matplotlib inline
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import torch

import fechner
from fechner.stimuli import Contrast, Length, Stimulus

network = fechner.load("efficientnet_lite0")

# %% [markdown]
# A dataclass: its fields are the parameters, with defaults. The annotation says what each is (`Length` is in degrees of
# visual angle and greater than 0). `luminance` returns values in [0, 1]; `self.grid()` gives the pixel centres.


# %%
@dataclass(frozen=True)
class Rings(Stimulus):
    period: Length = 0.5
    contrast: Contrast = 1.0

    def luminance(self):
        x, y = self.grid()
        return 0.5 + 0.5 * self.contrast * torch.cos(2 * torch.pi * torch.hypot(x, y) / self.period)


rings = Rings(size=96, pixels_per_degree=50)

# %% [markdown]
# Called with tensors, it makes a batch. Values out of range are refused before anything is measured.

# %%
periods = [0.2, 0.4, 0.8]
figure, panels = plt.subplots(1, 3, figsize=(6, 2.3), layout="constrained")
for axes, period, image in zip(panels, periods, rings(period=torch.tensor(periods)), strict=True):
    axes.imshow(image[0], cmap="gray", vmin=0, vmax=1)
    axes.set(title=f"period {period} degree", xticks=[], yticks=[])

# %% [markdown]
# Sensitivity along the period, averaged over two contrasts. The threshold 1/√J is in degrees, like the period, for
# independent Gaussian noise of unit variance.

# %%
along_period = fechner.sensitivity(
    network, rings, along="period", values=np.geomspace(0.2, 0.8, 12), average={"contrast": [0.5, 1.0]}, progress=False
)
fechner.draw(along_period)

# %% [markdown]
# A plain function: parameter tensors of shape (B,) in, images (B, C, H, W) out. Arguments with a usual name, such as
# `orientation`, have their usual units and period. Here it is a luminance edge of some width in pixels under a Gaussian
# window, without which diagonal edges would be the longest.


# %%
def edge(orientation, width):
    x = torch.linspace(-47.5, 47.5, 96)
    angle = torch.deg2rad(orientation)[:, None, None]
    across = torch.cos(angle) * -x[:, None] - torch.sin(angle) * x
    window = torch.exp(-0.5 * (x**2 + x[:, None] ** 2) / 16**2)
    luminance = 0.5 + 0.5 * window * torch.tanh(across / width[:, None, None])
    return luminance[:, None].expand(-1, 3, -1, -1)


shown = edge(torch.tensor([30.0]), torch.tensor([4.0]))
plt.figure(figsize=(2.3, 2.3))
plt.axis("off")
picture = plt.imshow(shown[0, 0], cmap="gray", vmin=0, vmax=1)

# %% [markdown]
# Sensitivity to the orientation of the edge, averaged over two widths.

# %%
turned = fechner.sensitivity(
    network, edge, along="orientation", values=24, average={"width": [2.0, 4.0]}, progress=False
)
fechner.draw(turned)

# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Figure 3: sensitivity to hue
#
# Is a network more sensitive to the hues that are frequent in photographs?
# The stimulus is a uniform patch of one HSV hue; saturation and value are nuisance parameters.

# %%
# %matplotlib inline
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

import fechner
from fechner import human

patch = fechner.stimuli.HuePatch(size=96)
network = fechner.load("efficientnet_lite0")

# %% [markdown]
# All hues, at three saturations and values.

# %%
hues = torch.arange(0, 360, 2.0)
rows = torch.stack([patch(hue=hues, saturation=s, value=s)[:, :, 0, 0] for s in (0.5, 0.7, 0.9)])
plt.figure(figsize=(6, 1.5))
plt.imshow(rows, aspect="auto", extent=(0, 360, 3, 0))
plt.yticks([0.5, 1.5, 2.5], ["0.5", "0.7", "0.9"])
plt.ylabel("S and V")
text = plt.xlabel("hue (degree)")

# %% [markdown]
# How often each hue occurs in 500 ImageNet photographs, among pixels with saturation ≥ 0.1 and value ≥ 0.5. For photographs of
# your own, name their folder: `fechner.image_statistics("photographs/", feature="hue")`.

# %%
prior = fechner.image_statistics(feature="hue")
fechner.draw(prior)

# %% [markdown]
# A proxy of human sensitivity: the CIELAB colour difference per degree of hue at saturation and value 1. It is a formula and
# not a measurement.

# %%
grid = np.arange(0.5, 360)
plt.figure(figsize=(4.5, 3))
plt.plot(grid, human.cielab_hue_distance(grid))
plt.xlabel("hue (degree)")
text = plt.ylabel("CIELAB ΔE (1/degree)")

# %% [markdown]
# Relative sensitivity to 24 hues, averaged over two saturations and two values, in patches of 96 pixels.
# The full setting is 360 hues, 8 saturations and 8 values at 224 pixels.

# %%
average = {"saturation": [0.5, 0.9], "value": [0.5, 0.9]}
curves = fechner.sensitivity(network, patch, along="hue", values=24, average=average, progress=False)
fechner.draw(curves)

# %% [markdown]
# How far every layer follows the density of hue, and the CIELAB proxy. Raw pixels (squares) have a flat sensitivity to HSV
# hue, so their correlation is 0.

# %%
compared = fechner.compare(curves, prior)
fechner.draw(compared)

# %% [markdown]
# In these photographs almost all hues lie near 20°, and one peak decides the correlation. With 500 photographs of
# ImageNet the correlation of late layers is low too: the published finding for ResNet18 is not found in this network.

# %% [markdown]
# ## The whole figure
#
# All panels, at the quick setting, which takes two and a half minutes on two cores. Photographs of your own are named by
# `images="photographs/"`. The setting of the paper is `profile="paper"`: every network, 360 hues, 8 saturations and 8
# values, in hours.

# %% tags=["whole-figure"]
from IPython.display import Image, display

from fechner.paper import reproduce

whole = reproduce(["fig3"], profile="quick", out="results", resume=True)
for picture in sorted(Path("results/fig3").glob("*.png")):
    display(Image(picture, width=720))

# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Figure 2: sensitivity to orientation
#
# Is a network that learned from photographs most sensitive to the orientations that photographs contain most?
# And is it so because it learned: what does the same network do at initialisation, or with shuffled weights?

# %%
# %matplotlib inline
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

import fechner
from fechner import human

gabor = fechner.Gabor(spatial_frequency=2, size=112, pixels_per_degree=50)
network = fechner.load("efficientnet_lite0")

# %% [markdown]
# How well people discriminate orientation, as far as a text gives numbers, and the Fisher information that follows from a
# threshold: J = 1/threshold².

# %%
people = human.read("orientation-discrimination")
for entry in range(people.sizes["entry"]):
    low, high = (float(people[end][entry]) for end in ("low", "high"))
    print(
        f"{people.conditions[entry].item()}: threshold {low} to {high}°, J = {high**-2:.1f} to {low**-2:.1f} per degree²"
    )

# %% [markdown]
# The stimulus x(θ) and its derivative ∂x/∂θ. Both go through the network at once. The Fisher information of a
# layer with response r is J(θ) = ‖∂r/∂θ‖² under independent Gaussian noise of unit variance; its sensitivity is √J.

# %%
angle = torch.tensor([30.0])
image, slope = torch.func.jvp(lambda theta: gabor(orientation=theta), (angle,), (torch.ones(1),))
figure, (left, right) = plt.subplots(1, 2, figsize=(6, 2.6), layout="constrained")
left.imshow(image[0, 0], cmap="gray", vmin=0, vmax=1)
left.set(title="orientation 30°", xticks=[], yticks=[])
derivative = right.imshow(slope[0, 0], cmap="RdBu_r", vmin=-0.03, vmax=0.03)
right.set(title="derivative", xticks=[], yticks=[])
bar = figure.colorbar(derivative, label="change of luminance (1/degree)")

# %% [markdown]
# EfficientNet-Lite0, trained on ImageNet, at 24 orientations and 2 phases (a nuisance parameter, over which J is
# averaged). The full setting is images of 224 pixels, 180 orientations and 40 phases.

# %%
settings = {"values": np.arange(3.75, 180, 7.5), "average": {"phase": [0, 90]}, "progress": False}
trained = fechner.sensitivity(network, gabor, along="orientation", **settings)
fechner.draw(trained)

# %% [markdown]
# How far every layer follows the density of orientation in 500 ImageNet photographs (green), which comes with the installation.

# %%
prior = fechner.image_statistics(feature="orientation")
fechner.draw(fechner.compare(trained, prior))

# %% [markdown]
# The same network at initialisation.

# %%
states = {("pretrained", 0): trained}
for weights, seed in (("init", 0), ("shuffled", 0), ("shuffled", 1)):
    network = fechner.load("efficientnet_lite0", weights, seed)
    states[weights, seed] = fechner.sensitivity(network, gabor, along="orientation", **settings)
fechner.draw(states["init", 0])

# %% [markdown]
# With its weights shuffled.

# %%
fechner.draw(states["shuffled", 0])

# %% [markdown]
# Cardinal over oblique √J, layer by layer: √J near horizontal and vertical (within 7.5°) over √J near 45° and 135°.

# %%
plt.figure(figsize=(5, 3.2))
for (weights, seed), curves in states.items():
    ratio = fechner.compare(curves, prior).ratio[0]
    plt.plot(ratio.depth[1:], ratio[1:], "o-", ms=3, label=f"{weights}, seed {seed}")
plt.axhline(1, color="0.7", lw=0.8)
plt.xlabel("depth (first to last layer)")
plt.ylabel("√J cardinal / oblique")
legend = plt.legend()

# %% [markdown]
# At initialisation no orientation is preferred. A shuffled network may prefer some orientation by chance, another one
# for each seed; so the figure takes several seeds.

# %% [markdown]
# ## The whole figure
#
# All panels, at the quick setting, which takes three minutes on two cores. Photographs of your own are named by
# `images="photographs/"`. The setting of the paper is `profile="paper"`: every network, 180 orientations and 40 phases, in
# hours.

# %% tags=["whole-figure"]
from IPython.display import Image, display

from fechner.paper import reproduce

whole = reproduce(["fig2"], profile="quick", out="results", resume=True)
for picture in sorted(Path("results/fig2").glob("*.png")):
    display(Image(picture, width=720))

# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Your own photographs
#
# How often does each orientation, hue and spatial frequency occur in a folder of photographs, and does a network follow
# it? Any folder tree, .tar or .zip will do; here it is a temporary folder with the nine of scikit-image.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import fechner
from fechner.statistics import photographs

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
for photograph in photographs():
    plt.imsave(folder / photograph.name, photograph.pixels())

# %% [markdown]
# Orientation of luminance gradients, as that of bars: 0° is horizontal. The band is a 95 % interval over photographs.

# %%
orientation = fechner.image_statistics(folder, feature="orientation", values=36, progress=False)
fechner.draw(orientation)

# %% [markdown]
# The result says how many photographs were read, and which were skipped and why.

# %%
print(orientation.attrs["photographs"], "photographs; skipped:", orientation.attrs["skipped"])
print(f"most frequent: {float(orientation.density.idxmax()):g}°")

# %% [markdown]
# Hue, among pixels that are bright and saturated enough to have one.

# %%
hue = fechner.image_statistics(folder, feature="hue", values=36, progress=False)
fechner.draw(hue)

# %% [markdown]
# Power against spatial frequency, and the exponent with which it falls. Frequency is in cycles/degree at 100
# pixels/degree, as for the stimuli.

# %%
power = fechner.image_statistics(folder, feature="spatial_frequency", progress=False)
fechner.draw(power)

# %% [markdown]
# Does a network follow the density of orientation? EfficientNet-Lite0, at 24 orientations and 2 phases. Left: its layers
# over the density; then the correlation of √J with the density, and other measures, for every layer. With so few photographs
# the intervals are wide.

# %%
gabor = fechner.Gabor(size=112, pixels_per_degree=50)
network = fechner.load("efficientnet_lite0")
curves = fechner.sensitivity(network, gabor, values=24, average={"phase": [0, 90]}, progress=False)
compared = fechner.compare(curves, orientation)
fechner.draw(compared)

# %%
temporary.cleanup()

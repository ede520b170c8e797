# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Networks trained on rotated images
#
# If sensitivity follows what a network saw, turning all training images must turn it. Does it, in which layers, and when
# during training? A small ResNet18 was trained on CIFAR-10, upright and rotated by 45°, three times each; here the results are
# read.

# %%
# %matplotlib inline
import subprocess
from importlib import metadata
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import fechner

above = [path / "trainings" for path in (Path.cwd(), *Path.cwd().parents)]
folder = next((path for path in above if path.is_dir()), Path("fechner", "trainings"))
if not folder.is_dir():  # outside of the repository, as on Colab
    urls = dict(line.split(", ") for line in metadata.metadata("fechner").get_all("Project-URL"))
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", urls["Repository"], "fechner"], check=True)
upright = [xr.load_dataset(folder / f"resnet-upright-{seed}.nc") for seed in (0, 1, 2)]
rotated = [xr.load_dataset(folder / f"resnet-45-{seed}.nc") for seed in (0, 1, 2)]

# %% [markdown]
# The density of orientation in the 50,000 training images, upright. 0° is horizontal.

# %%
fechner.draw(xr.load_dataset(folder / "cifar10-orientation-density.nc"))

# %% [markdown]
# All six trainings learned their task about equally well.

# %%
for name, trainings in {"upright": upright, "rotated": rotated}.items():
    correct = [float(training.validation_accuracy[-1]) for training in trainings]
    print(name, " ".join(f"{100 * c:.1f} %" for c in correct), "correct")

# %% [markdown]
# The difference between the two, layer by layer, and the shift of the upright curve that fits the rotated one best.
# Error bars are 95 % intervals over the three pairs of trainings.

# %%
apart = fechner.difference(rotated, upright)
fechner.draw(apart)

# %% [markdown]
# In early layers both curves are almost flat, so that the shift says little; in late layers it is that of the images.
# The curves of a late layer themselves: the peaks near 0° and 90° move to 45° and 135°. Exactly there the
# curves dip. Training images were mirrored left to right at random (before the rotation), and a network that responds
# alike to mirror images changes least at the axis of the mirror.

# %%
late = apart.relative_sensitivity.sel(layer="layer4")
lines = late.plot.line(x="orientation", aspect=1.6, size=3)
plt.title("layer4")
plt.xticks(np.arange(0, 181, 45))
plt.xlabel("orientation (degree)")
text = plt.ylabel("relative sensitivity √J / mean √J")

# %% [markdown]
# When it happens: √J 5° from cardinal over √J 5° from oblique orientations at the end of every epoch, in octaves. In
# rotated images the frequent orientations are 45° and 135°. Each line is a training. Early in upright training the
# rare orientations win, later the frequent ones.

# %%
plt.figure(figsize=(5, 3.2))
for name, trainings, colour in (("upright", upright, "C0"), ("rotated", rotated, "C1")):
    for training in trainings:
        root = np.sqrt(training.fisher_information_recorded.sel(layer="layer4").mean("spatial_frequency"))
        cardinal = root.sel(orientation=[5, 85, 95, 175]).mean("orientation")
        oblique = root.sel(orientation=[40, 50, 130, 140]).mean("orientation")
        plt.plot(
            training.epoch, np.log2(cardinal / oblique), color=colour, label=name if training is trainings[0] else None
        )
plt.axhline(0, color="0.7", lw=0.8)
plt.xlabel("epoch")
plt.ylabel("cardinal over oblique √J (octave)")
legend = plt.legend()

# %% [markdown]
# ## The whole figure
#
# All panels, from the results of trainings that lie in `trainings/`. The trainings themselves take hours:
# `trainings/run.sh` makes them, and `fechner train cifar10 --arch resnet18_small --rotation 45 --out rotated` makes one.

# %% tags=["whole-figure"]
from IPython.display import Image, display

from fechner.paper import reproduce

whole = reproduce(["trained"], profile="quick", out="results", resume=True, trainings=folder)
for picture in sorted(Path("results/trained").glob("*.png")):
    display(Image(picture, width=720))

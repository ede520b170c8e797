# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Figure 6: frequency or information?
#
# A nonlinear network learns to label the orientation of a grating. Does it become most sensitive to the orientations that
# are frequent, to those whose labels are informative, or to neither once the two balance each other?

# %%
# %matplotlib inline
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import fechner
from fechner.learning import Exposure, Flips, Perceptron, Task, balanced_noise, history, learn_labels, sinusoidal

# %% [markdown]
# Vertical (90°) is three times as frequent as horizontal. Noise flips labels to a random other class, more often where
# orientations are frequent, so that density × information of a label is the same everywhere.

# %%
often_vertical, flips = sinusoidal(peak=90), Flips(classes=60)
grid = np.arange(0, 180, 3.0)
density = often_vertical(grid)
noise = balanced_noise(density, flips)
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.6), layout="constrained")
left.plot(grid, 180 * density)
left.set(xlabel="orientation (degree)", ylabel="density (× uniform)", ylim=0)
right.plot(grid, flips.information(noise))
text = right.set(xlabel="orientation (degree)", ylabel="information of a label (bit)", ylim=0)

# %% [markdown]
# Three conditions of the paper: (b) uniform inputs with noisy labels, (c) unequal frequencies without noise, (d) both.
# Networks are small here, with two seeds and 150 steps: the full setting is 1024 and 256 hidden units, batches of
# 2048, 300 steps and five seeds.

# %%
steps, task = 150, Task(average={"phase": 4})
conditions = {
    "b: noise": Exposure(steps, "uniform", flips, noise),
    "c: frequency": Exposure(steps, often_vertical),
    "d: both": Exposure(steps, often_vertical, flips, noise),
}
small = {"values": 20, "layers": "relu*", "batch": 128, "seeds": 2, "progress": False}
learned = {name: learn_labels(Perceptron((64, 32)), one, task, 6, **small) for name, one in conditions.items()}

# %% [markdown]
# Sensitivity along learning where only the information of labels differs (b).

# %%
fechner.draw(learned["b: noise"])

# %% [markdown]
# Where only frequency differs (c).

# %%
fechner.draw(learned["c: frequency"])

# %% [markdown]
# Where frequency and information balance each other (d).

# %%
fechner.draw(learned["d: both"])

# %% [markdown]
# Sensitivity of the first layer after learning, averaged over seeds.

# %%
plt.figure(figsize=(5, 3.2))
for name, one in learned.items():
    last = one.relative_sensitivity.sel(layer="relu1").isel(step=-1).mean("seed")
    plt.plot(last.orientation, last, label=name)
plt.axhline(1, color="0.7", lw=0.8)
plt.xlabel("orientation (degree)")
plt.ylabel("relative sensitivity √J / mean √J")
legend = plt.legend()

# %% [markdown]
# The preference for vertical: the logarithm of √J near 90° over √J near 0°, along learning. Each line is a seed.

# %%
plt.figure(figsize=(5, 3.2))
for (name, one), colour in zip(learned.items(), ("C0", "C1", "C2"), strict=True):
    preference = history.preference(one, favoured=90, against=0, layer="relu1")
    plt.plot(preference.step, preference.transpose("step", "seed"), color=colour, label=[name, None])
plt.axhline(0, color="0.7", lw=0.8)
plt.xlabel("learning step")
plt.ylabel("ln (√J near 90° / √J near 0°)")
legend = plt.legend()

# %% [markdown]
# Where total information is balanced by flips (d), frequent orientations win here. Other kinds of noise give other
# answers: the whole figure has the published noise, which drops labels, and two balanced ones. Its supplement asks what the
# history of exposure does.

# %% [markdown]
# ## The whole figure
#
# All panels, at the quick setting, which takes two minutes on two cores. The setting of the paper,
# with larger networks and batches, is `profile="paper"`.

# %% tags=["whole-figure"]
from IPython.display import Image, display

from fechner.paper import reproduce

whole = reproduce(["fig6"], profile="quick", out="results", resume=True)
for picture in sorted(Path("results/fig6").glob("*.png")):
    display(Image(picture, width=720))

# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Figure 5: linear networks learn frequent components first
#
# Why does sensitivity follow the statistics of images, when nothing limits what a network can encode?
# A linear network that learns to reconstruct patches of photographs learns their principal components one after the
# other, in the order of their variance.

# %%
# %matplotlib inline
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import fechner
from fechner import human
from fechner.learning import LinearNetwork, Stage, learn, readouts

# %% [markdown]
# Principal components of 20,000 grey patches of 20 × 20 pixels from nine photographs. The full setting is 100,352
# patches of 32 × 32 pixels.

# %%
pca = fechner.statistics.principal_components(number=20_000, size=20, workers=0, progress=False)
fechner.draw(pca)

# %% [markdown]
# A network of one matrix, x̂ = WᵀWx, learns by gradient descent on the mean squared error. The proportion learned of a
# component is the diagonal of the end-to-end map in the basis of the components: 0 at first, 1 when it is learned.

# %%
snapshots = sorted({*np.geomspace(1, 7000, 40).astype(int).tolist(), 1000, 2000, 4000})
learned = learn(LinearNetwork("tied", scale=0.005), Stage(pca.variance.values, 7000), snapshots, progress=False)
fechner.draw(learned)

# %% [markdown]
# In theory a component that starts from the proportion p₀ grows as 1 / (1 + (1/p₀ − 1) exp(−4λt)), λ being its variance
# and t the time of gradient flow. So it is half learned at the step ln(1/p₀ − 1) / 4λ, divided by the time of a step.

# %%
when = readouts.learning_step(learned).dropna("component")
variance = pca.variance.sel(component=when.component)
start = readouts.proportion_learned(learned).isel(step=0).mean().item()
predicted = np.log(1 / start - 1) / (4 * variance * learned.attrs["time_per_step"])
plt.figure(figsize=(5, 3.2))
plt.loglog(variance, when, "o", ms=3, label="measured")
plt.loglog(variance, predicted, label="theory")
plt.xlabel("variance of the component (luminance²)")
plt.ylabel("learning step at one half")
legend = plt.legend()

# %% [markdown]
# What this does to vision: the threshold 1/√J for the spatial frequency of a grating, along learning. At 100
# pixels/degree, cycles/degree are cycles/100 pixels, the unit of the paper.

# %%
grating = fechner.stimuli.Grating(size=20, channels=1, pixels_per_degree=100, orientation=90, aperture="none")
frequency = np.arange(2.0, 41.0)
sensitivity = readouts.fisher_information_of_maps(learned, pca, grating, "spatial_frequency", frequency, {"phase": 8})
threshold = sensitivity.mean("phase") ** -0.5
chosen = threshold.sel(step=[1000, 2000, 4000, 7000])
lines = chosen.plot.line(x="spatial_frequency", aspect=1.6, size=3)
plt.xlabel("spatial frequency (cycle/100 pixels)")
text = plt.ylabel("threshold (cycle/100 pixels)")

# %% [markdown]
# The threshold is low up to an elbow, which moves to higher frequencies while the network learns. It is fitted by a
# threshold that is flat and then rises as a line.

# %%
for one in chosen:
    print(f"step {one.step.item()}: elbow at {readouts.elbow(frequency, one.values):.1f} cycles/100 pixels")

# %% [markdown]
# Acuity is the highest frequency whose threshold is below a criterion, here 1 cycle/100 pixels: in these small patches all
# thresholds are higher than in the paper. Left: along learning. Right: grating acuity of children, from four studies that
# give numbers.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.6), layout="constrained")
left.plot(threshold.step, [readouts.acuity(frequency, one.values, 1) for one in threshold], "o-", ms=3)
left.set(xlabel="learning step", ylabel="acuity (cycle/100 pixels)", ylim=0)
children = human.read("grating-acuity")
right.plot([children.age_low, children.age_high], [children.low, children.high], "o-", ms=3)
text = right.set(xlabel="age (month)", ylabel="acuity (cycle/degree)", ylim=0)

# %% [markdown]
# Networks of two and three matrices learn the same components later, and each of them more abruptly.

# %%
early = [step for step in snapshots if step <= 3000]
figure, panels = plt.subplots(1, 2, figsize=(7, 2.6), layout="constrained", sharey=True)
for axes, depth, scale in zip(panels, (2, 3), (0.005, 0.02), strict=True):
    deeper = learn(LinearNetwork(depth, scale=scale), Stage(pca.variance.values, 3000), early, progress=False)
    axes.semilogx(deeper.step[1:], readouts.proportion_learned(deeper)[1:, [0, 1, 3, 7, 15]])
    axes.set(xlabel="learning step", title=f"{depth} matrices")
text = panels[0].set_ylabel("proportion learned")

# %% [markdown]
# ## The whole figure
#
# All panels, at the quick setting, which takes three and a half minutes on two cores. Photographs of your own are named by
# `images="photographs/"`. The setting of the paper is `profile="paper"`, which trains the deeper networks three times as
# long.

# %% tags=["whole-figure"]
from IPython.display import Image, display

from fechner.paper import reproduce

whole = reproduce(["fig5"], profile="quick", out="results", resume=True)
for picture in sorted(Path("results/fig5").glob("*.png")):
    display(Image(picture, width=720))

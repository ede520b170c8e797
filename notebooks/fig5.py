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
import matplotlib.pyplot as plt
import numpy as np

import fechner
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
shown = threshold.sel(step=[1000, 2000, 4000, 7000])
lines = shown.plot.line(x="spatial_frequency", aspect=1.6, size=3)
plt.xlabel("spatial frequency (cycle/100 pixels)")
text = plt.ylabel("threshold (cycle/100 pixels)")

# %% [markdown]
# The threshold is low up to an elbow, which moves to higher frequencies while the network learns. It is fitted by a
# threshold that is flat and then rises as a line.

# %%
for one in shown:
    print(f"step {one.step.item()}: elbow at {readouts.elbow(frequency, one.values):.1f} cycles/100 pixels")

# %% [markdown]
# The figure, with networks of two and three matrices: `fechner reproduce fig5 --images photographs/`.

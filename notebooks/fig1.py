# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Figure 1: what efficient coding predicts
#
# How often does each orientation occur in photographs, and how sensitive should an efficient code be to it?
# Efficient coding says that Fisher information J follows the density p of a variable as a power, J ∝ p^q.
# Orientation is that of the bars: 0° is horizontal.

# %%
# %matplotlib inline
from pathlib import Path

import matplotlib.pyplot as plt
import xarray as xr

import fechner
from fechner import human

# %% [markdown]
# The density of orientation in 500 ImageNet photographs, which comes with the installation; the band is a 95 % interval over
# photographs. For photographs of your own, name their folder: `fechner.image_statistics("photographs/")`.

# %%
prior = fechner.image_statistics(feature="orientation")
fechner.draw(prior)

# %% [markdown]
# Horizontal and vertical over oblique, in these photographs and in the formula that is often used instead of them.

# %%
analytic = human.priors("orientation")["analytic prior"]
for name, density in {"photographs": prior.density, "analytic prior": analytic.density}.items():
    cardinal, oblique = (density.sel(orientation=pair).mean() for pair in ([0, 90], [45, 135]))
    print(f"{name}: density at 0° and 90° over that at 45° and 135° = {float(cardinal / oblique):.2f}")

# %% [markdown]
# What each exponent predicts for sensitivity √J: q = 2 is infomax, q = 1/2 discrimax.

# %%
q = xr.DataArray([2.0, 1.0, 0.5], coords={"q": [2.0, 1.0, 0.5]}, dims="q")
sensitivity = prior.density ** (q / 2)
sensitivity = (sensitivity / sensitivity.mean("orientation")).assign_attrs(long_name="predicted √J", units="× mean")
lines = sensitivity.plot.line(x="orientation", aspect=1.6, size=3)
ticks = plt.xticks([0, 45, 90, 135, 180])

# %% [markdown]
# A threshold is proportional to 1/√J, so it should be lowest where orientations are frequent.

# %%
threshold = 1 / sensitivity
threshold = (threshold / threshold.mean("orientation")).assign_attrs(long_name="predicted threshold", units="× mean")
lines = threshold.plot.line(x="orientation", aspect=1.6, size=3)
plt.legend(lines, ["2.0", "1.0", "0.5"], title="q", loc="upper right")
ticks = plt.xticks([0, 45, 90, 135, 180])

# %% [markdown]
# Human thresholds that a text gives as numbers. They do not cover all orientations, so they cannot tell the exponents
# apart.

# %%
measured = human.read("orientation-discrimination")
for entry in range(measured.sizes["entry"]):
    one = measured.isel(entry=entry)
    print(f"{one.low.item()} to {one.high.item()} {one.low.attrs['units']}: {one.conditions.item()}")
    print(f"    {one.source.item()}")

# %% [markdown]
# ## The whole figure
#
# All panels, at the quick setting. Photographs of your own are named by `images="photographs/"`; with `profile="paper"` this
# figure is the same.

# %% tags=["whole-figure"]
from IPython.display import Image, display

from fechner.paper import reproduce

whole = reproduce(["fig1"], profile="quick", out="results", resume=True)
for picture in sorted(Path("results/fig1").glob("*.png")):
    display(Image(picture, width=720))

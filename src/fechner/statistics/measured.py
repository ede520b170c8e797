"""Densities that ship with the package, so that curves can be compared with natural statistics at once.

docs/build_densities.py measured them; each file says of which images, how many, with which settings and versions. The
photographs themselves do not ship.
"""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from fechner import results
from fechner.arguments import checked
from fechner.errors import FechnerError, choices

DATA = Path(__file__).parent / "data"
SHIPPED = {"imagenet": ("orientation", "hue", "spatial_frequency"), "cifar10": ("orientation", "hue")}


@checked
def shipped(images: str = "imagenet", feature: str = "orientation") -> xr.Dataset:
    """A density that ships with the package, as `image_statistics` measured it.

    >>> prior = shipped("imagenet", "hue")
    >>> prior.attrs["title"], prior.density.attrs["units"]
    ('500 photographs of ImageNet', '1/degree')

    Args:
        images: "imagenet" (500 photographs, one of each of 500 classes) or "cifar10" (the 50,000 training images).
        feature: "orientation" or "hue"; "spatial_frequency" of ImageNet alone, at 100 pixels/degree.

    Returns:
        A Dataset as that of `image_statistics`, with `density`, its interval and `density_jackknife` over groups of images,
        in 1/degree, or 1/(cycle/degree). Attributes say of how many images, with which settings and versions.

    Raises:
        FechnerError: for images or a feature of which no density ships.

    Sources: Russakovsky et al. (2015), Int. J. Comput. Vis. 115; Krizhevsky (2009), Learning multiple layers of features.
    """
    if images not in SHIPPED:
        raise choices("images", images, SHIPPED)
    if feature not in SHIPPED[images]:
        raise FechnerError(
            f"no density of {feature} in {images} ships with the package, only of {', '.join(SHIPPED[images])}: measure it "
            "with image_statistics"
        )
    return results.read(DATA / f"{images}-{feature}.nc")

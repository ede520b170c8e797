"""Measures the densities that ship: python docs/build_densities.py imagenet-sample.tar cifar10/train

The first is a folder or an archive of 500 ImageNet photographs, one of each of 500 classes; the second holds the 50,000
training images of CIFAR-10, a folder for each class. Each density goes to src/fechner/statistics/data/.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import fechner
from fechner.statistics.measured import DATA

# Images of 32 pixels allow one scale, and few bins.
MEASURED: dict[tuple[str, str], dict[str, Any]] = {
    ("imagenet", "orientation"): {},
    ("imagenet", "hue"): {},
    ("imagenet", "spatial_frequency"): {},
    ("cifar10", "orientation"): {"values": 36, "scales": 1},
    ("cifar10", "hue"): {"values": 72},
}
TITLES = {"imagenet": "photographs of ImageNet", "cifar10": "training images of CIFAR-10"}


def main(sources: dict[str, str]) -> None:
    """Measure and write them all, as 32-bit numbers."""
    for (images, feature), settings in MEASURED.items():
        density = fechner.image_statistics(sources[images], feature, **settings)
        # Where the images lay on the machine that measured is of no use to others.
        density.attrs |= {
            "title": f"{density.attrs['photographs']:,} {TITLES[images]}",
            "images": images,
            "command": f"python {Path(__file__).parent.name}/{Path(__file__).name}",
        }
        path = DATA / f"{images}-{feature}.nc"
        encoding = {
            name: {"zlib": True, "shuffle": True, "dtype": "float32"}
            for name in density.data_vars
            if density[name].dims
        }
        density.to_netcdf(path, engine="h5netcdf", encoding=encoding)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB, {density.attrs['title']}", flush=True)


if __name__ == "__main__":
    main(dict(zip(TITLES, sys.argv[1:], strict=True)))

"""Densities that ship: what they hold, where they come from, and that they are what is measured of the photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fechner import FechnerError, compare, contents, image_statistics, results
from fechner.statistics.measured import DATA, SHIPPED, shipped

EACH = [(images, feature) for images, features in SHIPPED.items() for feature in features]


@pytest.mark.parametrize(("images", "feature"), EACH)
def test_each_is_a_whole_result_of_known_origin(images: str, feature: str) -> None:
    density = shipped(images, feature)
    results.check(density)
    assert density.attrs["photographs"] == {"imagenet": 500, "cifar10": 50_000}[images]
    assert contents.measured_on(density).startswith(("500 photographs of", "50,000 training images of"))
    assert not any("/" in str(density.attrs[name]) for name in ("images", "settings"))
    assert density.sizes["group"] == 100
    assert ((density.density_low < density.density) & (density.density < density.density_high)).all()
    for name in ("fechner_version", "torch_version", "settings", "date", "command"):
        assert density.attrs[name]


def test_they_are_small_and_nothing_else_ships() -> None:
    files = sorted(DATA.glob("*.nc"))
    assert [f.stem for f in files] == sorted(f"{images}-{feature}" for images, feature in EACH)
    assert sum(f.stat().st_size for f in files) < 500_000


def test_they_are_what_is_measured(photographs_tar: Path) -> None:
    again = image_statistics(photographs_tar, "spatial_frequency", progress=False)
    for name in ("density", "density_low", "density_high", "density_jackknife", "exponent"):
        assert np.allclose(again[name], shipped("imagenet", "spatial_frequency")[name], rtol=1e-5), name


def test_without_images_they_are_the_statistics() -> None:
    assert image_statistics(feature="hue").identical(shipped("imagenet", "hue"))


def test_what_does_not_ship_is_refused() -> None:
    with pytest.raises(FechnerError, match="unknown images 'imagenet1k'; did you mean: imagenet"):
        shipped("imagenet1k", "hue")
    with pytest.raises(
        FechnerError, match="no density of spatial_frequency in cifar10 ships .* only of orientation, hue"
    ):
        shipped("cifar10", "spatial_frequency")
    with pytest.raises(FechnerError, match="it has no fisher_information"):
        compare(shipped("cifar10", "hue"))

"""Bars and frames are cut off, and nothing else is: an object before a plain background comes back whole."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fechner.statistics import photographs
from fechner.statistics.borders import box, content
from fechner.statistics.hue import HueFeature
from fechner.statistics.orientation import OrientationFeature
from fechner.statistics.spatial_frequency import SpatialFrequencyFeature

RNG = np.random.default_rng(0)


def photograph(name: str) -> np.ndarray:
    return next(p.pixels() for p in photographs() if p.name.startswith(name))


def barred(picture: np.ndarray, height: int, width: int, level: int, noise: float, quality: int) -> np.ndarray:
    """The picture in the middle of a uniform image, compressed."""
    image = np.rint(level + RNG.normal(0, noise, (height, width, 3))).clip(0, 255).astype(np.uint8)
    top, left = (height - picture.shape[0]) // 2, (width - picture.shape[1]) // 2
    image[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def grey(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).convert("L"))


@pytest.mark.parametrize("noise", [0, 3])
@pytest.mark.parametrize("level", [0, 16, 128, 255])
def test_an_upright_film_in_a_wide_frame(level: int, noise: float) -> None:
    upright = np.asarray(Image.fromarray(photograph("astronaut")).resize((405, 720)))
    wide = barred(upright, 720, 1280, level, noise, 85)
    rows, columns = box(grey(wide))
    assert (rows.start, rows.stop) == (0, 720)
    assert 437 <= columns.start <= 437 + 16
    assert 437 + 405 - 16 <= columns.stop <= 437 + 405

    def vertical(pixels: np.ndarray) -> float:
        energy = OrientationFeature(values=18).measure(pixels).sum(0)
        return float(energy[9] / energy.sum())

    assert vertical(wide) == pytest.approx(vertical(upright), abs=0.04)
    assert vertical(wide) < 0.2


def test_without_their_cut_bars_would_be_most_of_the_energy(monkeypatch: pytest.MonkeyPatch) -> None:
    upright = np.asarray(Image.fromarray(photograph("rocket")).resize((405, 720)))
    wide = barred(upright, 720, 1280, 255, 0, 85)
    monkeypatch.setattr("fechner.statistics.orientation.content", lambda whole, least: whole)
    energy = OrientationFeature(values=18).measure(wide).sum(0)
    assert energy[9] > 0.85 * energy.sum()


@pytest.mark.parametrize(("high", "wide"), [(700, 512), (512, 900), (600, 640)])
@pytest.mark.parametrize("quality", [60, 95])
def test_letterbox_pillarbox_and_frame_of_photographs(high: int, wide: int, quality: int) -> None:
    for name in ("chelsea", "coffee", "grass", "motorcycle_left"):
        picture = np.asarray(Image.fromarray(photograph(name)).resize((512, 512)))
        rows, columns = box(grey(barred(picture, high, wide, 0, 3, quality)))
        for cut, whole in ((rows, high), (columns, wide)):
            margin = (whole - 512) // 2
            assert margin <= cut.start <= margin + (20 if margin else 0)
            assert whole - margin - (20 if margin else 0) <= cut.stop <= whole - margin


def test_bars_in_a_frame_of_another_level() -> None:
    picture = np.asarray(Image.fromarray(photograph("coffee")).resize((400, 300)))
    film = barred(picture, 400, 400, 0, 0, 95)
    assert content(grey(barred(film, 480, 500, 255, 0, 95))).shape[0] <= 300


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_an_object_before_a_plain_background_comes_back_whole(shade: int) -> None:
    y, x = np.mgrid[-150:150, -200:200]
    texture = RNG.integers(0, 256, y.shape)
    objects = {
        "ball": np.hypot(x, y) < 90,
        "ball that touches the ground": np.hypot(x, y - 60) < 90,
        "leaning pole": np.abs(x - 0.2 * y) < 15,
        "small tile": (abs(x) < 40) & (abs(y) < 40),
        "roof": y > abs(x) - 80,
    }
    for name, inside in objects.items():
        image = np.where(inside, texture, shade).astype(np.uint8)
        assert content(image).shape == image.shape, name
    # So does a sky that grows brighter towards the ground.
    sky = np.clip(np.where(y < 60, 120 + 0.4 * y, texture), 0, 255).astype(np.uint8)
    assert content(sky).shape == sky.shape


def test_small_images_of_any_kind_keep_something() -> None:
    for seed in range(300):
        rng = np.random.default_rng(seed)
        image = np.full(rng.integers(1, 40, 2), rng.integers(256), np.uint8)
        rows, columns = (slice(*sorted(rng.integers(0, n + 1, 2))) for n in image.shape)
        image[rows, columns] = rng.integers(0, 256, image[rows, columns].shape)
        kept = content(image).shape
        assert all(0 < n <= whole for n, whole in zip(kept, image.shape, strict=True))
        assert all(n >= whole / 5 for n, whole in zip(kept, image.shape, strict=True))


def test_photographs_without_bars_are_whole() -> None:
    for found in photographs():
        pixels = found.pixels()
        assert content(grey(pixels)).shape == pixels.shape[:2] or found.name == "rocket.jpg", found.name


def test_every_feature_leaves_bars_out() -> None:
    picture = np.asarray(Image.fromarray(photograph("coffee")).resize((400, 400)))
    frame = np.full((500, 560, 3), (20, 200, 20), np.uint8)
    frame[50:450, 80:480] = picture
    rows, columns = box(grey(frame))
    for feature in (OrientationFeature(), HueFeature(), SpatialFrequencyFeature()):
        assert np.array_equal(feature.measure(frame), feature.measure(frame[rows, columns]))
    assert np.abs(HueFeature(values=12).measure(frame) - HueFeature(values=12).measure(picture)).max() < 0.02


@pytest.mark.slow
def test_of_500_photographs_those_with_bars_are_cut(photographs_tar: Path) -> None:
    """37 were, when each was looked at: all of them had bars, frames or rims, or a straight edge of a box or page."""
    found = [grey(p.pixels()) for p in photographs(photographs_tar)]
    assert sum(content(g).shape != g.shape for g in found) == pytest.approx(37, abs=2)

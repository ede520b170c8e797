"""One function for every feature: the jackknife, the sharing out, what is skipped, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fechner import FechnerError, image_statistics, results
from fechner.interval import jackknife_t
from fechner.statistics import FEATURES, photographs
from fechner.statistics.hue import HueFeature


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eighty pictures of a few colours each."""
    rng = np.random.default_rng(0)
    for i in range(80):
        colours = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        path = tmp_path / "images" / f"{i % 4}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(colours.repeat(8, 0).repeat(8, 1)).save(path)
    return tmp_path / "images"


@pytest.mark.parametrize("feature", FEATURES)
def test_densities_integrate_to_one(feature: str) -> None:
    found = image_statistics("scikit-image", feature=feature)
    along = found.attrs["along"]
    values = found[along]
    width = found.bin_width if "bin_width" in found else float(np.diff(values)[0])
    assert float((found.density * width).sum()) == pytest.approx(1)
    assert (found.density_jackknife * width).sum(along).values == pytest.approx(np.ones(9))
    known = np.isfinite(found.density_low)
    assert known.mean() > 0.6
    assert ((found.density_low < found.density) & (found.density < found.density_high))[known].all()
    assert found.attrs["photographs"] == 9
    assert values.attrs["units"] in ("degree", "cycle/degree")


def test_the_estimate_is_the_mean_over_photographs_and_the_interval_that_of_the_jackknife(folder: Path) -> None:
    found = image_statistics(folder, "hue", values=12)
    shares = np.stack([HueFeature(values=12).measure(p.pixels())[0] for p in photographs(folder)])
    assert found.density.values == pytest.approx(shares.sum(0) / shares.sum() / 30)
    without = np.stack([np.delete(shares, i, 0).sum(0) for i in range(80)])
    without /= without.sum(1, keepdims=True) * 30
    assert found.density_jackknife.values == pytest.approx(without)
    low, high = jackknife_t(found.density.values, without, scale="density")
    assert found.density_low.values == pytest.approx(low)
    assert found.density_high.values == pytest.approx(high)


def test_at_most_a_hundred_groups_are_left_out(folder: Path) -> None:
    for i in range(40):
        Image.fromarray(np.full((8, 8, 3), (200, i, 0), np.uint8)).save(folder / f"more{i}.png")
    found = image_statistics(folder, "hue", values=12)
    shares = np.stack([HueFeature(values=12).measure(p.pixels())[0] for p in photographs(folder)])
    without = np.delete(shares, [3, 103], 0).sum(0)
    assert found.sizes["group"] == 100
    assert found.density_jackknife.values[3] == pytest.approx(without / without.sum() / 30)


def test_any_sharing_out_gives_the_same(folder: Path, tmp_path: Path) -> None:
    here = image_statistics(folder, "hue", values=24, workers=0)
    workers = image_statistics(folder, "hue", values=24, workers=2, progress=False)
    words = ["-m", "fechner", "statistics", str(folder), "--feature", "hue", "--set", "values=24"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0"]
    run = subprocess.run(
        [*torchrun, "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", *words, "--out", str(tmp_path / "p.nc")],
        capture_output=True, text=True, timeout=300, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("saved") == 1
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for path in folder.rglob("*.png"):
            archive.write(path, path.relative_to(folder).as_posix())
    zipped = image_statistics(tmp_path / "images.zip", "hue", values=24, workers=2)
    for other in (workers, zipped, results.read(tmp_path / "p.nc")):
        for name in here.data_vars:
            assert np.abs(here[name].values - other[name].values).max() < 1e-9
        assert other.attrs["photographs"] == 80


def test_what_cannot_be_used_is_skipped_and_named_up_to_a_tenth(folder: Path) -> None:
    for i in range(8):
        (folder / f"broken{i}.jpg").write_bytes(b"\xff\xd8nonsense")
    found = image_statistics(folder, "hue")
    assert found.attrs["photographs"] == 80
    skipped = json.loads(found.attrs["skipped"])
    assert set(skipped) == {f"broken{i}.jpg" for i in range(8)}
    assert "cannot decode" in skipped["broken0.jpg"]
    (folder / "broken8.jpg").write_bytes(b"\xff\xd8nonsense")
    with pytest.raises(FechnerError, match="more than a tenth of 89 images cannot be used"):
        image_statistics(folder, "hue")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"feature": "colour"}, "unknown feature 'colour'"),
        ({"feature": "hue", "saturatoin": 0.3}, "unknown setting of hue 'saturatoin'; did you mean: saturation"),
        ({"feature": "hue", "saturation": "high"}, "saturation must be a number in \\[0, 1\\], got 'high'"),
        ({"feature": "orientation", "scales": "fine"}, "scales must be a list of numbers, got 'fine'"),
        (
            {"values": 36},
            "settings \\(values\\) need photographs to measure, .* or 'scikit-image' for nine photographs",
        ),
        ({"workers": -1}, "workers must be"),
        ({"images": "/no/such/folder"}, "no folder or archive"),
    ],
)
def test_bad_input(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(FechnerError, match=message):
        image_statistics(**arguments)  # type: ignore[arg-type]


def test_nothing_to_count(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / "black.png")
    for feature in ("hue", "orientation"):
        with pytest.raises(FechnerError, match=f"nothing to count: no {feature}"):
            image_statistics(tmp_path, feature)


def test_fewer_than_five_photographs_have_no_interval(folder: Path) -> None:
    found = image_statistics(folder / "0", "hue", values=12)
    assert np.isfinite(found.density_low).all()
    for count in (1, 4, 5):
        few = folder.parent / f"few{count}"
        few.mkdir()
        for name in sorted(folder.glob("1/*.png"))[:count]:
            shutil.copy(name, few)
        assert np.isfinite(image_statistics(few, "hue", values=12).density_low).any() == (count == 5)

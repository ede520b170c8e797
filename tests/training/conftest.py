"""A small set of real images: parts of photographs in scikit-image's wheel, one class for each photograph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fechner.statistics import photographs

CLASSES = ("brick", "coffee", "grass")


@pytest.fixture(scope="session")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train/ and val/, three classes, 40 and 12 images of 32 pixels each."""
    root = tmp_path_factory.mktemp("tiles")
    rng = np.random.default_rng(0)
    found = {p.name.split(".")[0]: p.pixels() for p in photographs()}
    for name in CLASSES:
        for part, count in (("train", 40), ("val", 12)):
            folder = root / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                y, x = (int(rng.integers(0, s - 32)) for s in found[name].shape[:2])
                Image.fromarray(found[name][y : y + 32, x : x + 32]).save(folder / f"{i:02d}.png")
    return root

"""Processes work in a plain script, without a guard, under every method of starting them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import multiprocessing, sys
print("once", flush=True)
multiprocessing.set_start_method(sys.argv[1])
import fechner
from fechner.statistics import principal_components, stream, workers
pca = principal_components(number=500, size=4, workers=2, progress=False)
stream.context = lambda count: workers.Apart()  # as where processes are not copied
prior = fechner.image_statistics("scikit-image", feature="hue", values=12, workers=1, progress=False)
print(pca.attrs["photographs"], prior.attrs["photographs"])
"""


@pytest.mark.parametrize("method", ["spawn", pytest.param("forkserver", marks=pytest.mark.slow)])
def test_a_plain_script_measures_once(method: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    run = subprocess.run(
        [sys.executable, "script.py", method],
        capture_output=True, text=True, timeout=300, cwd=tmp_path, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["once", "9", "9"]

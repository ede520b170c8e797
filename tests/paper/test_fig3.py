"""Figure 3 from real curves of a few hues: claims, checkpoints beside, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import fechner
from fechner import FechnerError
from fechner.paper import curves, reproduce
from fechner.paper.fig3 import compute as fig3

TINY = fig3.Profile(("efficientnet_lite0",), values=8, colours=2, seeds=2)


@pytest.mark.slow
def test_reproduce_with_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fig3.PROFILES, "quick", TINY)
    measured = curves.sensitivity
    monkeypatch.setattr(
        curves,
        "sensitivity",
        lambda n, *a, **kw: measured(n, *a, layers="blocks.?,blocks.1?", progress=False, batch_size=8, **kw),
    )
    file = tmp_path / "rotated.pt"
    torch.save(fechner.load("efficientnet_lite0", "init", 7).model.state_dict(), file)
    tree = reproduce(["fig3"], "quick", tmp_path / "out", checkpoints=[str(file)], say=lambda _: None)
    data = tree["curves"].to_dataset()
    folder = tmp_path / "out" / "fig3"
    assert dict.fromkeys(data.weights.values.tolist()) == dict.fromkeys(["pretrained", "init", str(file)])
    assert data.sizes["hue"] == 8
    assert float(data.fisher_information.isel(layer=0).std() / data.fisher_information.isel(layer=0).mean()) < 1e-4
    findings = json.loads((folder / "claims.json").read_text())
    names = ["fig3-follows", "fig3-follows-over-early", "fig3-follows-over-init"]
    assert [c["id"] for c in findings["claims"]] == names
    # One network decides nothing, and with so few colours its values are uncertain.
    assert {c["verdict"] for c in findings["claims"]} == {"undecided"}
    numbers = {m["id"]: m["measured"] for m in findings["measurements"]}
    assert numbers["fig3-efficientnet_lite0-uncertain"] > 0
    assert -1 <= numbers["fig3-follows-all-values"] <= 1
    assert {p.name for p in folder.iterdir()} == {"parts", "data.nc", "claims.json", "fig3.svg", "fig3.png"}
    assert "rotated" in (folder / "fig3.svg").read_text()
    assert "fig3/fig3.svg" in (tmp_path / "out" / "index.html").read_text()


def test_bad_input_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(FechnerError, match=r"no weights file 'gone\.pt'"):
        reproduce(["fig3"], out=tmp_path, checkpoints=["gone.pt"])
    with pytest.raises(FechnerError, match="did you mean: resnet18"):
        reproduce(["fig3"], out=tmp_path, checkpoints=["resnet181=gone.pt"])
    with pytest.raises(FechnerError, match="no folder or archive"):
        reproduce(["fig3"], out=tmp_path, images=tmp_path / "gone")
    assert not list(tmp_path.iterdir())

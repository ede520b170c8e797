"""Reading weights without running code, fitting them, and shuffling."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from fechner import FechnerError, load
from fechner.networks import shuffle
from fechner.networks.weights import fit


def test_files_of_every_kind_give_the_same_network(tmp_path: Path) -> None:
    original = load("resnet18", "init", seed=3)
    state = original.model.state_dict()
    torch.save(state, tmp_path / "plain.pt")
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}, "epoch": 3}, tmp_path / "wrapped.pth")
    save_file(state, tmp_path / "safe.safetensors")
    torch.save({"best_acc1": torch.tensor(70.0), "state_dict": state}, tmp_path / "beside.pth")
    for file in ("plain.pt", "wrapped.pth", "safe.safetensors", "beside.pth"):
        assert load("resnet18", tmp_path / file).weights_sha256() == original.weights_sha256(), file


def test_a_fine_tuned_head_is_recognised(tmp_path: Path) -> None:
    from torchvision.models import resnet18

    torch.save(resnet18(num_classes=10).state_dict(), tmp_path / "ten.pt")
    assert load("resnet18", tmp_path / "ten.pt").model.fc.out_features == 10  # type: ignore[union-attr]


class Evil:
    def __reduce__(self):
        return os.system, ("touch executed",)


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_bad_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"w": Evil()}, "evil.pt")
    torch.save(load("alexnet", "init").model.state_dict(), "alexnet.pt")
    whole = Path("alexnet.pt").read_bytes()
    Path("cut.pt").write_bytes(whole[: len(whole) // 2])
    Path("text.pt").write_text("hello")
    Path("page.pt").write_text("<!DOCTYPE html>")
    Path("pointer.pt").write_text("version https://git-lfs.github.com/spec/v1\n")
    Path("empty.pt").touch()
    torch.save(nn.Conv2d(3, 2, 3), "whole.pt")
    Path("cut.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    torch.save([1, 2], "list.pt")
    torch.jit.trace(nn.Conv2d(3, 2, 3), torch.rand(1, 3, 8, 8), check_trace=False).save("traced.pt")
    for file, message in {
        "evil.pt": "could run code",
        "none.pt": "no weights file",
        "cut.pt": "truncated, damaged",
        "text.pt": "damaged",
        "page.pt": "damaged or not a weights file",
        "pointer.pt": "damaged or not a weights file",
        "empty.pt": "damaged or not a weights file",
        "whole.pt": "could run code",
        "cut.safetensors": "truncated, damaged",
        "list.pt": "holds no state dict",
        "traced.pt": "TorchScript archive",
        "alexnet.pt": "does not fit ResNet: .* missing .* unexpected",
    }.items():
        with pytest.raises(FechnerError, match=message):
            load("resnet18", file)
    assert not Path("executed").exists()


def test_shuffle_is_seeded_and_keeps_values() -> None:
    one, two, other = (load("resnet18", "init") for _ in range(3))
    before = {k: v.clone() for k, v in one.model.state_dict().items()}
    shuffle(one.model, 1), shuffle(two.model, 1), shuffle(other.model, 2)
    assert one.weights_sha256() == two.weights_sha256() != other.weights_sha256()
    for name, value in one.model.state_dict().items():
        assert torch.equal(value.flatten().sort()[0], before[name].flatten().sort()[0]), name


def test_shuffle_by_shape() -> None:
    torch.manual_seed(0)
    conv, linear, norm = nn.Conv2d(3, 8, 3), nn.Linear(6, 5), nn.BatchNorm2d(8)
    norm.running_mean.copy_(torch.arange(8.0))
    before = conv.weight.detach().clone()
    rows = linear.weight.detach().clone()
    shuffle(nn.Sequential(conv, linear, norm), 0)
    orders = set()
    for y in range(3):
        for x in range(3):
            # The whole output channel moves, at every kernel position to another place.
            match = (conv.weight[:, None, :, y, x] == before[None, :, :, y, x]).all(-1)
            assert (match.sum(1) == 1).all()
            orders.add(tuple(match.int().argmax(1).tolist()))
    assert len(orders) > 5
    sums = {tuple(np.sort(r)) for r in rows.numpy()}
    assert {tuple(np.sort(r)) for r in linear.weight.detach().numpy()} == sums
    assert not torch.equal(norm.running_mean, torch.arange(8.0))
    assert torch.equal(norm.running_mean.sort()[0], torch.arange(8.0))


def test_a_variant_takes_another_networks_weights_only_if_most_fit() -> None:
    state = load("alexnet", "init").model.state_dict()
    variant = load("alexnet_no_pooling", "init").model
    fit(variant, state, "these", partly=True)
    assert torch.equal(variant.state_dict()["features.0.weight"], state["features.0.weight"])
    for few in (dict(list(state.items())[:3]), {"features.0.bias": state["features.0.bias"], "a": torch.zeros(1)}):
        with pytest.raises(FechnerError, match="these does not fit"):
            fit(variant, few, "these", partly=True)

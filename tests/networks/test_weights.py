"""Reading weights without running code, fitting them, and shuffling."""

from __future__ import annotations

import argparse
import collections
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from fechner import FechnerError, load
from fechner.errors import FechnerWarning
from fechner.networks import blocks, shuffle, trace
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
    assert torch.equal(norm.running_mean, torch.arange(8.0))


def test_buffers_are_shuffled_on_request_and_parameters_are_the_same() -> None:
    one, two = (load("resnet18_small", "init").model for _ in range(2))
    for model in (one, two):
        model.bn1.running_mean.copy_(torch.arange(16.0))  # type: ignore[union-attr]
    shuffle(one, 1), shuffle(two, 1, buffers=True)
    assert torch.equal(one.bn1.running_mean, torch.arange(16.0))  # type: ignore[union-attr]
    assert not torch.equal(two.bn1.running_mean, torch.arange(16.0))  # type: ignore[union-attr]
    assert torch.equal(two.bn1.running_mean.sort()[0], torch.arange(16.0))  # type: ignore[union-attr]
    for (name, a), (_, b) in zip(one.named_parameters(), two.named_parameters(), strict=True):
        assert torch.equal(a, b), name


def test_both_kinds_of_shuffling_by_name() -> None:
    pretrained, plain, buffers = (
        load("efficientnet_lite0", w) for w in ("pretrained", "shuffled", "shuffled-with-buffers")
    )
    name = "stem.bn.running_var"
    assert torch.equal(plain.model.state_dict()[name], pretrained.model.state_dict()[name])
    assert not torch.equal(buffers.model.state_dict()[name], pretrained.model.state_dict()[name])
    assert (plain.weights, buffers.weights) == ("shuffled", "shuffled-with-buffers")


def test_a_variant_takes_another_networks_weights_only_if_most_fit() -> None:
    state = load("alexnet", "init").model.state_dict()
    variant = load("alexnet_no_pooling", "init").model
    fit(variant, state, "these", partly=True)
    assert torch.equal(variant.state_dict()["features.0.weight"], state["features.0.weight"])
    for few in (dict(list(state.items())[:3]), {"features.0.bias": state["features.0.bias"], "a": torch.zeros(1)}):
        with pytest.raises(FechnerError, match="these does not fit"):
            fit(variant, few, "these", partly=True)


def prefixed(prefix: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in state.items()}


def small_states() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Two different state dicts of resnet18_small, raw and averaged."""
    return tuple(load("resnet18_small", "init", seed).model.state_dict() for seed in (1, 2))  # type: ignore[return-value]


def headless(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}


@pytest.mark.parametrize(
    "prefix",
    [
        "net.", "backbone.", "encoder.", "encoder_q.", "module.encoder_q.", "model._orig_mod.", "network.model.", "anything.",
        "module.",
    ],
)  # fmt: skip
def test_any_prefix_is_found(prefix: str, tmp_path: Path) -> None:
    state = small_states()[0]
    torch.save({"state_dict": prefixed(prefix, state), "epoch": 3}, tmp_path / "a.ckpt")
    loaded = load("resnet18_small", tmp_path / "a.ckpt")
    assert loaded.weights_sha256() == load("resnet18_small", "init", 1).weights_sha256()
    assert loaded.weights == str(tmp_path / "a.ckpt")


def test_layers_may_be_wrapped_alone_or_lie_beside_their_backbone(tmp_path: Path) -> None:
    state = small_states()[0]
    # The features alone in DataParallel, as in PyTorch's ImageNet example; a linear classifier on a backbone.
    inside = {name.replace("layer1.", "layer1.module."): tensor for name, tensor in state.items()}
    beside = prefixed("backbone.", headless(state)) | {name: state[name] for name in ("fc.weight", "fc.bias")}
    for content in (inside, beside):
        torch.save(content, tmp_path / "a.pth")
        assert load("resnet18_small", tmp_path / "a.pth").weights_sha256() == (
            load("resnet18_small", "init", 1).weights_sha256()
        )


def touch(name: str) -> None:
    Path(name).touch()


class Settings:
    """A Python object in a checkpoint, such as those that training scripts keep."""

    def __reduce__(self):
        return touch, ("executed",)


# Where raw and averaged weights lie: the raw ones by default, the others by their key.
CHECKPOINTS = {
    "torchvision": (
        lambda raw, ema: {"model": raw, "model_ema": {**prefixed("module.", ema), "n_averaged": torch.tensor(3)}},
        "model",
        "model_ema",
    ),
    "timm": (lambda raw, ema: {"state_dict": raw, "state_dict_ema": ema}, "state_dict", "state_dict_ema"),
    "dino": (
        lambda raw, ema: {"teacher": prefixed("backbone.", ema), "student": prefixed("module.backbone.", raw)},
        "student.backbone",
        "teacher.backbone",
    ),
    "moco": (
        lambda raw, ema: {"state_dict": prefixed("module.encoder_k.", ema) | prefixed("module.encoder_q.", raw)},
        "state_dict.encoder_q",
        "state_dict.encoder_k",
    ),
    "byol": (
        lambda raw, ema: prefixed("target_encoder.net.", ema) | prefixed("online_encoder.net.", raw),
        "online_encoder.net",
        "target_encoder.net",
    ),
    "at the top": (lambda raw, ema: {**raw, "ema": ema, "step": 3}, "", "ema"),
}


@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_of_raw_and_averaged_weights_either_can_be_taken(kind: str, tmp_path: Path) -> None:
    make, raw_key, ema_key = CHECKPOINTS[kind]
    raw, ema = small_states()
    file = tmp_path / "a.pth"
    torch.save({**make(raw, ema), "args": argparse.Namespace(out=tmp_path), "best": np.float64(3)}, file)
    with pytest.warns(
        FechnerWarning, match=rf"several sets of weights, and those .*{raw_key}.* are taken.*::{ema_key}"
    ):
        taken = load("resnet18_small", file)
    assert torch.equal(taken.model.conv1.weight, raw["conv1.weight"])  # type: ignore[union-attr]
    assert taken.weights == (f"{file}::{raw_key}" if raw_key else str(file))
    for key in (ema_key, ema_key.split(".")[-2 if "." in ema_key and kind != "moco" else -1]):
        taken = load("resnet18_small", f"{file}::{key}")
        assert torch.equal(taken.model.conv1.weight, ema["conv1.weight"])  # type: ignore[union-attr]
        assert taken.weights == f"{file}::{ema_key}"
    with pytest.raises(FechnerError, match=rf"unknown weights in .* 'polyak'; there are: .*{ema_key}"):
        load("resnet18_small", f"{file}::polyak")


def test_a_missing_head_is_left_out_with_a_word(tmp_path: Path) -> None:
    raw = small_states()[0]
    projection = {"fc.0.weight": torch.rand(128, 128), "fc.2.weight": torch.rand(64, 128)}
    for content, said in (
        (prefixed("backbone.", headless(raw)) | {"projector.weight": torch.rand(4, 4)}, "no weights for 'fc', which is left out"),
        (prefixed("encoder_q.", headless(raw) | projection), "no weights for 'fc', which is left out"),
        (headless(raw) | {"prototypes.weight": torch.rand(4, 4)}, "'fc'.*what it has for 'prototypes' is not used"),
    ):  # fmt: skip
        torch.save(content, tmp_path / "a.pth")
        with pytest.warns(FechnerWarning, match=said):
            network = load("resnet18_small", tmp_path / "a.pth")
        assert network(torch.rand(2, 3, 32, 32)).shape == (2, 128)
        assert "fc" not in [layer.name for layer in blocks(trace(network, torch.rand(1, 3, 32, 32)), network)]
    # What is missing elsewhere, or is there besides within the network's own layers, is an error as before.
    for changed in (
        {k: v for k, v in raw.items() if k != "bn1.bias"},
        raw | {"layer1.2.conv1.weight": torch.rand(4, 4)},
    ):
        torch.save(changed, tmp_path / "a.pth")
        with pytest.raises(FechnerError, match=r"does not fit SmallResNet: 1 (missing|unexpected)"):
            load("resnet18_small", tmp_path / "a.pth")


def test_python_objects_beside_the_weights_are_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    state = small_states()[0]
    torch.save({"model": state, "settings": Settings(), "more": collections.defaultdict(list, a=[1])}, "a.pth")
    assert torch.equal(load("resnet18_small", "a.pth").model.conv1.weight, state["conv1.weight"])  # type: ignore[union-attr]
    assert not Path("executed").exists()


def test_a_flipped_byte_is_found(tmp_path: Path) -> None:
    state, file = small_states()[0], tmp_path / "a.pth"
    torch.save(state, file)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(FechnerError, match=r"is damaged: the checksum of its entry 'a/data/\d+' does not agree"):
        load("resnet18_small", file)
    # Files may be written without checksums.
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(state, file)
    finally:
        torch.serialization.set_crc32_options(True)
    load("resnet18_small", file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.to(torch.int8), r"integer weights \(torch.int8\) in 'conv1.weight', where .* floating-point ones"),
        (lambda w: w.to(torch.complex64), r"complex weights \(torch.complex64\) in 'conv1.weight'"),
        (lambda w: w.to("meta"), "unreadable weights .* in 'conv1.weight'"),
        (lambda w: w.to_sparse(), "unreadable weights .* in 'conv1.weight'"),
        (
            lambda w: w / (torch.arange(432).view_as(w) > 6),
            "7 weights that are not finite .* the first in 'conv1.weight'",
        ),
        (lambda w: torch.full_like(w, 1e300, dtype=torch.float64), "432 weights that are not finite"),
    ],
)
def test_weights_of_another_kind_and_not_finite(change, message: str, tmp_path: Path) -> None:
    state = small_states()[0]
    torch.save(state | {"conv1.weight": change(state["conv1.weight"])}, tmp_path / "a.pth")
    with pytest.raises(FechnerError, match=message):
        load("resnet18_small", tmp_path / "a.pth")


def test_weights_in_parts_and_endings_in_upper_case(tmp_path: Path) -> None:
    state = small_states()[0]
    expected, names = load("resnet18_small", "init", 1).weights_sha256(), list(state)
    save_file(state, tmp_path / "WHOLE.SAFETENSORS")
    torch.save(state, tmp_path / "WHOLE.PTH")
    folder = tmp_path / "parts"
    folder.mkdir()
    parts = {f"model-0000{i}-of-00002.safetensors": names[i - 1 :: 2] for i in (1, 2)}
    for file, own in parts.items():
        save_file({name: state[name] for name in own}, folder / file)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": {n: f for f, own in parts.items() for n in own}}))
    for given in (tmp_path / "WHOLE.SAFETENSORS", tmp_path / "WHOLE.PTH", folder, index):
        assert load("resnet18_small", given).weights_sha256() == expected, given
    for given, message in {
        folder / "model-00001-of-00002.safetensors": "is one of 2 parts; give their folder",
        tmp_path / "NONE.PTH": "no weights file",
    }.items():
        with pytest.raises(FechnerError, match=message):
            load("resnet18_small", given)
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(FechnerError, match="00002-of-00002.safetensors' is missing, one of the 2 parts"):
        load("resnet18_small", folder)
    for text, message in (
        ("[", "no index of weights"),
        ('{"weight_map": {"a": "../WHOLE.PTH"}}', "expected files in its own folder"),
        ('{"weight_map": {"a": "model-00001-of-00002.safetensors"}}', "1 tensors .* are not in its parts, such as a"),
    ):
        index.write_text(text)
        with pytest.raises(FechnerError, match=message):
            load("resnet18_small", folder)
    index.unlink()
    with pytest.raises(FechnerError, match="holds no weights file; expected one that ends in"):
        load("resnet18_small", folder)


def test_a_file_without_a_state_dict_says_what_it_holds(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "arch": "resnet18"}, tmp_path / "a.pth")
    with pytest.raises(FechnerError, match=r"holds no state dict: .* there is epoch \(int\), arch \(str\)"):
        load("resnet18_small", tmp_path / "a.pth")

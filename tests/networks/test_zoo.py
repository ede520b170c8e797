"""Names, normalisation, seeds and variants."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.models import ResNet18_Weights, SqueezeNet1_1_Weights

from fechner import FechnerError, list_networks, load
from fechner.learning import Perceptron
from fechner.networks import untrained, zoo
from fechner.networks.small import SMALL
from fechner.networks.variants import CircularConv2d, disc


def test_listing() -> None:
    names = list_networks()
    assert {"efficientnet_lite0", "efficientnet_lite2", "alexnet_circular", "vit_b_16", "googlenet"} <= set(names)
    assert list_networks("resnet1*") == ["resnet101", "resnet152", "resnet18", "resnet18_small"]
    assert "fasterrcnn_resnet50_fpn" not in names


def test_unknown_names_suggest() -> None:
    with pytest.raises(FechnerError, match="did you mean: .*resnet18"):
        load("resnet81")
    with pytest.raises(FechnerError, match="unknown weights of resnet18 'IMAGENET1K_V3'"):
        load("resnet18", "IMAGENET1K_V3")


def test_offline_error_names_the_offline_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(
        FechnerError,
        match=r"resnet18 could not be downloaded .*copy https.*resnet18-.*.pth to .*checkpoints.*efficientnet_lite0",
    ):
        load("resnet18")


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"junk" * 100])
def test_damaged_downloads_are_told_apart(content: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    checkpoints = tmp_path / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / ResNet18_Weights.IMAGENET1K_V1.url.split("/")[-1]).write_bytes(content)
    with pytest.raises(FechnerError, match=f"resnet18 could not be read .*delete them in '{checkpoints}'"):
        load("resnet18")


@pytest.mark.parametrize(("name", "size"), [("googlenet", 64), ("inception_v3", 96)])
def test_networks_that_rescale_their_input_do_so_from_a_file(name: str, size: int, tmp_path: Path) -> None:
    # As torchvision makes them for its own weights, without the heads that only training reads.
    kwargs = {"aux_logits": False, "transform_input": True, "init_weights": False}
    original = models.get_model(name, weights=None, **kwargs).eval()
    torch.save(original.state_dict(), tmp_path / "a.pth")
    network, images = load(name, tmp_path / "a.pth"), torch.rand(2, 3, size, size)
    assert torch.allclose(network(images), original((images - network.mean) / network.std), atol=1e-5)


def test_a_file_may_hold_the_heads_that_only_training_reads(tmp_path: Path) -> None:
    initial, images = load("googlenet", "init", 1), torch.rand(2, 3, 64, 64)
    torch.save(initial.model.state_dict(), tmp_path / "a.pth")
    assert torch.equal(load("googlenet", tmp_path / "a.pth")(images), initial(images))


@pytest.mark.parametrize("seed", [-1, 10**20])
def test_seeds_that_no_generator_takes(seed: int) -> None:
    for make in (lambda: load("resnet18_small", "init", seed), lambda: untrained("resnet18_small", 10, seed)):
        with pytest.raises(FechnerError, match=f"seed must be a whole number from 0 to .*, got {seed}"):
            make()


def test_seed_and_normalisation() -> None:
    one, two, other = load("resnet18", "init", 1), load("resnet18", "init", 1), load("resnet18", "init", 2)
    assert one.weights_sha256() == two.weights_sha256() != other.weights_sha256()
    assert one.mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])
    state = torch.random.get_rng_state()
    load("resnet18", "init", 5)
    assert torch.equal(state, torch.random.get_rng_state())


def test_seeds_hold_in_threads() -> None:
    """Others that draw with a seed of their own do not disturb it, whoever they are."""
    makers: list[Callable[[int], Any]] = [
        lambda seed: load("resnet18_small", "init", seed),
        lambda seed: untrained("vit_small", 3, seed),
        lambda seed: Perceptron((16,))(seed, 12, 3),
    ]
    jobs = [(make, seed) for seed in range(8) for make in makers]
    expected = [make(seed).weights_sha256() for make, seed in jobs]
    before = torch.random.get_rng_state()
    start = threading.Barrier(4)

    def work(first: int) -> list[str]:
        start.wait()
        return [make(seed).weights_sha256() for make, seed in jobs[first::4]]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, range(4)))
    assert found == [expected[first::4] for first in range(4)]
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_seed_gives_what_it_gives_in_pytorch() -> None:
    for make, ours in (
        (SMALL["resnet18_small"], load("resnet18_small", "init", 3)),
        (lambda: SMALL["vit_small"](num_classes=3), untrained("vit_small", 3, 3)),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, 3)), Perceptron((), scale=1)(3, 12, 3)),
    ):
        torch.manual_seed(3)
        theirs = make()
        assert all(map(torch.equal, theirs.state_dict().values(), ours.model.state_dict().values()))


def test_disc_is_round_and_changes_3x3() -> None:
    for size in (3, 5, 11):
        mask = disc(size)
        assert mask.sum() == pytest.approx(torch.pi * size**2 / 4, rel=2e-3)
        assert torch.equal(mask, mask.flip(0))
        assert torch.equal(mask, mask.T)
        assert mask[0, 0] < 0.6


def test_variants_take_alexnet_weights(tmp_path: Path) -> None:
    alexnet = load("alexnet", "init", 4)
    torch.save(alexnet.model.state_dict(), tmp_path / "a.pt")
    images = torch.rand(2, 3, 224, 224)
    plain = alexnet(images)
    for name in ("alexnet_no_overlap", "alexnet_no_pooling", "alexnet_circular"):
        variant = load(name, tmp_path / "a.pt")
        assert torch.equal(variant.model.features[0].weight, alexnet.model.features[0].weight)  # type: ignore[index, union-attr]
        assert variant(images).shape == plain.shape
        assert not torch.allclose(variant(images), plain, atol=1e-4)
    circular = load("alexnet_circular", tmp_path / "a.pt").model
    assert sum(isinstance(m, CircularConv2d) for m in circular.modules()) == 5


def test_alexnet_without_pools_is_the_published_one() -> None:
    # As in the published code: padding 1 and a ReLU after each strided convolution.
    published = nn.Sequential(
        nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.Conv2d(64, 64, 3, 2, 1), nn.ReLU(),
        nn.Conv2d(64, 192, 5, 1, 2), nn.ReLU(), nn.Conv2d(192, 192, 3, 2, 1), nn.ReLU(),
        nn.Conv2d(192, 384, 3, 1, 1), nn.ReLU(), nn.Conv2d(384, 256, 3, 1, 1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(), nn.Conv2d(256, 256, 3, 2, 1), nn.ReLU(),
    )  # fmt: skip
    features = load("alexnet_no_pooling", "init", 4).model.features
    assert isinstance(features, nn.Sequential)
    published.load_state_dict(dict(zip(published.state_dict(), features.state_dict().values(), strict=True)))
    images = torch.rand(2, 3, 224, 224)
    assert torch.equal(published(images), features(images))
    # Its layers keep the names of AlexNet's, so that AlexNet's weights fit, as the test above shows.
    assert [n for n, _ in features.named_children() if not n.endswith("relu")] == [str(i) for i in range(13)]


def test_a_damaged_download_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A download of an earlier day is compared with the checksum in its name, which PyTorch does at once only."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    checkpoints = tmp_path / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    # A state dict that fits, and not the one that the name promises.
    file = checkpoints / SqueezeNet1_1_Weights.IMAGENET1K_V1.url.split("/")[-1]
    torch.save(models.squeezenet1_1().state_dict(), file)
    with pytest.raises(
        FechnerError, match="squeezenet1_1 could not be read .*checksum of .* does not begin with b8a52dc0"
    ):
        load("squeezenet1_1")


def test_timm_by_extra() -> None:
    if zoo._timm() is None:
        with pytest.raises(FechnerError, match="pip install 'fechner\\[zoo\\]'"):
            load("timm/resnet18", "init")
        return
    network = load("timm/vit_tiny_patch16_224", "init")
    assert network.mean.flatten().tolist() == pytest.approx([0.5] * 3)
    assert "timm/vit_tiny_patch16_224" in list_networks("timm/vit_tiny*")


@pytest.mark.parametrize("name", ["resnet18_small", "vgg16_bn_small", "vit_small"])
def test_small_networks_keep_small_images_large(name: str, tmp_path: Path) -> None:
    network = untrained(name, 7, seed=3)
    assert network.training
    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 7)
    assert 0.5e6 < sum(p.numel() for p in network.parameters()) < 1e6
    torch.save(
        {"state_dict": {f"network.model.{k}": v for k, v in network.model.state_dict().items()}}, tmp_path / "a.ckpt"
    )
    again = load(name, tmp_path / "a.ckpt")
    assert again.weights_sha256() == network.weights_sha256()
    with pytest.raises(FechnerError, match="has no pretrained weights"):
        load(name)


def test_networks_of_ones_own_by_import_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_models.py").write_text(
        "from torch import nn\n"
        "def net(num_classes=4):\n    return nn.Sequential(nn.Conv2d(3, 2, 5), nn.Flatten(), nn.Linear(32, num_classes))\n"
        "def rigid():\n    return nn.Identity()\n"
        "def number(num_classes=4):\n    return num_classes\n"
        "def failing(num_classes=4):\n    raise RuntimeError\n"
        "constant = 3\n"
    )
    (tmp_path / "mistyped.py").write_text("def net(:\n")
    monkeypatch.chdir(tmp_path)
    assert untrained("my_models:net", 6)(torch.rand(1, 3, 8, 8)).shape == (1, 6)
    assert load("my_models:net", "init", 1).weights_sha256() == load("my_models:net", "init", 1).weights_sha256()
    for name, message in (
        ("my_models:other", "cannot import the network"),
        ("no_such_module:net", "cannot import the network"),
        (".my_models:net", "cannot import the network"),
        ("mistyped:net", "cannot import the network .*invalid syntax"),
        ("my_models:constant", "must be a function or class"),
        ("my_models:rigid", "cannot be called with num_classes"),
        ("my_models:failing", r"cannot be called with num_classes \(RuntimeError\)"),
        ("my_models:number", "must return a torch.nn.Module, got int"),
    ):
        with pytest.raises(FechnerError, match=message):
            untrained(name, 6)

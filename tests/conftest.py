"""Shared fixtures. Photographs come from FECHNER_DATA, or from beside the checkout, where there are any."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from torch import nn

from fechner.networks import Network

torch.set_num_threads(1)
# How long an example takes says more of the machine than of the code. The default run is the same every time;
# `make test-slow` draws many new examples. Tests that cost much take a share of `settings().max_examples`.
settings.register_profile("fechner", deadline=None, derandomize=True)
settings.register_profile("random", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile("fechner")


@pytest.fixture
def small() -> Network:
    """A ReLU network with pooling and batch normalisation whose in-place ReLUs overwrite what comes before."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 5, 2),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 6, 3, bias=False),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(24, 5),
    )
    for name, buffer in model.named_buffers():
        if "running" in name:
            buffer.uniform_(0.2, 0.6)
    return Network(model.eval(), mean=0.4, std=0.3, name="small")


@pytest.fixture(scope="session")
def photographs_tar() -> Path:
    """The tar of 500 ImageNet photographs."""
    folder = Path(os.environ.get("FECHNER_DATA", Path(__file__).parents[2] / "shared" / "data"))
    tar = folder / "imagenet-sample.tar"
    if not tar.exists():
        pytest.skip(f"no photographs at {tar}; set FECHNER_DATA")
    return tar

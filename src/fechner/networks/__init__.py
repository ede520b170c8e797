"""Networks: images in, named layer responses out.

`network` wraps any module with its normalisation, and `layers` names and hooks what its modules return. `zoo` makes networks
by name, with weights that `checkpoint` reads and `weights` fits. Tests: tests/networks/.
"""

from __future__ import annotations

from fechner.networks.layers import INPUT, OUTPUT, Layer, Visit, blocks, select, tap, trace
from fechner.networks.network import Network, as_network, in_dtype
from fechner.networks.weights import shuffle
from fechner.networks.zoo import list_networks, load, untrained

__all__ = [
    "INPUT",
    "OUTPUT",
    "Layer",
    "Network",
    "Visit",
    "as_network",
    "blocks",
    "in_dtype",
    "list_networks",
    "load",
    "select",
    "shuffle",
    "tap",
    "trace",
    "untrained",
]

"""Images in, named layer responses out."""

from __future__ import annotations

from fechner.networks.layers import INPUT as INPUT
from fechner.networks.layers import OUTPUT as OUTPUT
from fechner.networks.layers import Layer as Layer
from fechner.networks.layers import Visit as Visit
from fechner.networks.layers import blocks as blocks
from fechner.networks.layers import select as select
from fechner.networks.layers import tap as tap
from fechner.networks.layers import trace as trace
from fechner.networks.network import Network as Network
from fechner.networks.network import as_network as as_network
from fechner.networks.network import in_dtype as in_dtype
from fechner.networks.weights import shuffle as shuffle
from fechner.networks.zoo import list_networks as list_networks
from fechner.networks.zoo import load as load
from fechner.networks.zoo import untrained as untrained

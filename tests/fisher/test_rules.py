"""The fast forward-mode rules against PyTorch's own, on real architectures."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from fechner import load
from fechner.fisher.rules import forward_mode

NETWORKS = [
    "efficientnet_lite0", "resnet18", "vgg11_bn", "alexnet_circular", "mobilenet_v3_small", "convnext_tiny", "densenet121",
    "googlenet", "inception_v3", "swin_t", "vit_b_16", "shufflenet_v2_x0_5", "regnet_y_400mf", "squeezenet1_1",
]  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_same_tangent_as_stock_forward_mode(name: str) -> None:
    torch.manual_seed(0)
    size = 224 if name == "vit_b_16" else 96
    network = load(name, "init")
    if name == "vit_b_16":
        network.model.heads = nn.Identity()  # it starts at zero, and so would the tangent
    images, tangents = torch.rand(1, 3, size, size), torch.randn(1, 3, size, size)
    with forward_mode():
        fast = forward_ad.unpack_dual(network(forward_ad.make_dual(images, tangents)))
        y, dy = fast.primal.clone(), fast.tangent.clone()  # type: ignore[union-attr]
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), forward_ad.dual_level():
            stock = forward_ad.unpack_dual(network(forward_ad.make_dual(images, tangents)))
            z, dz = stock.primal.clone(), stock.tangent.clone()  # type: ignore[union-attr]
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
    assert torch.allclose(y, z, rtol=1e-4, atol=1e-5 * float(z.abs().max()))
    assert dz.norm() > 0
    assert (dy - dz).norm() <= 1e-4 * dz.norm()


def test_fast_path_of_attention_is_restored() -> None:
    assert torch.backends.mha.get_fastpath_enabled()
    with pytest.raises(RuntimeError, match="inside"), forward_mode():
        raise RuntimeError("inside")
    assert torch.backends.mha.get_fastpath_enabled()


class Dynamic(nn.Module):
    """A convolution and a normalisation whose parameters depend on the input."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = x.mean((0, 2, 3)).view(1, 3, 1, 1).expand(2, 3, 3, 3)
        y = nn.functional.conv2d(x, weight)
        return nn.functional.batch_norm(y, y.mean((0, 2, 3)).detach(), y.var((0, 2, 3)).detach(), y.amax((0, 2, 3)))


def test_parameters_that_carry_tangents_keep_the_stock_rule() -> None:
    torch.manual_seed(1)
    x, dx = torch.rand(2, 3, 6, 6).double(), torch.randn(2, 3, 6, 6).double()
    with forward_mode():
        fast = forward_ad.unpack_dual(Dynamic()(forward_ad.make_dual(x, dx))).tangent.clone()  # type: ignore[union-attr]
    with forward_ad.dual_level():
        stock = forward_ad.unpack_dual(Dynamic()(forward_ad.make_dual(x, dx))).tangent.clone()  # type: ignore[union-attr]
    assert torch.allclose(fast, stock, atol=1e-12)


@pytest.mark.parametrize("mask", [None, "causal", "additive"])
def test_attention_rule_and_what_it_leaves_to_the_stock_rule(mask: str | None) -> None:
    torch.manual_seed(2)
    q, k, v = (torch.randn(2, 3, 5, 4).double() for _ in range(3))
    dq, dk, dv = (torch.randn_like(q) for _ in range(3))
    options = {"attn_mask": torch.randn(5, 5).double()} if mask == "additive" else {"is_causal": mask == "causal"}

    def attend(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        return nn.functional.scaled_dot_product_attention(a, b, c, **options)

    with forward_mode():
        duals = [forward_ad.make_dual(t, d) for t, d in ((q, dq), (k, dk), (v, dv))]
        fast = forward_ad.unpack_dual(attend(*duals))
        y, dy = fast.primal.clone(), fast.tangent.clone()  # type: ignore[union-attr]
    with sdpa_kernel(SDPBackend.MATH):
        difference = (
            attend(q + 1e-6 * dq, k + 1e-6 * dk, v + 1e-6 * dv) - attend(q - 1e-6 * dq, k - 1e-6 * dk, v - 1e-6 * dv)
        ) / 2e-6
        assert torch.allclose(y, attend(q, k, v), atol=1e-12)
    assert torch.allclose(dy, difference, atol=1e-7)

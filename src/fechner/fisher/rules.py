"""Forward-mode rules for the operations on which networks spend their time.

PyTorch's own rule for a convolution also convolves the input with a zero weight tangent, and its rule for batch
normalisation is not fused; a forward pass then costs three to five plain ones. Convolution, linear layers and
evaluation-mode batch normalisation are affine in their input, so their tangent is the same operation without the
constant term, and the cost is two plain passes. Unmasked attention gets its product rule in six matrix products, where
PyTorch's own rule takes many small steps.

A rule takes the arguments of its operation and returns a dual tensor, or `NotImplemented` for a case that it does not
cover, which then keeps PyTorch's rule. It must give PyTorch's tangent exactly: tests/fisher/test_rules.py compares the two.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode


def _affine(
    func: Callable[..., Tensor], input: Tensor, weight: Tensor, bias: Tensor | None = None, *args: Any, **kw: Any
) -> Any:
    x, dx = forward_ad.unpack_dual(input)
    if dx is None or _moves(weight) or _moves(bias):
        return NotImplemented
    return forward_ad.make_dual(func(x, weight, bias, *args, **kw), func(dx, weight, None, *args, **kw))


def _batch_norm(
    func: Callable[..., Tensor],
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    x, dx = forward_ad.unpack_dual(input)
    if dx is None or training or running_mean is None or _moves(weight) or _moves(bias):
        return NotImplemented
    zero = torch.zeros_like(running_mean)
    y = func(x, running_mean, running_var, weight, bias, False, momentum, eps)
    return forward_ad.make_dual(
        y, func(dx, zero, running_var, weight, None if bias is None else zero, False, momentum, eps)
    )


def _clipped(
    func: Callable[..., Tensor], input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Any:
    x, dx = forward_ad.unpack_dual(input)
    if dx is None or inplace:
        return NotImplemented
    return forward_ad.make_dual(func(x, min_val, max_val), torch.ops.aten.hardtanh_backward(dx, x, min_val, max_val))


def _attention(
    func: Callable[..., Tensor],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    (q, dq), (k, dk), (v, dv) = (forward_ad.unpack_dual(t) for t in (query, key, value))
    if dq is None or dk is None or dv is None or attn_mask is not None or dropout_p or is_causal or enable_gqa:
        return NotImplemented
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    # Batched products are several times faster on contiguous heads.
    q, dq = q.contiguous() * scale, dq.contiguous() * scale
    k, dk, v, dv = (t.contiguous() for t in (k, dk, v, dv))
    weights = torch.softmax(q @ k.transpose(-2, -1), -1)
    dweights = dq @ k.transpose(-2, -1)
    dweights += q @ dk.transpose(-2, -1)
    dweights -= (weights * dweights).sum(-1, keepdim=True)
    dweights *= weights
    return forward_ad.make_dual(weights @ v, dweights @ v + weights @ dv)


def _multi_head_attention(
    func: Callable[..., Any],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim: int,
    heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    need_weights: bool = True,
    **other: Any,
) -> Any:
    self_attention = query is key is value and query.dim() == 3
    extras = [bias_k, bias_v, other.get("attn_mask"), other.get("key_padding_mask")]
    if (
        in_proj_weight is None
        or not self_attention
        or training
        or need_weights
        or add_zero_attn
        or any(e is not None for e in extras)
    ):
        return NotImplemented
    length, batch, width = query.shape
    projected = _affine(F.linear, query, in_proj_weight, in_proj_bias)
    if projected is NotImplemented:
        return NotImplemented
    q, k, v = projected.view(length, batch, 3, heads, width // heads).permute(2, 1, 3, 0, 4)
    mixed = _attention(F.scaled_dot_product_attention, q, k, v).permute(2, 0, 1, 3).reshape(length, batch, width)
    return _affine(F.linear, mixed, out_proj_weight, out_proj_bias), None


def _moves(tensor: Tensor | None) -> bool:
    """Whether a weight carries a tangent, as one does that a network computes from its input."""
    return tensor is not None and forward_ad.unpack_dual(tensor).tangent is not None


_RULES: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.conv1d: _affine,
    torch.conv2d: _affine,
    torch.conv3d: _affine,
    F.linear: _affine,
    F.batch_norm: _batch_norm,
    F.hardtanh: _clipped,
    F.scaled_dot_product_attention: _attention,
    F.multi_head_attention_forward: _multi_head_attention,
}


class FastRules(TorchFunctionMode):
    """While this mode is active inside a dual level, the operations above use the rules above."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        rule = _RULES.get(func)
        if rule is not None:
            result = rule(func, *args, **(kwargs or {}))
            if result is not NotImplemented:
                return result
        return func(*args, **(kwargs or {}))


def _load_decompositions() -> None:
    """PyTorch loads its decompositions at the first dual tensor, with a warning about itself that users need not see."""
    with warnings.catch_warnings(), forward_ad.dual_level():
        warnings.simplefilter("ignore", FutureWarning)
        forward_ad.make_dual(torch.zeros(1), torch.ones(1))


_load_decompositions()


@contextmanager
def forward_mode() -> Iterator[None]:
    """A forward-mode level with the fast rules, no graph, and attention kernels that have a forward-mode rule.

    >>> with forward_mode():
    ...     y = torch.nn.functional.linear(forward_ad.make_dual(torch.ones(1, 2), torch.ones(1, 2)), torch.ones(1, 2))
    ...     forward_ad.unpack_dual(y).tangent
    tensor([[2.]])
    """
    fast_attention = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), forward_ad.dual_level(), FastRules():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_attention)

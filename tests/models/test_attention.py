"""The short-sequence kernel against PyTorch's scaled dot-product attention."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from assay.models.attention import LONGEST, NAME, attend, shares_prefix, use


@pytest.mark.parametrize("heads,groups", [(4, 4), (6, 2), (9, 3)])
@pytest.mark.parametrize("masked", [False, True])
def test_agrees_with_sdpa_forward_and_backward(heads: int, groups: int, masked: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    q = torch.randn(2, heads, 5, 8, generator=generator, requires_grad=True)
    k = torch.randn(2, groups, 7, 8, generator=generator, requires_grad=True)
    v = torch.randn(2, groups, 7, 8, generator=generator, requires_grad=True)
    mask = torch.ones(2, 1, 5, 7, dtype=torch.bool).tril(2) if masked else None
    expected = nn.functional.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, enable_gqa=True
    ).transpose(1, 2)
    actual, _ = attend(nn.Module(), q, k, v, mask)
    torch.testing.assert_close(actual, expected)
    wanted = torch.autograd.grad(expected.sum(), (q, k, v), retain_graph=True)
    for one, other in zip(torch.autograd.grad(actual.sum(), (q, k, v)), wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_a_causal_module_without_a_mask_attends_causally() -> None:
    module = nn.Module()
    module.is_causal = True
    q = torch.randn(1, 2, 6, 4, generator=torch.Generator().manual_seed(1))
    expected = nn.functional.scaled_dot_product_attention(q, q, q, is_causal=True).transpose(1, 2)
    actual, _ = attend(module, q, q, q, None)
    torch.testing.assert_close(actual, expected)


def test_an_additive_mask_is_added() -> None:
    q = torch.randn(1, 2, 3, 4, generator=torch.Generator().manual_seed(2))
    bias = torch.randn(1, 1, 3, 3, generator=torch.Generator().manual_seed(3))
    expected = nn.functional.scaled_dot_product_attention(q, q, q, attn_mask=bias).transpose(1, 2)
    torch.testing.assert_close(attend(nn.Module(), q, q, q, bias)[0], expected)


def test_long_sequences_go_to_sdpa() -> None:
    module = nn.Module()
    module.is_causal = True
    long = LONGEST + 3
    q = torch.randn(1, 4, long, 8, generator=torch.Generator().manual_seed(4))
    k = torch.randn(1, 2, long, 8, generator=torch.Generator().manual_seed(5))
    module.num_key_value_groups = 2  # pyright: ignore[reportAttributeAccessIssue]
    expected = nn.functional.scaled_dot_product_attention(q, k, k, is_causal=True, enable_gqa=True)
    torch.testing.assert_close(attend(module, q, k, k, None)[0], expected.transpose(1, 2))


def test_what_only_sdpa_understands_is_not_ignored() -> None:
    q = torch.randn(1, 2, 3, 4)
    with pytest.raises(ValueError, match="softcap"):
        attend(nn.Module(), q, q, q, None, softcap=5.0)


def test_it_takes_the_place_of_sdpa_and_of_nothing_else(tiny: Any) -> None:
    model, _ = tiny
    model.set_attn_implementation("eager")
    use(model)
    assert model.config._attn_implementation == "eager"
    model.set_attn_implementation("sdpa")
    ids = torch.arange(3, 15)[None]
    with torch.no_grad():
        expected = model(input_ids=ids).logits
        use(model)
        assert model.config._attn_implementation == NAME
        torch.testing.assert_close(model(input_ids=ids).logits, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("prefix", [0, 4])
@pytest.mark.parametrize("width", [5, LONGEST])
def test_rows_laid_end_to_end_attend_as_rows_of_their_own(prefix: int, width: int) -> None:
    module = nn.Module()
    module.num_key_value_groups = 2  # pyright: ignore[reportAttributeAccessIssue]
    sizes = [width, 3, width - 1]
    generator = torch.Generator().manual_seed(6)
    q, k, v = (
        torch.randn(1, heads, prefix + sum(sizes), 8, generator=generator, requires_grad=True)
        for heads in (4, 2, 2)
    )
    there = (torch.arange(width) < torch.tensor(sizes)[:, None])[:, None, :, None]
    own = torch.ones(3, 1, width, width, dtype=torch.bool).tril() & there
    own[..., :1] |= ~there  # padding attends to something
    seen = torch.ones(3, 1, width, prefix, dtype=torch.bool)
    together, _ = attend(module, q, k, v, torch.cat([seen, own], dim=3))
    assert together.shape == (1, prefix + sum(sizes), 4, 8)
    start, alone = prefix, torch.zeros_like(together)
    for size in sizes:
        at = [*range(prefix), *range(start, start + size)]
        alone[:, at] = nn.functional.scaled_dot_product_attention(
            q[:, :, at], k[:, :, at], v[:, :, at], is_causal=True, enable_gqa=True
        ).transpose(1, 2)
        start += size
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    weight = torch.randn(together.shape, generator=generator)
    wanted = torch.autograd.grad((alone * weight).sum(), (q, k, v))
    actual = torch.autograd.grad((together * weight).sum(), (q, k, v))
    for one, other in zip(actual, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_rows_of_a_mask_are_looked_up_anew_when_it_changes() -> None:
    q, k, v = (
        torch.randn(1, heads, 9, 8, generator=torch.Generator().manual_seed(seed))
        for seed, heads in enumerate((4, 2, 2))
    )
    mask = torch.ones(3, 1, 3, 3, dtype=torch.bool).tril()
    before, _ = attend(nn.Module(), q, k, v, mask)
    assert torch.equal(attend(nn.Module(), q, k, v, mask)[0], before)
    with torch.inference_mode():  # such a mask cannot tell that it was changed
        inferred = mask.clone()
        assert torch.equal(attend(nn.Module(), q, k, v, inferred)[0], before)
    mask[:, :, 2, 0] = False  # the third token of a row no longer sees its first
    after, _ = attend(nn.Module(), q, k, v, mask)
    with torch.inference_mode():
        inferred.copy_(mask)
        assert torch.equal(attend(nn.Module(), q, k, v, inferred)[0], after)
    same = torch.arange(9) % 3 != 2
    assert torch.equal(after[:, same], before[:, same])
    assert not torch.isclose(after[:, ~same], before[:, ~same]).all(dim=(2, 3)).any()


def test_a_prefix_is_shared_only_where_attention_alone_mixes_tokens(tiny: Any) -> None:
    model, _ = tiny
    assert not shares_prefix(model)
    use(model)
    assert shares_prefix(model)
    model.config.layer_types = ["full_attention", "linear_attention"]
    assert not shares_prefix(model)

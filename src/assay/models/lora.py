"""LoRA adapters: PEFT makes, saves and merges them; a fused kernel computes them.

PEFT's layer casts activations to the adapter's fp32 and keeps four intermediates. The kernel
(``models.fused``) multiplies in the activations' type, adds in place and saves two. PEFT is its
oracle in the tests; anything but plain LoRA (DoRA, dropout while training, quantised weights,
autocast, several active adapters) goes through PEFT's own code.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from assay.errors import ModelError, TrainingError
from assay.models.fused import Low, Projection, project
from assay.recipe.schema import Adapter

if TYPE_CHECKING:
    from peft import PeftModel


REMEMBERED = "_as_read"  # the attribute of a layer that ``Unchanging`` keeps its readings in


def read(layer: Any, kind: str) -> Projection | None:
    """How the layer computes on a device of that kind; None if the kernel cannot do it."""
    known: dict[Any, Projection | None] | None = layer.__dict__.get(REMEMBERED)
    if known is None:
        return _read(layer, kind)
    adapters = None if layer.disable_adapters else tuple(layer.active_adapters)
    how = kind, torch.is_autocast_enabled(kind), adapters
    if how not in known:
        known[how] = _read(layer, kind, {})
    return known[how]


def _read(
    layer: Any, kind: str, rounded: dict[torch.dtype, Low] | None = None
) -> Projection | None:
    base: Any = layer
    adapters: list[str] = []
    if _is_fused(layer):
        base = layer.base_layer
        if not layer.disable_adapters:
            adapters = [name for name in layer.active_adapters if name in layer.lora_A]
        if layer.merged or len(adapters) > 1 or not all(_plain(layer, name) for name in adapters):
            return None
    elif layer.__class__ is not nn.Linear or "forward" in layer.__dict__:
        return None
    if layer._forward_hooks or layer._forward_pre_hooks:  # who listens is to be called
        return None
    # Under autocast it decides the types of PEFT's own products; a weight that trains is not ours.
    if torch.is_autocast_enabled(kind) or base.weight.requires_grad:
        return None
    if not adapters:
        return Projection(base.weight, base.bias)
    (name,) = adapters
    a, b = layer.lora_A[name].weight, layer.lora_B[name].weight
    return Projection(base.weight, base.bias, a, b, layer.scaling[name], rounded)


def _plain(layer: Any, name: str) -> bool:
    """Whether this adapter does nothing but what LoRA's paper says."""
    dropping = layer.training and not isinstance(layer.lora_dropout[name], nn.Identity)
    return name not in layer.lora_variant and not dropping


def _is_fused(module: nn.Module) -> bool:
    return getattr(module.__dict__.get("forward"), "__func__", None) is _forward


class Unchanging:
    """While entered, no adapter changes, so each is read and rounded once and not once a token.

    That is more than a seventh of the time of an answer asked by itself. It may be entered again,
    and still knows. Which adapter is active may change meanwhile; hooks and dropout may not.
    """

    def __init__(self, model: nn.Module) -> None:
        self._known: list[tuple[Any, dict[Any, Any]]] = [
            (module, {}) for module in model.modules() if _is_fused(module)
        ]

    def __enter__(self) -> None:
        for layer, known in self._known:
            layer.__dict__[REMEMBERED] = known

    def __exit__(self, *exception: object) -> None:
        for layer, _ in self._known:
            layer.__dict__.pop(REMEMBERED, None)


def _forward(layer: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """PEFT's ``Linear.forward``, computed by the kernel where that is all it does."""
    linear = None if args or kwargs else read(layer, x.device.type)
    if linear is None:
        return type(layer).forward(layer, x, *args, **kwargs)
    (out,) = project(x.reshape(-1, x.shape[-1]), [linear])
    return out.view(*x.shape[:-1], out.shape[-1])


def fuse(model: nn.Module) -> int:
    """Route every plain LoRA linear layer through the fused kernel; returns how many."""
    from peft.tuners.lora.layer import Linear

    count = 0
    for module in model.modules():
        plain = type(module) is Linear and type(module.base_layer) is nn.Linear
        if plain and "forward" not in module.__dict__:
            module.forward = MethodType(_forward, module)  # bound, so that a copy has its own
            count += 1
    return count


def attach(model: nn.Module, settings: Adapter, *, seed: int, task: str | None) -> PeftModel:
    """A new adapter on ``model``: A random (seeded), B zero, so nothing changes at step 0.

    ``task`` is PEFT's task type (``CAUSAL_LM``), or None for an encoder. Raises ``ModelError``
    when ``targets`` names no layer, or the base has fewer than ``layers``.
    """
    from peft import LoraConfig, get_peft_model

    every = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    linear = sorted({name.rsplit(".", 1)[-1] for name in every})
    targets, last = settings.targets, None
    if settings.layers is not None:
        last = _last_layers(model, settings.layers)
        if targets == "all-linear":  # PEFT wants names here, and would adapt an output layer too
            targets = sorted({n.rsplit(".", 1)[-1] for n in every if re.search(r"\.\d+\.", n)})
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets,
        layers_to_transform=last,
        use_rslora=settings.rslora,
        use_dora=settings.dora,
        task_type=task,
        bias="none",
    )
    torch.manual_seed(seed)
    try:
        adapted: Any = get_peft_model(model, config)  # pyright: ignore[reportArgumentType]
    except ValueError as error:
        raise ModelError(
            f"adapter.targets {settings.targets}: {error}",
            f"Linear layers of this base: {', '.join(linear)}",
        ) from error
    fuse(adapted)
    return adapted


def _last_layers(model: Any, count: int) -> list[int]:
    depth: int = model.config.get_text_config().num_hidden_layers
    if count > depth:
        raise ModelError(
            f"adapter.layers is {count}, this base has {depth} layers",
            "Give fewer, or leave it out to adapt all.",
        )
    return list(range(depth - count, depth))


def load_adapter(model: nn.Module, folder: Path, name: str) -> PeftModel:
    """Attach the adapter saved in ``folder`` under ``name``; every one of its tensors must fit.

    PEFT only warns about missing keys (peft#2699), so they are compared here.
    """
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors.torch import load_file

    if isinstance(model, PeftModel):
        model.load_adapter(str(folder), adapter_name=name)
        adapted: Any = model
    else:
        adapted = PeftModel.from_pretrained(model, str(folder), adapter_name=name)  # pyright: ignore[reportArgumentType]
    saved = load_file(folder / "adapter_model.safetensors")
    loaded = get_peft_model_state_dict(adapted, adapter_name=name)
    unmatched = sorted(saved.keys() ^ loaded.keys())
    if unmatched or any(not torch.equal(saved[key], loaded[key].cpu()) for key in saved):
        raise ModelError(
            f"{folder}: the adapter does not fit this base ({len(unmatched)} tensors unmatched)",
            "It was trained on another base; serve it with the base named in its manifest.",
        )
    fuse(adapted)
    return adapted


@contextmanager
def merged(model: nn.Module) -> Generator[None]:
    """While entered, the active adapter is added to the weights that it stands on, in their type.

    They are the same afterwards but for rounding. Raises ``TrainingError`` when merging changes
    no weight.
    """
    layers: list[Any] = [module for module in model.modules() if hasattr(module, "lora_A")]
    changed = False
    try:
        for layer in layers:
            before = layer.get_base_layer().weight.detach().clone()
            layer.merge()
            changed = changed or not torch.equal(before, layer.get_base_layer().weight)
        if not changed:
            raise TrainingError(
                "merging the adapter changed no weight", "The adapter is empty; train it again."
            )
        yield
    finally:
        for layer in layers:
            if layer.merged:
                layer.unmerge()


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that train, by name."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def delta_norm(model: nn.Module, adapter: str = "default") -> float:
    """Frobenius norm of s·B·A over all layers: zero means that the adapter does nothing."""
    total = 0.0
    module: Any
    for module in model.modules():
        if hasattr(module, "lora_A") and adapter in module.lora_A:
            a, b = module.lora_A[adapter].weight, module.lora_B[adapter].weight
            product = (b.detach().float() @ a.detach().float()) * module.scaling[adapter]
            total += float(product.pow(2).sum())
    return total**0.5


def require_delta(model: nn.Module, when: str, adapter: str = "default") -> float:
    """The tripwire: raises ``TrainingError`` if the adapter changes nothing."""
    norm = delta_norm(model, adapter)
    if not norm > 0:
        raise TrainingError(
            f"the adapter's weights are still zero {when}: nothing was learnt",
            "Check that the learning rate is above zero and that the targets exist in this base.",
        )
    return norm

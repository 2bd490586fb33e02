"""The UNet of a MODEL, and where motion modules stand in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from comfy.ldm.modules.attention import SpatialTransformer, optimized_attention
from comfy.ldm.modules.diffusionmodules.openaimodel import ResBlock, UNetModel
from comfy.model_patcher import ModelPatcher
from torch import Tensor, nn

InjectionPoint = tuple[str, int]
"""Where a motion module stands in the UNet: ("input" | "middle" | "output", n-th of that path)."""


def attention(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """The attention the host was started with, (n f c) in and out.

    No transformer_options go along: an attention override of another pack means the spatial attention, not this one.
    """
    # kernels of reduced precision gain nothing over 16 to 32 tokens
    return optimized_attention(query, key, value, heads=heads, low_precision_attention=False)


def injection_points(unet: UNetModel) -> dict[InjectionPoint, ResBlock | SpatialTransformer]:
    """The layer whose output each motion module takes: the spatial transformer of a block, or its ResBlock if it has
    none; always before a downsample or upsample and before the skip connection is stored. Found by structure, so that
    any width and depth will do."""
    found: dict[InjectionPoint, ResBlock | SpatialTransformer] = {}
    for path, blocks in (("input", unet.input_blocks), ("output", unet.output_blocks)):
        layers = [[x for x in block.children() if isinstance(x, ResBlock | SpatialTransformer)] for block in blocks]
        found |= {(path, index): block[-1] for index, block in enumerate(block for block in layers if block)}
    middle = unet.middle_block.children() if unet.middle_block is not None else ()
    transformers = [layer for layer in middle if isinstance(layer, SpatialTransformer)]
    return found | {("middle", index): layer for index, layer in enumerate(transformers)}


def injection_channels(unet: UNetModel) -> dict[InjectionPoint, int]:
    """Channels of what the layer at each injection point gives out."""
    return {
        point: layer.out_channels if isinstance(layer, ResBlock) else layer.in_channels
        for point, layer in injection_points(unet).items()
    }


def unet_of(model: ModelPatcher) -> UNetModel | None:
    """The UNet of a MODEL, or None if it has another kind of network."""
    network = model.get_model_object("diffusion_model")
    return network if isinstance(network, UNetModel) else None


def running_unet(base: Any) -> UNetModel:
    """The UNet that a model call runs. The host's TorchCompileModel puts a compiled one around it."""
    return getattr(base.diffusion_model, "_orig_mod", base.diffusion_model)


@contextmanager
def motion_hooks(unet: UNetModel, motion: Callable[[InjectionPoint, Tensor], Tensor]) -> Iterator[None]:
    """While open, the output at every injection point of `unet` goes through `motion(point, x)`.

    Forward hooks, not new layers: the module tree keeps its keys, and nothing is left when the block ends, however it
    ends.
    """

    def through(point: InjectionPoint) -> Callable[[nn.Module, Any, Tensor], Tensor]:
        return lambda _layer, _inputs, x: motion(point, x)

    hooks = []
    try:
        for point, layer in injection_points(unet).items():
            hooks.append(layer.register_forward_hook(through(point)))
        yield
    finally:
        for hook in hooks:
            hook.remove()


def residual_norms(unet: UNetModel) -> list[nn.GroupNorm]:
    """The group norms of a UNet that some families were trained to see a whole clip with: all but the spatial
    transformers'."""
    blocks = [layer for layer in unet.modules() if isinstance(layer, ResBlock)]
    firsts = [layers[0] for block in blocks for layers in (block.in_layers, block.out_layers)]
    return [norm for norm in (*firsts, unet.out[0]) if isinstance(norm, nn.GroupNorm)]

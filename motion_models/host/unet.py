"""The UNet of a MODEL, and the injection points of motion modules in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from comfy.ldm.modules.attention import BasicTransformerBlock, SpatialTransformer
from comfy.ldm.modules.diffusionmodules.openaimodel import ResBlock, UNetModel
from comfy.model_patcher import ModelPatcher
from torch import Tensor, nn

InjectionPoint = tuple[str, int]
"""The place of a motion module in the UNet: ("input" | "middle" | "output", index in that path)."""


UNET_BLOCKS = (ResBlock, BasicTransformerBlock)
"""The classes of a UNet's blocks."""


def injection_points(unet: UNetModel) -> dict[InjectionPoint, ResBlock | SpatialTransformer]:
    """The layer whose output each motion module changes: a block's spatial transformer, or its ResBlock if it has none.

    The layer always comes before a downsample or upsample, and before the skip connection is stored. It is found by
    structure, so the UNet can have any width and depth.
    """
    points: dict[InjectionPoint, ResBlock | SpatialTransformer] = {}
    for path, blocks in (("input", unet.input_blocks), ("output", unet.output_blocks)):
        layers = [[x for x in block.children() if isinstance(x, ResBlock | SpatialTransformer)] for block in blocks]
        points |= {(path, index): block[-1] for index, block in enumerate(block for block in layers if block)}
    middle = unet.middle_block.children() if unet.middle_block is not None else ()
    transformers = [layer for layer in middle if isinstance(layer, SpatialTransformer)]
    return points | {("middle", index): layer for index, layer in enumerate(transformers)}


def injection_channels(unet: UNetModel) -> dict[InjectionPoint, int]:
    """Output channels of the layer at each injection point."""
    return {
        point: layer.out_channels if isinstance(layer, ResBlock) else layer.in_channels
        for point, layer in injection_points(unet).items()
    }


def unet_of(model: ModelPatcher) -> UNetModel | None:
    """The UNet of a MODEL, or None if it has another kind of network."""
    network = model.get_model_object("diffusion_model")
    return network if isinstance(network, UNetModel) else None


def running_unet(base: Any) -> UNetModel:
    """The UNet of a model call, without the wrapper of torch.compile that TorchCompileModel adds."""
    return getattr(base.diffusion_model, "_orig_mod", base.diffusion_model)


@contextmanager
def motion_hooks(unet: UNetModel, motion: Callable[[InjectionPoint, Tensor], Tensor]) -> Iterator[None]:
    """Inside the context, the output x at every injection point of `unet` is replaced by `motion(point, x)`.

    Forward hooks leave the module tree and its keys unchanged. They are removed even after an error.
    """

    def hook_at(point: InjectionPoint) -> Callable[[nn.Module, Any, Tensor], Tensor]:
        return lambda _layer, _inputs, x: motion(point, x)

    hooks = []
    try:
        for point, layer in injection_points(unet).items():
            hooks.append(layer.register_forward_hook(hook_at(point)))
        yield
    finally:
        for hook in hooks:
            hook.remove()


def residual_norms(unet: UNetModel) -> list[nn.GroupNorm]:
    """The group norms of a UNet, except those of the spatial transformers. In some families they see a whole clip."""
    blocks = [layer for layer in unet.modules() if isinstance(layer, ResBlock)]
    firsts = [layers[0] for block in blocks for layers in (block.in_layers, block.out_layers)]
    return [norm for norm in (*firsts, unet.out[0]) if isinstance(norm, nn.GroupNorm)]

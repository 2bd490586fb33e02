"""Other implementations on the same shapes: AnimateDiff-Evolved in ComfyUI, and diffusers without it."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import comfy.model_management
import folder_paths
import torch
from animatediff_xl.motion_models import host

from tests.real_models import CHANNELS, Base

from .measure import Run, timed
from .models import randomise


def evolved(checkout: Path, model: host.ModelPatcher, motion: Path) -> host.ModelPatcher:
    """The MODEL that AnimateDiff-Evolved's nodes return: load, apply, use evolved sampling."""
    folder_paths.add_model_folder_path("animatediff_models", str(motion.parent))
    nodes: Any = evolved_nodes(checkout)
    (loaded,) = nodes["ADE_LoadAnimateDiffModel"]().load_motion_model(motion.name)
    (applied,) = nodes["ADE_ApplyAnimateDiffModelSimple"]().apply_motion_model(loaded)
    return nodes["ADE_UseEvolvedSampling"]().use_evolved_sampling(model, "autoselect", applied)[0]


def evolved_nodes(checkout: Path) -> dict[str, type]:
    if "evolved" not in sys.modules:
        spec: Any = importlib.util.spec_from_file_location("evolved", checkout / "__init__.py")
        sys.modules["evolved"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["evolved"])
    return sys.modules["evolved"].NODE_CLASS_MAPPINGS


def diffusers_step(base: Base, frames: int, size: int, dtype: torch.dtype) -> Run:
    """One call of diffusers' UNetMotionModel, with and without the prompt.

    Its norms take their statistics over the clip, as in AnimateDiff SDXL beta. Raises ImportError if diffusers is not
    installed.
    """
    from diffusers import UNetMotionModel

    levels = tuple(CHANNELS * multiple for multiple in base.multiples)
    sdxl = base.pooled > 0
    plain, crossed = "DownBlockMotion", "CrossAttnDownBlockMotion"
    downs = (plain, crossed, crossed) if sdxl else (crossed, crossed, crossed, plain)
    heads = tuple(width // base.head_channels for width in levels) if sdxl else 8
    extra = {"transformer_layers_per_block": (1, *base.config["transformer_depth"][3::2]), "addition_embed_type":
             "text_time", "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim":
             base.config["adm_in_channels"]} if sdxl else {}  # fmt: skip
    unet = UNetMotionModel(
        sample_size=size, block_out_channels=levels, cross_attention_dim=base.context, num_attention_heads=heads,
        down_block_types=downs, up_block_types=tuple(reversed([name.replace("Down", "Up") for name in downs])),
        use_linear_projection=sdxl, motion_num_attention_heads=8, use_motion_mid_block=False, **extra,
    )  # fmt: skip
    device = comfy.model_management.get_torch_device()
    unet = unet.to(device, dtype).eval()
    randomise(unet)

    def run() -> float:
        to = {"device": device, "dtype": dtype}
        x, context = torch.randn(2, 4, frames, size, size, **to), torch.randn(2 * frames, 77, base.context, **to)
        pooled = {"text_embeds": torch.randn(2, base.pooled, **to), "time_ids": torch.ones(2, 6, **to)}
        added = {"added_cond_kwargs": pooled} if sdxl else {}
        with torch.inference_mode():
            return timed(lambda: unet(x, torch.tensor(500.0), context, **added))

    return run

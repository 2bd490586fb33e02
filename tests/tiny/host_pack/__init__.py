"""A pack for the tests. It registers the tiny SDXL with its host: the host's own SDXL class with small widths, two
small CLIPs with the host's tokenizers and a TAESD VAE.

Only sizes differ from SDXL: 64 channels for 320, 640 and 1280, one transformer block for 2 and 10. The text widths are
16 and 32 for 768 and 1280. It has all 15 injection points of motion modules.
"""

import comfy.sdxl_clip
import comfy.supported_models
import comfy.supported_models_base

CHANNELS = 64
"""Two for each of the 32 groups of a GroupNorm. With one, each channel loses its mean and deviation, and the
prediction of the noise is too poor. At sigma 17, an error of 5 percent is larger than the picture."""
CLIP_L_WIDTH, CLIP_G_WIDTH = 16, 32
SIZE_EMBEDDING = 6 * 256  # the host's SDXL embeds six size numbers in 256 channels each
LATENT_SCALE = 0.13025  # comfy.latent_formats.SDXL

UNET_CONFIG = {
    "model_channels": CHANNELS,
    "channel_mult": [1, 1, 1],
    "num_res_blocks": [2, 2, 2],
    "transformer_depth": [0, 0, 1, 1, 1, 1],
    "transformer_depth_output": [0, 0, 0, 1, 1, 1, 1, 1, 1],
    "transformer_depth_middle": 1,
    "use_linear_in_transformer": True,
    "context_dim": CLIP_L_WIDTH + CLIP_G_WIDTH,
    "adm_in_channels": CLIP_G_WIDTH + SIZE_EMBEDDING,
    "num_head_channels": 16,
    "use_spatial_transformer": True,
    "num_classes": "sequential",
    "image_size": 32,
    "in_channels": 4,
    "out_channels": 4,
    "legacy": False,
    "use_checkpoint": False,
    "use_temporal_attention": False,
    "use_temporal_resblock": False,
}

CLIP_CONFIGS = {
    "clip_l_model_config": {
        "hidden_size": CLIP_L_WIDTH,
        "intermediate_size": 4 * CLIP_L_WIDTH,
        "num_attention_heads": 2,
        "num_hidden_layers": 3,
    },
    "clip_g_model_config": {
        "hidden_size": CLIP_G_WIDTH,
        "intermediate_size": 4 * CLIP_G_WIDTH,
        "num_attention_heads": 2,
        "num_hidden_layers": 3,
    },
}


class TinySDXLClip(comfy.sdxl_clip.SDXLClipModel):
    """The host's pair of CLIPs, narrow."""

    def __init__(self, device: str = "cpu", dtype=None, model_options: dict = {}):  # noqa: B006 - the host's signature
        super().__init__(device, dtype, {**model_options, **CLIP_CONFIGS})


class TinySDXL(comfy.supported_models.SDXL):
    """The configuration by which the host recognises the tiny checkpoint; everything else is SDXL's."""

    unet_config = {
        key: UNET_CONFIG[key]
        for key in (
            "model_channels",
            "use_linear_in_transformer",
            "transformer_depth",
            "context_dim",
            "adm_in_channels",
            "use_temporal_attention",
        )
    }
    unet_extra_config = {"num_heads": -1, "num_head_channels": UNET_CONFIG["num_head_channels"]}

    def clip_target(self, state_dict: dict = {}):  # noqa: B006 - the host's signature
        return comfy.supported_models_base.ClipTarget(comfy.sdxl_clip.SDXLTokenizer, TinySDXLClip)


comfy.supported_models.models.append(TinySDXL)  # the models that Load Checkpoint recognises

NODE_CLASS_MAPPINGS: dict = {}

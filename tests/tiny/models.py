"""The models of the tiny checkpoint before training: a random UNet, random CLIPs, and a VAE with a fixed encoder."""

import comfy.ops
import comfy.sdxl_clip
import torch
from comfy.ldm.modules.attention import SpatialTransformer
from comfy.ldm.modules.diffusionmodules.openaimodel import ResBlock, Timestep, UNetModel
from comfy.taesd.taesd import TAESD
from torch import Tensor, nn

from .host_pack import LATENT_SCALE, UNET_CONFIG, TinySDXLClip
from .synthetic_dataset import CHANGE_CENTRE, CHANGE_SCALE, CHROMA_SCALE, LUMA_CENTRE, LUMA_SCALE

SIZE_CONDITIONING = (768, 768, 0, 0, 768, 768)
"""The six sizes that the host's plain text encode node gives SDXL for every picture."""

LAYER_TYPES = (nn.Conv2d, nn.Linear, nn.GroupNorm, nn.LayerNorm, nn.Embedding)


def initialise(module: nn.Module) -> None:
    """Torch's own initialisation, which the host's layers leave out."""
    for layer in module.modules():
        for kind in LAYER_TYPES:
            if isinstance(layer, kind):
                kind.reset_parameters(layer)


def new_unet() -> UNetModel:
    """An untrained UNet. The last layer of every residual branch is zero, as at the start of SDXL's own training."""
    unet = UNetModel(**UNET_CONFIG, dtype=torch.float32, device="cpu", operations=comfy.ops.disable_weight_init)
    initialise(unet)
    last = [layer.out_layers[-1] for layer in unet.modules() if isinstance(layer, ResBlock)]
    last += [layer.proj_out for layer in unet.modules() if isinstance(layer, SpatialTransformer)]
    for layer in (*last, unet.out[-1]):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    return unet


def new_clip() -> TinySDXLClip:
    """Two random text encoders, which are never trained.

    With torch's own initialisation, one word in six changes the pooled text too little (deviation 0.04 between
    captions, of 0.5). With weights twice as large it is enough (0.41 of 0.86).
    """
    clip = TinySDXLClip(dtype=torch.float32)
    initialise(clip)
    with torch.no_grad():
        for layer in clip.modules():
            if isinstance(layer, nn.Linear):
                layer.weight.mul_(2)
    return clip


def encode_captions(clip: TinySDXLClip, captions: list[str]) -> tuple[Tensor, Tensor]:
    """The host's conditioning for each caption: context (n 77 c), and the vector y (n c) of pooled text and sizes."""
    tokenizer = comfy.sdxl_clip.SDXLTokenizer()
    with torch.no_grad():
        encoded = [clip.encode_token_weights(tokenizer.tokenize_with_weights(caption)) for caption in captions]
    context = torch.cat([tokens for tokens, _ in encoded])
    sizes = Timestep(256)(torch.tensor(SIZE_CONDITIONING)).flatten().expand(len(captions), -1)
    return context, torch.cat([torch.cat([pooled for _, pooled in encoded]), sizes], dim=1)


def new_vae() -> TAESD:
    """A TAESD whose encoder computes `encode_images` and whose decoder is untrained."""
    vae = TAESD(latent_channels=4)
    initialise(vae)
    nn.init.constant_(vae.vae_scale, LATENT_SCALE)
    set_fixed_encoder(vae.taesd_encoder)
    return vae


@torch.no_grad()
def set_fixed_encoder(encoder: nn.Sequential) -> None:
    """Set the weights by hand. Channels 0, 1, 2 carry red, green and blue; 3 and 4 the change of luma across and down.

    Values are never negative, so the ReLUs leave them unchanged, and a residual block with zero weights adds nothing.
    """
    for parameter in encoder.parameters():
        parameter.zero_()
    first, last = encoder[0], encoder[-1]
    halvings = [layer for layer in encoder if isinstance(layer, nn.Conv2d) and layer.stride == (2, 2)]
    for colour in range(3):
        first.weight[colour, colour, 1, 1] = 1
        for halving in halvings:
            halving.weight[colour, colour, 1:, 1:] = 0.25

    change = encoder[list(encoder).index(halvings[-1]) - 1].conv  # the last block before the last halving
    for axis, (row, column) in enumerate(((1, 2), (2, 1))):
        for sign in (1, -1):
            channel = 2 * axis + (sign + 1) // 2
            change[0].weight[channel, :3, row, column] = sign / 3
            change[0].weight[channel, :3, 1, 1] = -sign / 3
            change[2].weight[channel, channel, 1, 1] = 1
            change[4].weight[3 + axis, channel, 1, 1] = 1
    halvings[-1].weight[3, 3, 1:, 1] = 0.5
    halvings[-1].weight[3, 4, 1, 1:] = 0.5

    centre = last.weight[:, :, 1, 1]
    centre[0, :3] = LUMA_SCALE / 3
    centre[1, :2] = torch.tensor([1.0, -1.0]) * CHROMA_SCALE
    centre[2, :3] = torch.tensor([-0.5, -0.5, 1.0]) * CHROMA_SCALE
    centre[3, 3] = CHANGE_SCALE
    last.bias[0] = -LUMA_SCALE * LUMA_CENTRE
    last.bias[3] = -CHANGE_SCALE * CHANGE_CENTRE

"""The parts of the tiny checkpoint before training: random UNet and CLIPs, a VAE whose encoder measures."""

import comfy.ops
import comfy.sdxl_clip
import torch
from comfy.ldm.modules.attention import SpatialTransformer
from comfy.ldm.modules.diffusionmodules.openaimodel import ResBlock, Timestep, UNetModel
from comfy.taesd.taesd import TAESD
from torch import Tensor, nn

from . import world
from .host_pack import LATENT_SCALE, UNET_CONFIG, TinySDXLClip

HOST_SIZE_IDS = (768, 768, 0, 0, 768, 768)
"""The size numbers of the host's plain text encode node, the same for every picture."""

UNLEARNED = (nn.Conv2d, nn.Linear, nn.GroupNorm, nn.LayerNorm, nn.Embedding)


def initialise(module: nn.Module) -> None:
    """Torch's own initialisation, which the host's layers leave out."""
    for layer in module.modules():
        for kind in UNLEARNED:
            if isinstance(layer, kind):
                kind.reset_parameters(layer)


def new_unet() -> UNetModel:
    """A UNet that has learned nothing; the last layer of every residual branch is zero, as in SDXL's own training."""
    unet = UNetModel(**UNET_CONFIG, dtype=torch.float32, device="cpu", operations=comfy.ops.disable_weight_init)
    initialise(unet)
    last = [layer.out_layers[-1] for layer in unet.modules() if isinstance(layer, ResBlock)]
    last += [layer.proj_out for layer in unet.modules() if isinstance(layer, SpatialTransformer)]
    for layer in (*last, unet.out[-1]):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    return unet


def new_clip() -> TinySDXLClip:
    """Two text encoders that stay as they begin: random features of words.

    At torch's own initialisation one word in six hardly changes the pooled text (deviation 0.04 between captions, of
    0.5); with weights twice as large it does (0.41 of 0.86).
    """
    clip = TinySDXLClip(dtype=torch.float32)
    initialise(clip)
    with torch.no_grad():
        for layer in clip.modules():
            if isinstance(layer, nn.Linear):
                layer.weight.mul_(2)
    return clip


def encode(clip: TinySDXLClip, captions: list[str]) -> tuple[Tensor, Tensor]:
    """What the host gives a UNet for each caption: context (n 77 c) and the vector y (n c) of pooled text and sizes."""
    tokenizer = comfy.sdxl_clip.SDXLTokenizer()
    with torch.no_grad():
        encoded = [clip.encode_token_weights(tokenizer.tokenize_with_weights(caption)) for caption in captions]
    context = torch.cat([tokens for tokens, _ in encoded])
    sizes = Timestep(256)(torch.tensor(HOST_SIZE_IDS)).flatten().expand(len(captions), -1)
    return context, torch.cat([torch.cat([pooled for _, pooled in encoded]), sizes], dim=1)


def new_vae() -> TAESD:
    """A TAESD whose encoder computes `world.measure` and whose decoder has learned nothing."""
    vae = TAESD(latent_channels=4)
    initialise(vae)
    nn.init.constant_(vae.vae_scale, LATENT_SCALE)
    set_measuring_encoder(vae.taesd_encoder)
    return vae


@torch.no_grad()
def set_measuring_encoder(encoder: nn.Sequential) -> None:
    """Weights by construction. Channels 0, 1, 2 carry red, green and blue; 3 and 4 how luma changes across and down.

    Values are never negative, so the ReLUs pass them on and a residual block with zero weights does nothing.
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
    centre[0, :3] = world.LUMA_SCALE / 3
    centre[1, :2] = torch.tensor([1.0, -1.0]) * world.CHROMA_SCALE
    centre[2, :3] = torch.tensor([-0.5, -0.5, 1.0]) * world.CHROMA_SCALE
    centre[3, 3] = world.CHANGE_SCALE
    last.bias[0] = -world.LUMA_SCALE * world.LUMA_CENTRE
    last.bias[3] = -world.CHANGE_SCALE * world.CHANGE_CENTRE

"""Moving pictures: four clips of the small model, side by side for the README, and on the cards of the templates.

    python -m tests.pictures.clips

samples them in a real ComfyUI and writes `docs/clips.webp` and `example_workflows/*.jpg`.
"""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..host.obtain import CACHE, PACK, comfyui_root
from ..host.server import Server, serving
from ..workflows.files import TEMPLATES
from . import given_frames
from .sampling import sampled, tiny_prompt
from .saving import animated, enlarged

PICTURE = PACK / "docs" / "clips.webp"
FRAMES = 32
WIDTH, MARGIN, CAPTION = 256, 8, 26
PAPER, INK = (255, 255, 255), (40, 44, 52)

WINDOWS = {
    "context_length": 16, "context_overlap": 4, "context_schedule": "looped_uniform", "closed_loop": True,
}  # fmt: skip

ALIKE = {"context_schedule": "standard_static", "closed_loop": False, "freenoise": True, "reference_weight": 0.5}
"""Of windows that look alike and close no loop."""

TRAVEL = {"interpolation": "linear", "closed_loop": False}
OPTIONS = {
    "block_strengths": "", "stretch": 1.0, "sharpness": 1.0, "freeinit_rounds": 1, "freeinit_filter": "butterworth",
    "freeinit_spatial": 0.25, "freeinit_temporal": 0.25, "freeinit_coarse_to_fine": False, "freeinit_sigma": 0.0,
}  # fmt: skip
"""The defaults of Motion Options."""


@dataclass(frozen=True)
class Again:
    """A clip is sampled again."""

    text: str = "a red circle moving left"
    scale: float = 1.0
    denoise: float = 0.5


@dataclass(frozen=True)
class Tile:
    caption: str
    text: str = "a red circle moving left"
    loras: tuple[tuple[str, float], ...] = ()
    """Files and strengths."""
    loop: int = 0
    """Frames of a loop, which runs in context windows."""
    long: int = 0
    """Frames of a clip in context windows that look alike."""
    mix: str = ""
    """Of Prompt Travel. Its prompts are in `text`. Empty: a plain prompt."""
    stretch: float = 1.0
    again: Again | None = None
    noise_share: float = 0.0
    """Of progressive Clip Noise."""


TILES = (
    Tile("a red circle moving left"),
    Tile("MotionLoRA: pan left", "a blue square moving up", loras=(("tiny_pan_left.safetensors", 1.0),)),
    Tile("MotionLoRA: zoom in", "a green circle moving up", loras=(("tiny_zoom_in.safetensors", 1.0),)),
    Tile(f"a loop of {FRAMES} frames", loop=FRAMES),
)
RED_TO_BLUE = Tile(
    "a prompt that travels", "2: a red circle moving left\n13: a blue circle moving left", mix="predictions"
)

LONG = Tile("a long clip", "a green square moving right", long=FRAMES)
STEADIER = Tile("steadier", "a yellow circle moving right", noise_share=0.3)
SLOW = Tile("stretch 2", stretch=2.0)
CAMERA = Tile(
    "two camera moves",
    "a yellow triangle moving up",
    loras=(("tiny_pan_left.safetensors", 0.6), ("tiny_zoom_in.safetensors", 0.8)),
)
SECOND_PASS = Tile("a second pass", "a blue square moving right", again=Again("a blue square moving right", scale=1.5))
RESTYLED = Tile("video to video", "a red circle moving left", again=Again("a green circle moving left", denoise=0.9))
CARDS = {
    "AnimateDiff SD1.5 camera moves": CAMERA,
    "AnimateDiff SDXL text to clip": TILES[0],
    "AnimateDiff SDXL train a camera move": TILES[1],
    "AnimateDiff SDXL train on your own videos": TILES[2],
    "AnimateDiff SDXL loop": TILES[3],
    "AnimateDiff SDXL long clip": LONG,
    "AnimateDiff SDXL steadier clip": STEADIER,
    "AnimateDiff SDXL prompt travel": RED_TO_BLUE,
    "AnimateDiff SDXL second pass": SECOND_PASS,
    "AnimateDiff SDXL slow motion": SLOW,
    "AnimateDiff SDXL video to video with ControlNet": RESTYLED,
}
"""By the names of templates. The small model has no ControlNet, so its video to video does without."""
PICTURE_CARD, FROM_PICTURE = "AnimateDiff SDXL picture to clip", given_frames.EXAMPLES[0]


def graph(template: dict[str, Any], tile: Tile) -> dict[str, Any]:
    """The prompt of a tile, made from the prompt of the example workflow."""
    prompt = copy.deepcopy(template)
    inputs = {node["_meta"]["title"]: node["inputs"] for node in prompt.values()}
    inputs["What the clip shows"]["text"] = tile.text
    apply = inputs["KSampler"]["model"]
    for lora, strength in tile.loras:
        chosen = inputs["ADXL_ApplyMotionModel"]
        previous = {"previous": chosen["motion_lora"]} if "motion_lora" in chosen else {}
        prompt[lora] = {"class_type": "ADXL_LoadMotionLoRA", "inputs": {"lora": lora, "strength": strength, **previous}}
        chosen["motion_lora"] = [lora, 0]
    if tile.mix:
        positive = next(name for name, node in prompt.items() if node["inputs"] is inputs["What the clip shows"])
        frames = inputs["ADXL_EmptyLatentFrames"]["frames"]
        travel = TRAVEL | {"clip": inputs["What the clip shows"]["clip"], "prompts": tile.text, "mix": tile.mix}
        prompt[positive] |= {"class_type": "ADXL_PromptTravel", "inputs": travel | {"frames": frames}}
    if tile.stretch != 1:
        prompt["options"] = {
            "class_type": "ADXL_MotionOptions",
            "inputs": OPTIONS | {"model": apply, "stretch": tile.stretch},
        }
        inputs["KSampler"]["model"] = ["options", 0]
        inputs["ADXL_EmptyLatentFrames"]["frames"] = FRAMES
    if tile.loop or tile.long:
        windows = WINDOWS if tile.loop else WINDOWS | ALIKE
        prompt["windows"] = {"class_type": "ADXL_ContextWindows", "inputs": {"model": apply, **windows}}
        inputs["KSampler"]["model"] = ["windows", 0]
        inputs["ADXL_EmptyLatentFrames"]["frames"] = tile.loop or tile.long
    if tile.noise_share:
        noise = {"kind": "progressive", "share": tile.noise_share, "seed_step": 1}
        prompt["noise"] = {"class_type": "ADXL_ClipNoise", "inputs": {"model": apply, **noise}}
        inputs["KSampler"]["model"] = ["noise", 0]
    if tile.again:
        first = inputs["VAEDecode"]["samples"]
        larger = {"samples": first, "upscale_method": "bislerp", "scale_by": tile.again.scale}
        text = inputs["What the clip shows"] | {"text": tile.again.text}
        changed = {"positive": ["text", 0], "latent_image": ["larger", 0], "denoise": tile.again.denoise}
        prompt["larger"] = {"class_type": "LatentUpscaleBy", "inputs": larger}
        prompt["text"] = {"class_type": "CLIPTextEncode", "inputs": text}
        prompt["again"] = {"class_type": "KSampler", "inputs": inputs["KSampler"] | changed}
        inputs["VAEDecode"]["samples"] = ["again", 0]
    return prompt


def captioned(frame: np.ndarray, caption: str) -> Image.Image:
    """frame: (h w 3) in 0..1."""
    picture = enlarged(frame, WIDTH)
    tile = Image.new("RGB", (picture.width, picture.height + CAPTION), PAPER)
    tile.paste(picture)
    ImageDraw.Draw(tile).text((picture.width // 2, picture.height + 5), caption, INK, ImageFont.load_default(15), "ma")
    return tile


def side_by_side(tiles: list[Image.Image]) -> Image.Image:
    width, height = tiles[0].size
    picture = Image.new("RGB", (len(tiles) * (width + MARGIN) - MARGIN, height), PAPER)
    for index, tile in enumerate(tiles):
        picture.paste(tile, (index * (width + MARGIN), 0))
    return picture


def draw_clips(server: Server) -> None:
    template = tiny_prompt(server)
    given_frames.put_pictures(FROM_PICTURE, server.folder / "input")
    videos = {tile: sampled(server, graph(template, tile)) for tile in dict.fromkeys((*TILES, *CARDS.values()))}
    from_picture = sampled(server, given_frames.graph(template, FROM_PICTURE))
    pictures = [
        side_by_side([captioned(videos[tile][at % len(videos[tile])], tile.caption) for tile in TILES])
        for at in range(FRAMES)
    ]
    PICTURE.write_bytes(animated(pictures))
    cards = {name: videos[tile] for name, tile in CARDS.items()} | {PICTURE_CARD: from_picture}
    for name, video in cards.items():
        # the page looks for this suffix, and browsers go by the content
        (TEMPLATES / f"{name}.jpg").write_bytes(animated([enlarged(frame, WIDTH) for frame in video]))


if __name__ == "__main__":
    with serving(comfyui_root(), CACHE / "demo", "--cpu") as running:
        draw_clips(running)

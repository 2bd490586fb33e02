"""The drawn world the tiny SDXL is trained on: a coloured shape travels over a textured ground.

A clip lasts `FRAMES` frames of 128x128 pixels. Its caption names the colour, the shape and the direction of travel. As
in filmed video, one frame already tells where its object is heading: a fading streak trails behind it, and light falls
from where it goes. The ground is still, and different in every clip.
"""

from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

SIZE = 128
FRAMES = 16

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.90, 0.12, 0.12),
    "green": (0.10, 0.75, 0.20),
    "blue": (0.15, 0.25, 0.95),
    "yellow": (0.95, 0.85, 0.10),
}
SHAPES = ("circle", "square", "triangle")
DIRECTIONS: dict[str, tuple[float, float]] = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}

TRAIL = tuple((6.0 * k, 0.6 * (1 - k / 6)) for k in range(1, 6))
"""The streak: (pixels behind the object, opacity)."""

LIGHT = 0.10
"""How much brighter than the middle the ground is at the edge the object heads for. Unlike the streak it shows through
much noise, where it is decided in which direction an object will go."""


@dataclass(frozen=True)
class Scene:
    """What a caption says of a clip."""

    colour: str
    shape: str
    direction: str

    @property
    def caption(self) -> str:
        article = "an" if self.colour[0] in "aeiou" else "a"
        return f"{article} {self.colour} {self.shape} moving {self.direction}"


SCENES = tuple(Scene(*words) for words in product(COLOURS, SHAPES, DIRECTIONS))


def ground(along: Tensor, generator: torch.Generator) -> Tensor:
    """Still textured grounds of muted colour, lit from the direction `along` (b 2) as x, y: (b 3 h w) in 0..1."""
    clips = len(along)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator)

    base = uniform(0.38, 0.57, clips, 1, 1, 1) + uniform(-0.04, 0.04, clips, 3, 1, 1)
    bumps = interpolate(uniform(-0.16, 0.16, clips, 1, 6, 6), (SIZE, SIZE), mode="bicubic", align_corners=True)
    slope = torch.linspace(-LIGHT, LIGHT, SIZE)
    light = along[:, 0, None, None] * slope + along[:, 1, None, None] * slope[:, None]
    return (base + bumps + light[:, None]).clamp(0, 1)


def travel(scenes: list[Scene], generator: torch.Generator) -> Tensor:
    """Object centres in pixels, (b f 2) as x, y: a straight line at constant speed that stays in the picture."""
    along = torch.tensor([DIRECTIONS[scene.direction] for scene in scenes])
    count = len(scenes)
    speed = 3.6 + 0.8 * torch.rand(count, 1, 1, generator=generator)
    middle = SIZE / 2 + 6 * (2 * torch.rand(count, 1, 2, generator=generator) - 1)
    across = 26 * (2 * torch.rand(count, 1, 2, generator=generator) - 1) * (1 - along.abs()[:, None])
    when = torch.arange(FRAMES)[None, :, None] - (FRAMES - 1) / 2
    return middle + across + along[:, None] * speed * when


def coverage(shapes: list[str], offset_x: Tensor, offset_y: Tensor, radius: Tensor) -> Tensor:
    """Anti-aliased 0..1 masks (b f h w), one shape per clip, from offsets to its centre that broadcast to that."""
    circle = (offset_x.square() + offset_y.square()).sqrt() - radius
    square = torch.maximum(offset_x.abs(), offset_y.abs()) - 0.86 * radius
    slope = 0.894 * offset_x.abs() - 0.447 * offset_y - 0.5 * radius
    triangle = torch.maximum(slope, offset_y - 0.85 * radius)
    distance = {"circle": circle, "square": square, "triangle": triangle}
    picked = torch.stack([distance[shape][index] for index, shape in enumerate(shapes)])
    return (0.5 - picked).clamp(0, 1)


def draw(scenes: list[Scene], generator: torch.Generator) -> Tensor:
    """One clip per scene, (b f 3 h w) in 0..1."""
    centres = travel(scenes, generator)
    radius = 17 + 5 * torch.rand(len(scenes), 1, 1, 1, generator=generator)
    along = torch.tensor([DIRECTIONS[scene.direction] for scene in scenes])
    colours = torch.tensor([COLOURS[scene.colour] for scene in scenes])[:, None, :, None, None]
    axis = torch.arange(SIZE) + 0.5
    clip = ground(along, generator)[:, None].expand(-1, FRAMES, -1, -1, -1)
    shapes = [scene.shape for scene in scenes]
    for behind, opacity in (*reversed(TRAIL), (0.0, 1.0)):
        place = centres - behind * along[:, None]
        offset_x = axis[None, None, None, :] - place[..., 0, None, None]
        offset_y = axis[None, None, :, None] - place[..., 1, None, None]
        mask = opacity * coverage(shapes, offset_x, offset_y, radius * (1 - behind / 60))[:, :, None]
        clip = clip * (1 - mask) + colours * mask
    return clip


# The tiny VAE's encoder is not learned: it measures. Luma, two chroma differences, and how strongly the luma changes
# inside each 8x8 patch, each scaled to about unit deviation over this world.
LUMA_SCALE, CHROMA_SCALE, CHANGE_SCALE = 7.5, 4.0, 16.0
LUMA_CENTRE, CHANGE_CENTRE = 0.5, 0.04


def measure(images: Tensor) -> Tensor:
    """Latents of `images` (n 3 h w) in 0..1 as the tiny VAE's encoder computes them: (n 4 h/8 w/8)."""
    quarter = avg_pool2d(images, 4)
    luma = quarter.mean(1, keepdim=True)
    change_x = avg_pool2d((luma[..., :, 1::2] - luma[..., :, ::2]).abs(), (2, 1))
    change_y = avg_pool2d((luma[..., 1::2, :] - luma[..., ::2, :]).abs(), (1, 2))
    red, green, blue = avg_pool2d(quarter, 2).unbind(1)
    mean = (red + green + blue) / 3
    return torch.stack(
        [
            LUMA_SCALE * (mean - LUMA_CENTRE),
            CHROMA_SCALE * (red - green),
            CHROMA_SCALE * (blue - (red + green) / 2),
            CHANGE_SCALE * ((change_x + change_y)[:, 0] - CHANGE_CENTRE),
        ],
        dim=1,
    )

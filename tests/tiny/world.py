"""The drawn world the tiny SDXL is trained on: a coloured shape travels over a textured ground.

A clip lasts `FRAMES` frames of 128x128 pixels. Its caption names the colour, the shape and the direction of travel. As
in filmed video, one frame already tells where its object is heading: a fading streak trails behind it, and light falls
from where it goes. The ground is still, and different in every clip. Two coloured lamps light its bumps, each the more
the farther they are from the middle of the picture: so a place shows where it is, which a zoom has to know.
"""

from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample

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

LAMPS = torch.tensor([[0.06, -0.06, 0.0], [-0.04, -0.04, 0.08]])
"""Red, green and blue of the lamp at the right edge and of the one at the lower edge. At the opposite edges they take
as much away; they stay where they are in the world, and make nothing brighter."""
LEVEL, CATCH = 0.5, 9.0
"""How much of the lamps' colour level ground takes on, and how much more a bump, times its height. The latter makes the
chroma the luma's texture times the place, which motion modules could not multiply by themselves."""

BUMPS, AROUND = 25.6, 2
"""The ground's texture: pixels from one bump to the next, and how many bumps it goes on around the picture."""


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


def scene_of(seed: int) -> Scene:
    """Colours, shapes and directions in turn, so that each meets each."""
    colour = list(COLOURS)[seed // len(DIRECTIONS) % len(COLOURS)]
    return Scene(colour, SHAPES[seed % len(SHAPES)], list(DIRECTIONS)[seed % len(DIRECTIONS)])


def places(cameras: Tensor) -> Tensor:
    """The place in the world that each pixel shows, (b f h w 2) as x, y in pixels from the middle.

    cameras: (b 3), how far the picture moves to the right and down in pixels, and by how much it grows, from a frame to
    the next. In the middle of the clip every camera sees the same.
    """
    axis = torch.arange(SIZE) + 0.5 - SIZE / 2
    picture = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
    when = (torch.arange(FRAMES) - (FRAMES - 1) / 2)[:, None, None, None]
    moved, growth = cameras[:, None, None, None, :2], cameras[:, None, None, None, 2:]
    return picture * torch.exp(-growth * when) - moved * when


def ground(along: Tensor, seen: Tensor, generator: torch.Generator) -> Tensor:
    """Textured grounds of muted colour, lit from the direction `along` (b 2) as x, y, at the places `seen`
    (b f h w 2): (b f 3 h w) in 0..1."""
    clips, frames = seen.shape[:2]

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator)

    base = uniform(0.38, 0.57, clips, 1, 1, 1, 1) + uniform(-0.04, 0.04, clips, 1, 3, 1, 1)
    across = round(SIZE / BUMPS) + 1 + 2 * AROUND
    heights = uniform(-0.16, 0.16, clips, 1, across, across)
    grid = (seen * (2 / BUMPS / (across - 1))).flatten(1, 2)
    bumps = grid_sample(heights, grid, mode="bicubic", padding_mode="border", align_corners=True)
    bumps = bumps.unflatten(2, (frames, -1)).transpose(1, 2)
    light = LIGHT / (SIZE / 2) * (seen * along[:, None, None, None]).sum(-1)
    lamps = (seen @ LAMPS / (SIZE / 2)).movedim(-1, 2)
    return (base + bumps + light[:, :, None] + lamps * (LEVEL + CATCH * bumps)).clamp(0, 1)


def travel(scenes: list[Scene], generator: torch.Generator) -> Tensor:
    """Object centres in pixels from the middle, (b f 2) as x, y: a straight line at constant speed that stays in the
    picture of a camera that stands still."""
    along = torch.tensor([DIRECTIONS[scene.direction] for scene in scenes])
    count = len(scenes)
    speed = 3.6 + 0.8 * torch.rand(count, 1, 1, generator=generator)
    middle = 6 * (2 * torch.rand(count, 1, 2, generator=generator) - 1)
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


def draw(scenes: list[Scene], generator: torch.Generator, cameras: Tensor | None = None) -> Tensor:
    """One clip per scene, (b f 3 h w) in 0..1. cameras: as in `places`; without, they stand still."""
    seen = places(torch.zeros(len(scenes), 3) if cameras is None else cameras)
    centres = travel(scenes, generator)
    radius = 17 + 5 * torch.rand(len(scenes), 1, 1, 1, generator=generator)
    along = torch.tensor([DIRECTIONS[scene.direction] for scene in scenes])
    colours = torch.tensor([COLOURS[scene.colour] for scene in scenes])[:, None, :, None, None]
    clip = ground(along, seen, generator)
    shapes = [scene.shape for scene in scenes]
    for behind, opacity in (*reversed(TRAIL), (0.0, 1.0)):
        offset_x, offset_y = (seen - (centres - behind * along[:, None])[:, :, None, None]).unbind(-1)
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

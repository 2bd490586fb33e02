"""The synthetic dataset of the tiny SDXL: a coloured shape moves over a textured background.

A clip has `FRAMES` frames of 128x128 pixels. Its caption names the colour, the shape and the direction. As in real
video, a single frame shows the direction: the background is brighter towards the edge that the object moves to. The
background is still, and different in every clip. Two coloured lamps light its bumps, stronger with the distance from
the middle, so that the colour of a bump shows its position. A zoom needs that.
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

HEADING_LIGHT = 0.14
"""Added brightness of the background at the edge that the object moves to. It is visible in much noise, where sampling
decides the direction."""

LAMPS = torch.tensor([[0.06, -0.06, 0.0], [-0.04, -0.04, 0.08]])
"""Red, green and blue of the lamp at the right edge and of the one at the lower edge. At the opposite edges they
subtract as much. They are fixed to the scene, not to the camera, and do not change the luma."""
LAMP_ON_FLAT, LAMP_ON_BUMPS = 0.5, 9.0
"""Share of the lamps' colour on the flat background, and its increase on a bump, times the height. The latter makes the
chroma the product of texture and position, which motion modules cannot compute themselves."""

BUMP_SPACING, MARGIN_BUMPS = 25.6, 2
"""Texture of the background: pixels between two bumps, and bumps beyond each edge of the picture."""


@dataclass(frozen=True)
class Scene:
    """The words of a caption."""

    colour: str
    shape: str
    direction: str

    @property
    def caption(self) -> str:
        article = "an" if self.colour[0] in "aeiou" else "a"
        return f"{article} {self.colour} {self.shape} moving {self.direction}"


SCENES = tuple(Scene(*words) for words in product(COLOURS, SHAPES, DIRECTIONS))


def scene_of(seed: int) -> Scene:
    """Colours, shapes and directions in turn, so that all combinations occur."""
    colour = list(COLOURS)[seed // len(DIRECTIONS) % len(COLOURS)]
    return Scene(colour, SHAPES[seed % len(SHAPES)], list(DIRECTIONS)[seed % len(DIRECTIONS)])


def scene_coordinates(cameras: Tensor) -> Tensor:
    """The point of the scene in each pixel, (b f h w 2) as x, y in pixels from the middle.

    cameras: (b 3), pixels by which the picture moves to the right and down, and its growth, from one frame to the next.
    In the middle of the clip all cameras show the same.
    """
    axis = torch.arange(SIZE) + 0.5 - SIZE / 2
    picture = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
    time = (torch.arange(FRAMES) - (FRAMES - 1) / 2)[:, None, None, None]
    moved, growth = cameras[:, None, None, None, :2], cameras[:, None, None, None, 2:]
    return picture * torch.exp(-growth * time) - moved * time


def background(heading: Tensor, coordinates: Tensor, generator: torch.Generator) -> Tensor:
    """Textured backgrounds of muted colour, (b f 3 h w) in 0..1, at the scene coordinates (b f h w 2), brighter towards
    the heading (b 2) as x, y."""
    clips, frames = coordinates.shape[:2]

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator)

    base = uniform(0.38, 0.57, clips, 1, 1, 1, 1) + uniform(-0.04, 0.04, clips, 1, 3, 1, 1)
    across = round(SIZE / BUMP_SPACING) + 1 + 2 * MARGIN_BUMPS
    heights = uniform(-0.16, 0.16, clips, 1, across, across)
    grid = (coordinates * (2 / BUMP_SPACING / (across - 1))).flatten(1, 2)
    bumps = grid_sample(heights, grid, mode="bicubic", padding_mode="border", align_corners=True)
    bumps = bumps.unflatten(2, (frames, -1)).transpose(1, 2)
    light = HEADING_LIGHT / (SIZE / 2) * (coordinates * heading[:, None, None, None]).sum(-1)
    lamps = (coordinates @ LAMPS / (SIZE / 2)).movedim(-1, 2)
    return (base + bumps + light[:, :, None] + lamps * (LAMP_ON_FLAT + LAMP_ON_BUMPS * bumps)).clamp(0, 1)


def object_centres(scenes: list[Scene], generator: torch.Generator) -> Tensor:
    """Object centres in pixels from the middle, (b f 2) as x, y: a straight line at constant speed, inside the picture
    while the camera stands still."""
    heading = torch.tensor([DIRECTIONS[scene.direction] for scene in scenes])
    count = len(scenes)
    speed = 3.4 + 0.6 * torch.rand(count, 1, 1, generator=generator)
    middle = 4 * (2 * torch.rand(count, 1, 2, generator=generator) - 1)
    across = 26 * (2 * torch.rand(count, 1, 2, generator=generator) - 1) * (1 - heading.abs()[:, None])
    time = torch.arange(FRAMES)[None, :, None] - (FRAMES - 1) / 2
    return middle + across + heading[:, None] * speed * time


def shape_masks(shapes: list[str], offset_x: Tensor, offset_y: Tensor, radius: Tensor) -> Tensor:
    """Anti-aliased 0..1 masks (b f h w), one shape per clip, from offsets to its centre that broadcast to that.

    The areas of the shapes differ clearly, which shows in much noise too.
    """
    circle = (offset_x.square() + offset_y.square()).sqrt() - radius
    square = torch.maximum(offset_x.abs(), offset_y.abs()) - radius
    slope = 0.894 * offset_x.abs() - 0.447 * offset_y - 0.5 * radius
    triangle = torch.maximum(slope, offset_y - 0.85 * radius)
    distance = {"circle": circle, "square": square, "triangle": triangle}
    next_indices = torch.stack([distance[shape][index] for index, shape in enumerate(shapes)])
    return (0.5 - next_indices).clamp(0, 1)


def draw(scenes: list[Scene], generator: torch.Generator, cameras: Tensor | None = None) -> Tensor:
    """One clip per scene, (b f 3 h w) in 0..1. cameras: as in `scene_coordinates`; by default they stand still."""
    coordinates = scene_coordinates(torch.zeros(len(scenes), 3) if cameras is None else cameras)
    centres = object_centres(scenes, generator)
    radius = 23 + 5 * torch.rand(len(scenes), 1, 1, 1, generator=generator)
    heading = torch.tensor([DIRECTIONS[scene.direction] for scene in scenes])
    colours = torch.tensor([COLOURS[scene.colour] for scene in scenes])[:, None, :, None, None]
    offset_x, offset_y = (coordinates - centres[:, :, None, None]).unbind(-1)
    mask = shape_masks([scene.shape for scene in scenes], offset_x, offset_y, radius)[:, :, None]
    return torch.lerp(background(heading, coordinates, generator), colours, mask)


# The encoder of the tiny VAE is fixed, not trained. Its channels are luma, two chroma differences, and the change of
# luma inside each 8x8 patch, each scaled to about unit deviation over this dataset.
LUMA_SCALE, CHROMA_SCALE, CHANGE_SCALE = 7.5, 4.0, 16.0
LUMA_CENTRE, CHANGE_CENTRE = 0.5, 0.04


def encode_images(images: Tensor) -> Tensor:
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

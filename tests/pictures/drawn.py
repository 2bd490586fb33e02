"""Help pictures without a model: plans of windows, camera moves of training clips, measured clips.

python -m tests.pictures.drawn
"""

from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from ..coded_video import write_video
from ..host.boot import import_host, import_pack
from ..host.obtain import comfyui_root
from ..tiny.camera import MOVES as CAMERA_MOVES
from ..tiny.synthetic_dataset import SCENES, SIZE, Scene, draw
from .saving import as_picture, save_moving, save_still

PLANS: dict[str, tuple[dict[str, Any], int]] = {
    "static": ({}, 20),
    "uniform": ({"schedule": "standard_uniform"}, 4),
    "looped": ({"schedule": "looped_uniform", "closed_loop": True}, 4),
    "batched": ({"schedule": "batched"}, 20),
}
"""Settings of context windows and steps, for a clip of PLANNED frames."""
PLANNED = 48

TRAINING_MOVES = ("none", "zoom in", "zoom out", "pan left", "tilt up", "roll clockwise")
"""Of Encode Clips."""
MEASURED_SCENE = Scene("red", "circle", "up")


def draw_plans() -> None:
    picture = import_module("animatediff_xl.motion_models.context.picture")
    for name, (settings, steps) in PLANS.items():
        windows = picture.ContextSettings(**settings)
        plan = picture.draw(windows, PLANNED, steps, picture.describe(windows, PLANNED, steps))[0].numpy()
        save_still(as_picture(plan), f"windows_{name}.png")


def draw_training_moves() -> None:
    """Each camera move over the same drawn clip."""
    clips = import_module("animatediff_xl.motion_models.training.clips.cutting")
    scene = draw([SCENES[0]], torch.Generator().manual_seed(3))[0].movedim(1, -1).numpy()
    moved = []
    with TemporaryDirectory() as folder:
        path = write_video(Path(folder) / "scene.mp4", (scene * 255).round().astype(np.uint8), rate=8)
        for move in TRAINING_MOVES:
            settings = clips.ClipSettings(len(scene), 0.0, SIZE, SIZE, 1, False, move)
            cut = clips.cut_clips(clips.Source(path, "video", ""), [list(range(len(scene)))], settings)
            moved.append(next(cut) / 255)
    save_moving(moved, "clips.webp", columns=3)


def draw_measured() -> None:
    """A drawn clip, and the same with a camera that pans."""
    measures = import_module("animatediff_xl.motion_models.measures.comparison")
    page = import_module("animatediff_xl.motion_models.measures.picture.page")
    still, panned = (
        draw([MEASURED_SCENE], torch.Generator().manual_seed(3), camera)[0].movedim(1, -1).contiguous()
        for camera in (None, torch.tensor([CAMERA_MOVES["pan_left"]]))
    )
    found = measures.measure_clips([panned], still, ["pan left"], measures.MeasureSettings(8.0, False, 0))
    save_still(as_picture(page.draw(found)[0].numpy()), "measure.png", 256, kmeans=1)


def main() -> None:
    import_host(comfyui_root())
    import_pack()
    draw_plans()
    draw_training_moves()
    draw_measured()


if __name__ == "__main__":
    main()

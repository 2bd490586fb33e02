"""The files of the example workflows.

    python -m tests.workflows.files

writes `example_workflows/*.json`. A test checks that the files match these modules, and runs each on the tiny model.
"""

import json

from ..host.obtain import PACK
from . import camera, clips, control, options, pictures, prompts, second_pass, steadier, training
from .drawing import Box, draw

TEMPLATES = PACK / "example_workflows"
"""Graphs that everyone who installs the pack can open."""
TINY_WORKFLOW = PACK / "tests" / "tiny" / "tiny_sdxl_workflow.json"

FILES = {
    TEMPLATES / "AnimateDiff SD1.5 camera moves.json": camera.camera_moves(),
    TEMPLATES / "AnimateDiff SDXL text to clip.json": clips.boxes(clips.REFERENCE),
    TEMPLATES / "AnimateDiff SDXL loop.json": clips.boxes(clips.LOOP),
    TEMPLATES / "AnimateDiff SDXL long clip.json": clips.boxes(clips.LONG),
    TEMPLATES / "AnimateDiff SDXL picture to clip.json": pictures.picture_to_clip(),
    TEMPLATES / "AnimateDiff SDXL prompt travel.json": prompts.travel(),
    TEMPLATES / "AnimateDiff SDXL second pass.json": second_pass.second_pass(),
    TEMPLATES / "AnimateDiff SDXL slow motion.json": options.slow_motion(),
    TEMPLATES / "AnimateDiff SDXL steadier clip.json": steadier.steadier_clip(),
    TEMPLATES / "AnimateDiff SDXL train a camera move.json": training.camera_move(),
    TEMPLATES / "AnimateDiff SDXL video to video with ControlNet.json": control.video_to_video(),
    TEMPLATES / "AnimateDiff SDXL train on your own videos.json": training.own_videos(),
    TINY_WORKFLOW: clips.boxes(clips.TINY),
}


def serialised(drawing: dict[str, Box]) -> str:
    return json.dumps(draw(drawing), indent=2) + "\n"


if __name__ == "__main__":
    for path, drawing in FILES.items():
        path.write_text(serialised(drawing))

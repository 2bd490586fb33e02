"""Each template runs from end to end, small, on the tiny model."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from comfy.cldm.cldm import ControlNet
from comfy.ops import disable_weight_init
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from tests.coded_video import write_coded
from tests.host.server import Server
from tests.small import with_parameters
from tests.tiny.host_pack import UNET_CONFIG
from tests.workflows.drawing import to_prompt
from tests.workflows.files import FILES, TEMPLATES

SMALL = {
    "CheckpointLoaderSimple": {"ckpt_name": "tiny_sdxl.safetensors"},
    "ADXL_LoadMotionModel": {"motion_model": "tiny_motion.safetensors"},
    "ADXL_LoadMotionLoRA": {"lora": "tiny_pan_left.safetensors"},
    "ControlNetLoader": {"control_net_name": "tiny_control.safetensors"},
    "ImageFromBatch": {"length": 4},
    "ImageScale": {"width": 64, "height": 64},
    "ADXL_EmptyLatentFrames": {"width": 64, "height": 64},
    "ADXL_PicturesInClip": {"width": 64, "height": 64},
    "ADXL_EncodeClips": {"width": 64, "height": 64, "frames": 4},
    "ADXL_TrainMotionLoRA": {"steps": 2, "rank": 4},
    "ADXL_TrainDomainAdapter": {"steps": 2, "rank": 4},
    "ADXL_TrainingPreview": {"width": 64, "height": 64, "frames": 4, "steps": 1},
    "KSampler": {"steps": 1},
}


def control_net() -> nn.Module:
    """A random ControlNet for the UNet of the tiny SDXL."""
    of_the_decoder = ("out_channels", "transformer_depth_output")
    config = {key: value for key, value in UNET_CONFIG.items() if key not in of_the_decoder}
    config |= {"hint_channels": 3, "dtype": torch.float32, "device": "cpu"}
    return with_parameters(ControlNet(**config, operations=disable_weight_init))


@pytest.mark.parametrize("path", [path for path in FILES if path.parent == TEMPLATES], ids=lambda path: path.stem)
def test_a_template_runs_on_the_tiny_model(server: Server, object_info: dict[str, Any], path: Path) -> None:
    videos = server.folder / "input" / "my_videos"
    videos.mkdir(parents=True, exist_ok=True)
    for video in (videos / "a.mp4", server.folder / "input" / "my_video.mp4"):
        write_coded(video, 20)
    Image.new("RGB", (96, 64), "orange").save(server.folder / "input" / "example.png")
    control_nets = server.folder / "models" / "controlnet"
    control_nets.mkdir(exist_ok=True)
    save_file(control_net().state_dict(), control_nets / "tiny_control.safetensors")
    prompt = to_prompt(json.loads(path.read_text()), object_info)
    for node in prompt.values():
        node["inputs"] |= SMALL.get(node["class_type"], {})
    result = server.run(prompt)
    (saver,) = (number for number, node in prompt.items() if node["class_type"] == "SaveVideo")
    assert saver in result.outputs and result.files(server.output)
    for number, node in prompt.items():
        if "save_every" in node["inputs"]:  # a training
            name = f"{node['inputs']['name']}_2.safetensors"
            assert name in result.texts[number] and list(server.output.rglob(name))

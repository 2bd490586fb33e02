"""Trainings of each stage by their TOML file, in this process."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.files.loading import open_motion_file
from animatediff_xl.motion_models.lora.motion_lora import open_motion_lora
from animatediff_xl.motion_models.training.headless import commands
from animatediff_xl.motion_models.training.headless.config import read_config
from safetensors import safe_open

from tests.coded_video import write_coded
from tests.conftest import COMFYUI
from tests.host.server import TINY
from tests.tiny import host_pack  # noqa: F401 - the host recognises the tiny checkpoint by it


def trained(path: Path, result: str) -> Path:
    before = signal.getsignal(signal.SIGTERM)
    commands.train(read_config(path), COMFYUI)
    assert signal.getsignal(signal.SIGTERM) == before
    found = path.parent / "output" / result
    assert found.is_file()
    return found


def test_a_motion_lora_is_trained_on_a_folder_of_videos(write_config: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    write_coded(tmp_path / "videos/a.mp4", 60)
    clips = {"frames": 4, "width": 64, "height": 64, "windows": 1, "caption": "a cat"}
    path = trained(
        write_config("motion_lora", data="videos", clips=clips, rank=4, steps=1),
        "animatediff_motion_lora/small_1.safetensors",
    )
    assert open_motion_lora(path).path == path
    with safe_open(path, "pt") as file:
        facts = file.metadata()
    assert (facts["rank"], facts["frames"], facts["captions"], facts["fps"]) == ("4", "4", '["a cat"]', "8")


@pytest.mark.usefixtures("shards")
def test_a_motion_model_from_nothing_uses_the_adapter(write_config: Callable[..., Path]) -> None:
    adapter = trained(
        write_config("domain_adapter", motion_model=None, name="look", rank=2, steps=1), "loras/look_1.safetensors"
    )
    path = trained(
        write_config(domain_adapter=str(adapter), start="nothing", steps=1), "animatediff_models/small_1.safetensors"
    )
    assert open_motion_file(path).family.base == "SDXL"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "gone"}, "data in small.toml is 'gone', and that is neither a folder nor tar files"),
        ({"checkpoint": str(TINY / "tiny_motion.safetensors")}, "tiny_motion.safetensors cannot be loaded"),
    ],
)
def test_what_cannot_be_read_is_named(write_config: Callable[..., Path], changes: dict, message: str) -> None:
    with pytest.raises(MotionError, match=message):
        commands.train(read_config(write_config(**changes)), COMFYUI)

"""A TOML file, and shards of small clips."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from animatediff_xl.motion_models.training.headless.shards import members_of, write_shard

from tests.host.server import TINY

FRAMES, CLIPS = 4, 5
SETTINGS = {
    "checkpoint": str(TINY / "tiny_sdxl.safetensors"),
    "motion_model": str(TINY / "tiny_motion.safetensors"),
    "data": "shards",
    "output": "output",
    "name": "small",
    "steps": 3,
    "learning_rate": 1e-3,
    "clips_per_step": 2,
}


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[..., Path]:
    """Writes a TOML file with changed settings. None removes one."""

    def write(stage: str = "motion_model", **changes: object) -> Path:
        settings = {"stage": stage} | SETTINGS | changes
        lines = [f"{key} = {toml(value)}" for key, value in settings.items() if value is not None]
        path = tmp_path / f"{settings['name']}.toml"
        path.write_text("\n".join(lines))
        return path

    return write


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(part)}" for key, part in value.items()) + "}"
    return json.dumps(value)


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """A folder with two shards of random clips, and captions encoded for the tiny SDXL."""
    folder = tmp_path / "shards"
    folder.mkdir()
    generator = torch.Generator().manual_seed(3)

    def clip(number: int) -> dict[str, bytes]:
        latents = torch.randn(FRAMES, 4, 8, 8, generator=generator)
        context, pooled = (torch.randn(1, *size, generator=generator) for size in ((77, 48), (32,)))
        return members_of(latents, f"clip {number}", [(context, {"pooled_output": pooled})])

    clips = [clip(number) for number in range(CLIPS)]
    write_shard(folder / "0.tar", clips[:3])
    write_shard(folder / "1.tar", clips[3:])
    return folder

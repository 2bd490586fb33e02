"""Stretched positions and sharper attention equal the equations in double precision."""

import math

import pytest
import torch
from animatediff_xl.motion_models.network import layers
from animatediff_xl.motion_models.network.group_norm import EACH_FRAME
from animatediff_xl.motion_models.network.motion_module import MotionModel, MotionShape, sinusoidal_positions
from animatediff_xl.motion_models.network.temporal_options import (
    has_sinusoidal_positions,
    positions_set,
    sharpened,
    stretched_positions,
)
from torch import Tensor

from tests.motion_models.network.test_motion_module import by_the_equations, clips, diffusers_transformer, ours

WIDTH = 320
SHAPE = MotionShape(down=((WIDTH,),), up=((WIDTH,),), mid=(), frame_limit=32)


@pytest.fixture
def model() -> MotionModel:
    """Two motion modules, with the same weights."""
    weights = ours(diffusers_transformer(WIDTH)).state_dict()
    model = MotionModel(SHAPE, EACH_FRAME, layers)
    model.load_state_dict(
        {f"{side}_blocks.0.motion_modules.0.{key}": value for side in ("down", "up") for key, value in weights.items()}
    )
    return model


def exact_positions(frames: int, stretch: float) -> Tensor:
    """sin and cos of p / stretch / 10000^(2k / c), in double precision."""
    angles = [
        [frame / stretch * math.exp(-2 * (channel // 2) * math.log(10000) / WIDTH) for channel in range(WIDTH)]
        for frame in range(frames)
    ]
    table = torch.tensor(angles, dtype=torch.float64)
    return torch.where(torch.arange(WIDTH) % 2 == 0, table.sin(), table.cos())[None]


def expected(model: MotionModel, x: Tensor, frames: int, stretch: float, sharpness: float) -> Tensor:
    weights = model.modules_by_point[("input", 0)].state_dict()
    changed = {
        key: exact_positions(frames, stretch)
        if key.endswith("pos_encoder.pe")
        else value.double() * (sharpness if key.endswith("to_q.weight") else 1)
        for key, value in weights.items()
    }
    return by_the_equations(changed, x.double(), frames, joint=False)


def found(model: MotionModel, x: Tensor, frames: int, stretch: float, sharpness: float) -> Tensor:
    tables = stretched_positions(model, frames, stretch, x.device, x.dtype)
    with positions_set(model, tables), sharpened(model, sharpness):
        return model.modules_by_point[("input", 0)](x, frames, False)


@pytest.mark.parametrize(
    ("frames", "stretch", "sharpness"),
    [(16, 2.0, 1.0), (8, 1.3, 1.0), (40, 2.0, 1.0), (8, 0.5, 1.0), (8, 1.0, 2.5), (8, 1.0, 0.0), (40, 1.75, 0.5)],
)
def test_options_equal_the_equations(model: MotionModel, frames: int, stretch: float, sharpness: float) -> None:
    """Also with more frames than the motion model has positions."""
    x = clips(WIDTH, frames)
    right = expected(model, x, frames, stretch, sharpness)
    assert (found(model, x, frames, stretch, sharpness) - right).abs().max() < 1e-5
    for wrong in ((stretch * 1.1, sharpness), (stretch, sharpness + 0.1)):
        assert (found(model, x, frames, *wrong) - right).abs().max() > 1e-4


def test_options_end_with_their_context(model: MotionModel) -> None:
    x = clips(WIDTH, 8)
    before, keys = found_plain(model, x), list(model.state_dict())
    with pytest.raises(RuntimeError), positions_set(model, {WIDTH: torch.ones(1, 8, WIDTH)}), sharpened(model, 2.0):
        assert not torch.equal(found_plain(model, x), before)
        raise RuntimeError
    assert torch.equal(found_plain(model, x), before) and list(model.state_dict()) == keys
    assert not any(layer._forward_hooks for layer in model.modules())


def found_plain(model: MotionModel, x: Tensor) -> Tensor:
    return model.modules_by_point[("input", 0)](x, 8, False)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_rounded_tables_of_files_are_recognised(model: MotionModel, dtype: torch.dtype) -> None:
    assert has_sinusoidal_positions(model.to(dtype))
    model.down_blocks[0].motion_modules[0].temporal_transformer.transformer_blocks[0].attention_blocks[
        1
    ].pos_encoder.pe += 0.1
    assert not has_sinusoidal_positions(model)


def test_a_stretch_of_1_gives_the_original_positions() -> None:
    assert torch.equal(sinusoidal_positions(32, WIDTH, 1.0), sinusoidal_positions(32, WIDTH))
    assert torch.allclose(sinusoidal_positions(63, WIDTH, 2.0)[:, ::2], sinusoidal_positions(32, WIDTH), atol=1e-6)

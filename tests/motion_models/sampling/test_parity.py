"""The pack computes the same as the authors' models.

Oracle: diffusers' UNetMotionModel with the same weights. Its group norms are changed to the policy of each family. By
default its motion norms see the clip and all others one frame, which is SDXL beta's policy.
"""

import dataclasses
from pathlib import Path

import pytest
import torch
from animatediff_xl.motion_models.files.families import FAMILIES, RUNNABLE
from animatediff_xl.motion_models.files.loading import open_motion_file
from animatediff_xl.motion_models.network.group_norm import NormPolicy
from diffusers import UNetMotionModel
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.unets.unet_motion_model import AnimateDiffTransformer3D
from torch import Tensor, nn

from tests.motion_models.conftest import SETTINGS
from tests.small import POOLED, SD15, SDXL, SIZES, Pair, host_model, save, small_pair

TOLERANCE = 1e-5


@pytest.fixture
def animated(pair: Pair, animate):
    return animate(pair.model)


def predicted_noise(model, x: Tensor, timestep: int, context: Tensor, pooled: Tensor, conditions: int) -> Tensor:
    """One model call as the host makes it. x: ([condition] [frame]) c h w, contexts and pooled one per condition."""
    base, frames = model.model, len(x) // conditions
    sigma = base.model_sampling.sigmas[timestep]
    y = base.encode_adm(pooled_output=pooled, noise=x, device="cpu")
    options = model.model_options["transformer_options"] | {
        "cond_or_uncond": list(range(conditions)),
        "sigmas": sigma.expand(frames),
    }
    model.pre_run()
    denoised = base.apply_model(
        x,
        sigma.expand(len(x)),
        c_crossattn=context.repeat_interleave(frames, 0),
        transformer_options=options,
        **({} if y is None else {"y": y.repeat_interleave(frames, 0)}),
    )
    model.cleanup()
    return (x - denoised) / sigma


def oracle_noise(pair: Pair, x: Tensor, timestep: int, context: Tensor, pooled: Tensor, conditions: int) -> Tensor:
    sigma = pair.model.model.model_sampling.sigmas[timestep]
    clips = (x / (sigma**2 + 1) ** 0.5).unflatten(0, (conditions, -1)).transpose(1, 2)
    return (
        pair.oracle(
            clips,
            torch.full((conditions,), timestep),
            context.repeat_interleave(clips.shape[2], 0),
            added_cond_kwargs={"text_embeds": pooled, "time_ids": torch.tensor([SIZES] * conditions)},
        )
        .sample.transpose(1, 2)
        .flatten(0, 1)
    )


def inputs(frames: int, height: int, width: int, conditions: int) -> dict:
    generator = torch.Generator().manual_seed(frames)
    x = torch.randn(conditions * frames, 4, height, width, generator=generator)
    x *= (1 + 0.3 * torch.arange(frames)).repeat(conditions)[:, None, None, None]  # joint and per-frame norms differ
    return {
        "x": x,
        "timestep": 500,
        "context": torch.randn(conditions, 7, 64, generator=generator),
        "pooled": torch.randn(conditions, POOLED, generator=generator),
        "conditions": conditions,
    }


@pytest.mark.parametrize("conditions", [1, 2])
@pytest.mark.parametrize("frames", [1, 2, 8, 16])
def test_the_unet_with_motion_equals_diffusers(pair: Pair, animated, frames: int, conditions: int) -> None:
    given = inputs(frames, 16, 16, conditions)
    difference = predicted_noise(animated, **given) - oracle_noise(pair, **given)
    assert difference.abs().max() < TOLERANCE


@pytest.mark.parametrize("size", [(8, 24), (18, 14), (17, 11)])
def test_any_picture_size_equals_diffusers(pair: Pair, animated, size: tuple[int, int]) -> None:
    given = inputs(4, *size, conditions=2)
    difference = predicted_noise(animated, **given) - oracle_noise(pair, **given)
    assert difference.abs().max() < TOLERANCE


def test_motion_changes_the_predicted_noise(pair: Pair, animated) -> None:
    given = inputs(8, 16, 16, 1)
    assert (predicted_noise(animated, **given) - predicted_noise(pair.model, **given)).abs().max() > 0.1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_as_near_as_without_motion(pair: Pair, animate, dtype: torch.dtype) -> None:
    """Relative to fp32. Measured: 1.18 times the error of the UNet alone in fp16, 1.13 times in bf16."""
    weights = {key: value.to(dtype) for key, value in pair.model.model.diffusion_model.state_dict().items()}
    half, given = host_model(weights, dtype=dtype, compute=dtype), inputs(8, 16, 16, 2)

    def error(model, exact: Tensor) -> Tensor:
        return (predicted_noise(model, **given) - exact).norm() / exact.norm()

    alone = error(half, predicted_noise(pair.model, **given))
    assert error(animate(half), oracle_noise(pair, **given)) <= 1.25 * alone


def test_clips_in_one_batch_stay_independent(pair: Pair, animate) -> None:
    animated = animate(pair.model, settings=dataclasses.replace(SETTINGS, clip_frames=4))
    given = inputs(8, 16, 16, 2)
    together = predicted_noise(animated, **given).unflatten(0, (2, 2, 4))
    for clip in range(2):
        alone = given | {"x": given["x"].unflatten(0, (2, 2, 4))[:, clip].flatten(0, 1)}
        expected = oracle_noise(pair, **alone).unflatten(0, (2, 4))
        assert (together[:, clip] - expected).abs().max() < TOLERANCE


# Every family's policy of group norms


def see_one_frame(norm: nn.GroupNorm) -> None:
    """Makes a norm that gets b c f h w see one frame at a time."""

    def forward(x: Tensor) -> Tensor:
        frames = x.transpose(1, 2)
        return group_norm(frames.flatten(0, 1), norm).unflatten(0, frames.shape[:2]).transpose(1, 2)

    norm.forward = forward


def see_clips(norm: nn.GroupNorm, frames: int) -> None:
    """Makes a norm that gets (b f) c h w see the clip at once."""

    def forward(x: Tensor) -> Tensor:
        clips = x.unflatten(0, (-1, frames)).transpose(1, 2)
        return group_norm(clips, norm).transpose(1, 2).flatten(0, 1)

    norm.forward = forward


def group_norm(x: Tensor, norm: nn.GroupNorm) -> Tensor:
    return torch.nn.functional.group_norm(x, norm.num_groups, norm.weight, norm.bias, norm.eps)


def set_policy(oracle: UNetMotionModel, policy: NormPolicy, frames: int) -> None:
    motion = [layer.norm for layer in oracle.modules() if isinstance(layer, AnimateDiffTransformer3D)]
    residual = [layer for layer in oracle.modules() if isinstance(layer, ResnetBlock2D)]
    unet = [norm for layer in residual for norm in (layer.norm1, layer.norm2)] + [oracle.conv_norm_out]
    assert (len(motion), len(unet)) in {(15, 35), (20, 45), (21, 45)}
    for norm in motion if not policy.motion else ():
        see_one_frame(norm)
    for norm in unet if policy.unet else ():
        see_clips(norm, frames)


POLICIES = [NormPolicy(motion, unet) for motion in (False, True) for unet in (False, True)]
BASES = {"SDXL": SDXL, "SD1.5": SD15}


@pytest.mark.parametrize("name", RUNNABLE)
def test_every_family_equals_diffusers_only_with_its_own_norms(name: str, animate, tmp_path: Path) -> None:
    family, frames, conditions = FAMILIES[name], 8, 2
    pair = small_pair(base=BASES[family.base], rows=family.frame_limit, mid=family.mid)
    set_policy(pair.oracle, family.norms, frames)
    given = inputs(frames, 16, 16, conditions)
    expected = oracle_noise(pair, **given)
    file = open_motion_file(save(pair.motion, tmp_path / family.example), name)
    errors = {}
    for policy in POLICIES:
        animated = animate(pair.model, file)
        (motion,) = (patcher.model for patcher in animated.get_additional_models())
        motion.norms = policy
        errors[policy] = (predicted_noise(animated, **given) - expected).abs().max()
    assert errors.pop(family.norms) < TOLERANCE
    assert min(errors.values()) > 1000 * TOLERANCE

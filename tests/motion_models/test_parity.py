"""The pack computes what the authors' SDXL model computes. Oracle: diffusers' UNetMotionModel with the same weights,
whose motion norms are joint over the frames and whose other norms are per frame, as the authors' are."""

import dataclasses

import pytest
import torch
from torch import Tensor

from tests.motion_models.conftest import SETTINGS
from tests.small import POOLED, SIZES, Pair

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
        "wrappers": model.wrappers,
    }
    model.pre_run()
    denoised = base.apply_model(
        x,
        sigma.expand(len(x)),
        c_crossattn=context.repeat_interleave(frames, 0),
        y=y.repeat_interleave(frames, 0),
        transformer_options=options,
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


def test_motion_matters(pair: Pair, animated) -> None:
    given = inputs(8, 16, 16, 1)
    assert (predicted_noise(animated, **given) - predicted_noise(pair.model, **given)).abs().max() > 0.1


def test_a_wrong_norm_policy_would_be_seen(pair: Pair, animated, monkeypatch: pytest.MonkeyPatch) -> None:
    given = inputs(8, 16, 16, 2)
    expected = oracle_noise(pair, **given)
    (motion,) = (patcher.model for patcher in animated.get_additional_models())
    monkeypatch.setattr(motion, "joint_norm", False)
    assert (predicted_noise(animated, **given) - expected).abs().max() > 1000 * TOLERANCE


def test_clips_of_one_batch_are_apart(pair: Pair, animate) -> None:
    animated = animate(pair.model, settings=dataclasses.replace(SETTINGS, clip_frames=4))
    given = inputs(8, 16, 16, 2)
    together = predicted_noise(animated, **given).unflatten(0, (2, 2, 4))
    for clip in range(2):
        alone = given | {"x": given["x"].unflatten(0, (2, 2, 4))[:, clip].flatten(0, 1)}
        expected = oracle_noise(pair, **alone).unflatten(0, (2, 4))
        assert (together[:, clip] - expected).abs().max() < TOLERANCE

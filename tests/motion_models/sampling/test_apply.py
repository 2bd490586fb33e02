"""Settings of the motion, and errors before and during sampling."""

import dataclasses
import logging
from types import SimpleNamespace

import comfy.model_management
import comfy.sample
import comfy.samplers
import pytest
import torch
from animatediff_xl.motion_models.conditioning.curves import FRAMES, STEPS, from_text, from_values
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.sampling.run import sampling_step

from tests.motion_models.conftest import SETTINGS
from tests.motion_models.sampling.test_parity import inputs, predicted_noise
from tests.sampling import hooks_left, sample, start_noise
from tests.small import conditioning, host_model
from tests.windowed import long_sample, windowed


def settings(**changes):
    return dataclasses.replace(SETTINGS, **changes)


def test_strength_zero_gives_no_motion(pair, animate) -> None:
    assert torch.equal(sample(animate(pair.model, settings=settings(strength=0.0))), sample(pair.model))


def test_motion_runs_only_between_start_and_end_percent(pair, animate) -> None:
    full, none = sample(animate(pair.model), steps=4), sample(pair.model, steps=4)
    never = settings(start_percent=0.4, end_percent=0.41)
    early = sample(animate(pair.model, settings=settings(end_percent=0.5)), steps=4)
    late = sample(animate(pair.model, settings=settings(start_percent=0.5)), steps=4)
    assert torch.equal(sample(animate(pair.model, settings=never), steps=4), none)
    for part in (early, late):
        assert not torch.equal(part, full)
        assert not torch.equal(part, none)


def test_clip_frames_divides_the_batch_into_clips(pair, animate) -> None:
    noise = start_noise(8)
    both = sample(animate(pair.model, settings=settings(clip_frames=4)), noise=noise)
    first = sample(animate(pair.model), noise=noise[:4])
    assert torch.allclose(both[:4], first, rtol=1e-4, atol=1e-3)  # values reach hundreds


def test_a_batch_of_incomplete_clips_is_refused(pair, animate) -> None:
    animated = animate(pair.model, settings=settings(clip_frames=3))
    with pytest.raises(MotionError, match="batch of 8 frames cannot be divided into clips of 3"):
        sample(animated, noise=start_noise(8))


def test_a_clip_beyond_the_frame_limit_is_refused(pair, animate) -> None:
    sentence = r"33 frames run at once, and random\.safetensors works with 32 .*Context Windows"
    with pytest.raises(MotionError, match=sentence):
        sample(animate(pair.model), noise=start_noise(33))
    assert hooks_left(pair.model) == 0


def test_one_frame_runs_and_warns_once(pair, animate, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        result = sample(animate(pair.model), noise=start_noise(1))
    assert result.shape[0] == 1
    assert [record.message for record in caplog.records if "still picture" in record.message] == [
        "random.safetensors: one latent is a still picture, so nothing can move. For a clip, give the sampler a latent "
        "batch of 16 frames (Empty Latent Frames)."
    ]


def test_a_unet_of_other_widths_is_refused(pair, animate) -> None:
    wide = host_model(None, model_channels=64)
    sentence = r"is for SDXL, but .* 15 motion modules of 32 / 64 / 128 channels, .* places for 15 of 64 / 128 / 256"
    with pytest.raises(MotionError, match=sentence):
        animate(wide)


def test_the_host_reserves_memory_for_the_motion(pair, animate, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = []
    load = comfy.model_management.load_models_gpu

    def load_models_gpu(models, memory_required=0, **kw):
        planned.append(memory_required)
        return load(models, memory_required=memory_required, **kw)

    monkeypatch.setattr(comfy.model_management, "load_models_gpu", load_models_gpu)
    sample(pair.model)
    animated = animate(pair.model)
    sample(animated)
    (motion,) = (patcher.model for patcher in animated.get_additional_models())
    noise = start_noise()
    # the host plans for two conditions at once; the height is a whole number, hence a tolerance of one row in eight
    needed = 4 * motion.activation_elements(2 * noise.shape[0], *noise.shape[-2:], noise.device)
    assert planned[1] - planned[0] >= needed
    assert planned[1] - planned[0] <= needed + 2 * planned[0] / 8


def over_frames(*values: float):
    return (from_values(values, FRAMES),)


def test_a_schedule_gives_each_frame_its_own_strength(pair, animate) -> None:
    """In one model call, a frame with strength 0 changes less than one with strength 1."""
    given = inputs(4, 8, 8, 2)
    one = predicted_noise(animate(pair.model), **given)
    still = predicted_noise(pair.model, **given)
    same = predicted_noise(animate(pair.model, settings=settings(strength_schedule=over_frames(1))), **given)
    none = predicted_noise(animate(pair.model, settings=settings(strength_schedule=over_frames(0))), **given)
    rising = predicted_noise(
        animate(pair.model, settings=settings(strength_schedule=over_frames(0, 1 / 3, 2 / 3, 1))), **given
    )
    assert (same - one).abs().max() < 1e-5
    assert (none - still).abs().max() < 1e-5
    towards_motion = ((rising - still) * (one - still)).flatten(2).sum(-1).sum(-1).unflatten(0, (2, 4))
    assert (towards_motion[:, 0].abs() < towards_motion[:, 3]).all()


def test_motion_can_end_at_a_step(pair, animate) -> None:
    early = sample(animate(pair.model, settings=settings(end_percent=0.5)), steps=4)
    schedule = (from_text("0: 1, 3: 0", "step", STEPS),)
    cut = sample(animate(pair.model, settings=settings(strength_schedule=schedule)), steps=4)
    full = sample(animate(pair.model), steps=4)
    assert not torch.equal(cut, full) and not torch.equal(cut, early)
    never = (from_text("0: 0", "step", STEPS),)
    assert torch.allclose(
        sample(animate(pair.model, settings=settings(strength_schedule=never)), steps=4), sample(pair.model, steps=4)
    )


@pytest.mark.parametrize("pictures", [1, 4])
def test_a_mask_limits_motion_to_its_area(pair, animate, pictures: int) -> None:
    given = inputs(4, 16, 16, 2)
    still, moving = predicted_noise(pair.model, **given), predicted_noise(animate(pair.model), **given)
    for value, expected in ((0.0, still), (1.0, moving)):
        everywhere = torch.full((pictures, 32, 48), value)
        masked = predicted_noise(animate(pair.model, settings=settings(mask=everywhere)), **given)
        assert (masked - expected).abs().max() < 1e-5
    left = torch.zeros(pictures, 32, 48)
    left[..., :24] = 1
    masked = predicted_noise(animate(pair.model, settings=settings(mask=left)), **given)
    change = (masked - still).abs().mean((0, 1, 2))
    assert change[:4].mean() > 1.5 * change[-4:].mean()


def test_clips_in_a_window_keep_their_lora_strengths(pair, animate, rising_lora, monkeypatch) -> None:
    """Also if the host runs the conditions one by one, as it does when memory is short."""
    clips = animate(pair.model, settings=settings(clip_frames=2), loras=(rising_lora,))
    model = windowed(clips, overlap=0)
    together = long_sample(model, 8)
    monkeypatch.setattr(type(model), "get_free_memory", lambda *_: 0)
    assert torch.allclose(long_sample(model, 8), together, rtol=1e-4, atol=1e-4 * together.abs().max().item())


def test_a_mask_of_one_clip_serves_every_uncut_clip(pair, animate) -> None:
    masked = animate(pair.model, settings=settings(clip_frames=2, mask=torch.rand(2, 8, 8)))
    assert torch.equal(sample(windowed(masked, length=16)), sample(masked))


def test_steps_are_counted_in_each_part_of_split_sampling(pair, animate) -> None:
    """Other packs write the sigmas of a part into the options of a run."""
    model, seen = animate(pair.model, settings=settings(strength_schedule=(from_values([0, 1, 2, 3], STEPS),))), []

    def in_parts(denoise, noise, sigmas, extra_args, **_):
        for part in (sigmas[:3], sigmas[2:]):
            extra_args["model_options"]["transformer_options"]["sample_sigmas"] = part
            for sigma in part[:-1]:
                denoise(noise, sigma.expand(len(noise)), **extra_args)
                options = extra_args["model_options"]["transformer_options"]
                seen.append(sampling_step(sigma.item(), options))
        return noise

    noise = start_noise()
    comfy.sample.sample_custom(
        model, noise, 5.0, comfy.samplers.KSAMPLER(in_parts), torch.tensor([9.0, 5.0, 3.0, 1.0, 0.0]), conditioning(1),
        conditioning(2), torch.zeros_like(noise), disable_pbar=True, seed=0,
    )  # fmt: skip
    assert seen == [0, 1, 0, 1]


def test_a_mask_of_another_length_is_refused(pair, animate) -> None:
    animated = animate(pair.model, settings=settings(mask=torch.ones(3, 8, 8)))
    with pytest.raises(
        MotionError, match="The mask batch has 3 masks, and the clip has 4 frames: give one mask for all frames"
    ):
        sample(animated)


def test_frames_keep_strength_and_mask_in_a_context_window(pair, animate) -> None:
    """Frames 4 to 7 in a window give the same as a clip of four with their strengths and masks."""
    strengths = [0.1 * frame for frame in range(8)]
    masks = torch.rand(8, 8, 8, generator=torch.Generator().manual_seed(0))
    given = inputs(4, 8, 8, 1)
    window = SimpleNamespace(index_list=[4, 5, 6, 7], context_length=4)
    whole = animate(pair.model, settings=settings(strength_schedule=over_frames(*strengths), mask=masks))
    part = animate(pair.model, settings=settings(strength_schedule=over_frames(*strengths[4:]), mask=masks[4:]))
    whole.model_options["transformer_options"]["context_window"] = window
    assert torch.equal(predicted_noise(whole, **given), predicted_noise(part, **given))


def test_frames_keep_strength_and_mask_with_an_anchor_frame(pair, animate) -> None:
    """The host's own windows have such a frame. Each of the five frames keeps its strength and its mask."""
    strengths = [0.1 * frame for frame in range(8)]
    masks = torch.rand(8, 8, 8, generator=torch.Generator().manual_seed(0))
    given, there = inputs(5, 8, 8, 1), [0, 4, 5, 6, 7]
    whole = animate(pair.model, settings=settings(strength_schedule=over_frames(*strengths), mask=masks))
    part = animate(
        pair.model, settings=settings(strength_schedule=over_frames(*(strengths[f] for f in there)), mask=masks[there])
    )
    whole.model_options["transformer_options"]["context_window"] = SimpleNamespace(
        index_list=[4, 5, 6, 7], context_length=4, causal_anchor_index=0
    )
    assert torch.equal(predicted_noise(whole, **given), predicted_noise(part, **given))

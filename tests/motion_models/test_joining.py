"""What the user sets, and what is refused before or while sampling."""

import dataclasses
import logging

import comfy.model_management
import pytest
import torch
from animatediff_xl.motion_models.errors import MotionError

from tests.motion_models.conftest import SETTINGS
from tests.sampling import hooks_left, sample, start_noise
from tests.small import host_model


def settings(**changes):
    return dataclasses.replace(SETTINGS, **changes)


def test_strength_zero_is_no_motion(pair, animate) -> None:
    assert torch.equal(sample(animate(pair.model, settings=settings(strength=0.0))), sample(pair.model))


def test_motion_takes_part_only_between_its_percents(pair, animate) -> None:
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
    assert torch.allclose(both[:4], first, rtol=1e-4, atol=1e-3)  # values go into the hundreds


def test_a_batch_that_is_no_number_of_clips_is_refused(pair, animate) -> None:
    animated = animate(pair.model, settings=settings(clip_frames=3))
    with pytest.raises(MotionError, match="batch of 8 frames cannot be divided into clips of 3"):
        sample(animated, noise=start_noise(8))


def test_a_clip_beyond_the_limit_says_how_to_go_on(pair, animate) -> None:
    with pytest.raises(MotionError, match=r"clip has 33 frames, and random\.safetensors knows .* 32 .*context windows"):
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
    sentence = r"is made for SDXL \(15 motion modules of 32 / 64 / 128 channels\).* \(places for 15, of 64 / 128 / 256"
    with pytest.raises(MotionError, match=sentence):
        animate(wide)


def test_memory_for_the_motion_is_in_the_hosts_plan(pair, animate, monkeypatch: pytest.MonkeyPatch) -> None:
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
    needed = 2 * 4 * motion.activation_elements(noise.shape[0] * 64)
    assert planned[1] - planned[0] >= needed
    assert planned[1] - planned[0] <= needed + 2 * planned[0] / 8

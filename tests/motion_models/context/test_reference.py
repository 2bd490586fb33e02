"""A reference frame that all windows look like."""

import dataclasses

import comfy.samplers
import pytest
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.context.handler import ContextHandler, add_context
from animatediff_xl.motion_models.context.reference import (
    Reference,
    add_reference,
    smoothed,
    with_colours_of_reference,
)
from animatediff_xl.motion_models.context.windows import ContextSettings
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.sampling.run import SamplingRun
from animatediff_xl.nodes.context import FIELDS, ContextWindows
from comfy_api.torch_helpers import set_torch_compile_wrapper
from torch import Tensor

from tests.motion_models.conftest import SETTINGS
from tests.sampling import sample, start_noise
from tests.small import conditioning
from tests.windowed import CLIP, long_sample, same

WINDOWS = ContextSettings(length=4, overlap=2, schedule="looped_uniform", closed_loop=True)
FRAME = 5
"""In some windows, and not in the first."""


def with_reference(model, weight: float = 0.5, per_batch: int = 1, **given):
    handler = ContextHandler(WINDOWS, per_batch, reference=Reference(FRAME, weight), **given)
    return add_reference(add_context(model, handler), Reference(FRAME, weight))


def watched(model, seen: list[Tensor]):
    """MODEL that notes the keys of each self-attention behind the reference."""

    def note(queries, keys, values, _options):
        seen.append(keys)
        return queries, keys, values

    changed = model.clone()
    changed.set_model_attn1_patch(note)
    return changed


def test_every_frame_attends_to_the_reference_alone_at_full_weight(pair, animate) -> None:
    seen: list[Tensor] = []
    long_sample(watched(with_reference(animate(pair.model), 1.0), seen), cfg=1.0, steps=1)
    layers = len({keys.shape[1:] for keys in seen}) and len(seen) // 5  # five windows
    first, *others = (seen[start : start + layers] for start in range(0, len(seen), layers))
    assert len(others) == 4
    for window in (first, *others):
        for keys, reference in zip(window, first, strict=True):
            assert torch.equal(keys, reference[:1].expand_as(keys))


def test_without_weight_no_patch_is_left(pair, animate) -> None:
    inputs = {field.id: field.default for field in ContextWindows.define_schema().inputs[1:]}
    (model,) = ContextWindows.run(animate(pair.model), **inputs).args
    assert not model.model_options["transformer_options"].get("patches")
    assert host.context_handler(model.model_options).reference is None


@pytest.mark.parametrize("per_batch", [2, 0])
def test_the_clip_does_not_depend_on_windows_per_batch(pair, animate, per_batch: int) -> None:
    model = animate(pair.model)
    found, expected = (long_sample(with_reference(model, per_batch=number)) for number in (per_batch, 1))
    assert same(found, expected)
    assert not same(found, long_sample(add_context(model, ContextHandler(WINDOWS))))


def test_prompts_for_areas_read_their_own_side(pair) -> None:
    """ComfyUI copies a condition with an area to the other side, with its id."""
    (area,) = conditioning(5)
    prompts = [*conditioning(1), [area[0], area[1] | {"area": (8, 4, 0, 0), "strength": 1.0}]]
    model = with_reference(pair.model)
    both_sides = model.clone()
    both_sides.set_model_sampler_cfg_function(lambda given: given["cond"], disable_cfg1_optimization=True)
    found, expected = (long_sample(each, cfg=1.0, steps=1, positive=prompts) for each in (both_sides, model))
    assert same(found, expected)


def test_each_clip_of_a_batch_has_its_own_reference(pair, animate) -> None:
    several = with_reference(animate(pair.model, settings=dataclasses.replace(SETTINGS, clip_frames=CLIP)))
    noises = start_noise(CLIP, 1), start_noise(CLIP, 2)
    found = sample(several, noise=torch.cat(noises))
    alone = with_reference(animate(pair.model))
    assert same(found, torch.cat([sample(alone, noise=noise) for noise in noises]))


def test_the_whole_clip_has_a_reference_too(pair, animate) -> None:
    """With windows in the motion modules only, a call has all frames."""
    seen: list[Tensor] = []
    long_sample(watched(with_reference(animate(pair.model), 1.0, in_motion_modules=True), seen), cfg=1.0, steps=1)
    assert all(torch.equal(keys, keys[FRAME].expand_as(keys)) for keys in seen)


def test_tokens_of_another_node_are_left_alone(pair, animate) -> None:
    def doubled(queries, keys, values, _options):
        return queries, torch.cat([keys, keys], 1), torch.cat([values, values], 1)

    model = animate(pair.model).clone()
    model.set_model_attn1_patch(doubled)
    reference = Reference(FRAME, 0.5)
    windowed = add_context(model, ContextHandler(WINDOWS, 1, reference=reference))
    assert torch.equal(long_sample(add_reference(windowed, reference)), long_sample(windowed))


def test_the_node_passes_weight_and_frame_on(pair, animate) -> None:
    inputs = {field.id: field.default for field in ContextWindows.define_schema().inputs[1:]}
    inputs |= {name: getattr(WINDOWS, field) for name, field in FIELDS.items()}
    (model,) = ContextWindows.run(
        animate(pair.model), **inputs | {"reference_weight": 0.5, "reference_frame": FRAME}
    ).args
    assert torch.equal(long_sample(model), long_sample(with_reference(animate(pair.model), per_batch=0)))


@pytest.mark.parametrize("in_motion_modules", [False, True])
def test_predictions_of_clips_and_sides_come_near_the_reference(pair, animate, in_motion_modules) -> None:
    """The attention to the reference is off. With one step, the clip is what the model predicts."""
    model, reference = (
        animate(pair.model, settings=dataclasses.replace(SETTINGS, clip_frames=CLIP)),
        Reference(FRAME, 0.5),
    )

    def predicted(given: Reference | None) -> Tensor:
        handler = ContextHandler(WINDOWS, in_motion_modules=in_motion_modules, reference=given)
        return sample(add_context(model, handler), noise=start_noise(2 * CLIP), steps=1, cfg=4.0)

    plain = predicted(None)
    expected = torch.cat(
        [with_colours_of_reference(clip, reference, CLIP, WINDOWS, mask=None) for clip in plain.split(CLIP)]
    )
    assert not same(plain, expected, rounding=1e-3)
    assert same(predicted(reference), expected)


OPEN = ContextSettings(length=16)
LONG = 48


def latents_of(brightness: Tensor) -> Tensor:
    """Even latents (f 4 2 3)."""
    return brightness[:, None, None, None].expand(-1, 4, 2, 3)


@pytest.mark.parametrize("weight", [0.25, 1.0])
def test_a_fade_still_never_turns_back(weight: float) -> None:
    fade = latents_of(torch.linspace(-1, 1, LONG))
    found = with_colours_of_reference(fade, Reference(0, weight), LONG, OPEN, mask=None)[:, 0, 0, 0]
    assert found[0] == -1
    assert torch.all(found.diff() > -1e-6)
    assert found[-1] - found[0] < (1 - 0.8 * weight) * 2


@pytest.mark.parametrize("closed_loop", [False, True])
@pytest.mark.parametrize("length", [2, 5, 16])
def test_no_wave_of_colours_grows(length: int, closed_loop: bool) -> None:
    """Whatever a sampler adds up over its steps, the colours of frames do not swing apart."""
    impulses = smoothed(torch.eye(LONG)[:, None], length, closed_loop)[:, 0]
    waves = torch.linalg.eigvals(torch.eye(LONG) - impulses)
    assert waves.abs().max() <= 1 + 1e-5


def test_frames_within_a_window_keep_their_differences() -> None:
    flicker = latents_of((torch.arange(LONG) % 2).float())
    found = with_colours_of_reference(flicker, Reference(0, 1.0), LONG, OPEN, mask=None)[:, 0, 0, 0]
    assert torch.allclose(found.diff().abs()[8:-8], torch.ones(LONG - 17), atol=0.02)


def test_kept_frames_and_those_beside_them_keep_their_colours() -> None:
    mask = (torch.arange(LONG) / 8).clamp(max=1)
    run = SamplingRun(noise_mask=mask[:, None, None, None].expand(-1, 1, 2, 3))
    fade = latents_of(torch.linspace(-1, 1, LONG))
    free, found = (
        with_colours_of_reference(fade, Reference(40, 1.0), LONG, OPEN, given) - fade
        for given in (None, run.mask_of_frames(fade))
    )
    assert free[:5].min() > 1
    assert torch.allclose(found, free * mask[:, None, None, None])


def test_a_picture_that_is_kept_in_part_keeps_its_colours(pair, animate) -> None:
    mask = torch.ones(1, 1, 8, 8)
    mask[..., :4, :] = 0
    handlers = (ContextHandler(WINDOWS), ContextHandler(WINDOWS, reference=Reference(FRAME, 1.0)))
    plain, found = (long_sample(add_context(animate(pair.model), each), noise_mask=mask) for each in handlers)
    assert same(found, plain)


@pytest.mark.parametrize("in_motion_modules", [False, True])
def test_a_call_with_a_part_of_the_clip_works(pair, animate, in_motion_modules) -> None:
    """As of a function that other packs set after the guidance."""
    model = animate(pair.model, settings=dataclasses.replace(SETTINGS, clip_frames=CLIP))
    model = with_reference(model, in_motion_modules=in_motion_modules)
    parts: list[Tensor] = []

    def part(given: dict) -> Tensor:
        batch = given["input"][:4], given["sigma"][:4], given["model_options"]
        parts.extend(comfy.samplers.calc_cond_batch(given["model"], [given["cond"]], *batch))
        return given["denoised"]

    model.set_model_sampler_post_cfg_function(part)
    long_sample(model, steps=1)
    assert parts[0].shape[0] == 4


def test_a_reference_outside_of_the_clip_is_refused(pair, animate) -> None:
    model = add_context(animate(pair.model), ContextHandler(WINDOWS, reference=Reference(CLIP, 0.5)))
    with pytest.raises(MotionError, match="reference_frame is 10, but the clip has 10 frames: set it to 9 or less"):
        long_sample(model)


def test_a_compiled_model_is_refused(pair, animate) -> None:
    """Its graphs do not notice another window, and would go on with the reference after a run without one."""
    model = with_reference(animate(pair.model))
    set_torch_compile_wrapper(model, backend="eager")
    with pytest.raises(MotionError, match="A compiled MODEL cannot read from the reference frame"):
        long_sample(model, steps=1)

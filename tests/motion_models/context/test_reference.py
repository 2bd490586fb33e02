"""A reference frame that all windows look like."""

import dataclasses

import pytest
import torch
from animatediff_xl.motion_models.context.handler import ContextHandler, add_context
from animatediff_xl.motion_models.context.reference import Reference, add_reference, with_colours_of_reference
from animatediff_xl.motion_models.context.windows import ContextSettings
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.nodes.context import ContextWindows
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


APART = ContextSettings(length=5, overlap=0, schedule="batched")
"""Two windows of a clip. The second holds the reference frame."""


@pytest.mark.parametrize("in_motion_modules", [False, True])
@pytest.mark.parametrize("weight", [0.5, 1.0])
def test_windows_take_mean_colours_and_frames_keep_differences(pair, animate, in_motion_modules, weight) -> None:
    """The attention to the reference is off. With one step, the clip is what the model predicts."""
    model = animate(pair.model)

    def predicted(reference: Reference | None) -> Tensor:
        handler = ContextHandler(APART, in_motion_modules=in_motion_modules, reference=reference)
        return long_sample(add_context(model, handler), steps=1).unflatten(0, (2, 5))

    plain, found = predicted(None), predicted(Reference(FRAME, weight))
    means = plain.mean((1, 3, 4), keepdim=True)
    shift = weight * (means[1] - means[0])
    assert shift.abs().min() > 1e-3
    assert same(found, plain + torch.stack([shift, torch.zeros_like(shift)]))


def test_shifts_are_mixed_as_their_windows_are() -> None:
    index, weights = torch.tensor([[0, 1, 2], [2, 3, 4]]), torch.tensor([[1, 1, 0.25], [0.75, 1, 1]])
    brightness = torch.tensor([1.0, 2, 3, 5, 7])
    latents = (brightness.repeat(2) + 10 * torch.tensor([0.0, 1]).repeat_interleave(5))[:, None, None, None]
    two_clips = torch.cat([index, index + 5]), weights.repeat(2, 1)
    found = with_colours_of_reference(latents.expand(10, 4, 2, 3), 5, *two_clips, 0.5)
    shift = 0.5 * (2 - 5)
    of_one_clip = brightness + torch.tensor([0, 0, 0.75 * shift, shift, shift])
    assert torch.allclose(found[:, 3, 1, 2], torch.cat([of_one_clip, of_one_clip + 10]))


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

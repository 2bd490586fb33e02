"""Small stand-ins for nodes of other packs, beside motion and context windows."""

import copy
import dataclasses
import inspect
from collections.abc import Callable

import comfy.samplers
import comfy_extras.nodes_custom_sampler as custom_sampler
import pytest
import torch
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.sampling.forward import ONLY_ON_SECOND_MODEL
from animatediff_xl.motion_models.sampling.run import SamplingRun, step_of
from comfy_extras.nodes_model_advanced import ModelSamplingDiscrete
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.motion_models.conftest import SETTINGS
from tests.sampling import guided, sample, start_noise
from tests.small import conditioning, small_pair
from tests.windowed import long_sample, same, windowed

SIDE = 8
"""Height and width of the latents."""


def tiled(model, per_call: int):
    """The model, run on four tiles of the picture. Tiles of one call are concatenated along the batch."""

    def run(apply: Callable, args: dict) -> Tensor:
        x, half = args["input"], SIDE // 2
        places = [(top, left) for top in (0, half) for left in (0, half)]
        result = torch.empty_like(x)
        for first in range(0, 4, per_call):
            part = places[first : first + per_call]
            tiles = torch.cat([x[..., top : top + half, left : left + half] for top, left in part])
            c = {
                name: torch.cat([value] * len(part)) if isinstance(value, Tensor) else value
                for name, value in args["c"].items()
            }
            done = apply(tiles, torch.cat([args["timestep"]] * len(part)), **c).chunk(len(part))
            for (top, left), tile in zip(part, done, strict=True):
                result[..., top : top + half, left : left + half] = tile
        return result

    tiled_model = model.clone()
    tiled_model.set_model_unet_function_wrapper(run)
    return tiled_model


@pytest.mark.parametrize("windows", [False, True], ids=["", "in windows"])
def test_tiles_in_a_batch_are_not_frames(pair, animate, windows: bool) -> None:
    model = windowed(animate(pair.model)) if windows else animate(pair.model)
    run = long_sample if windows else sample
    assert same(run(tiled(model, per_call=4)), run(tiled(model, per_call=1)))


def test_a_mask_with_tiles_is_refused(pair, animate) -> None:
    masked = animate(pair.model, settings=dataclasses.replace(SETTINGS, mask=torch.ones(1, SIDE, SIDE)))
    with pytest.raises(MotionError, match="samples the picture in parts: disconnect the mask"):
        sample(tiled(masked, per_call=4))


def weighted_by_frame(model, weights: Tensor):
    """An attention patch with one weight for each frame, which looks frames up as IPAdapter does."""

    def patch(n: Tensor, extra: dict) -> Tensor:
        frames = extra.get("ad_params", {}).get("sub_idxs") or list(range(len(weights)))
        return n * weights[frames].repeat(len(n) // len(frames)).view(-1, 1, 1)

    patched = model.clone()
    patched.set_model_attn2_output_patch(patch)
    return patched


def test_patches_for_each_frame_follow_the_windows(pair) -> None:
    """Without motion, frames do not see each other, so windows change nothing."""
    weights = torch.linspace(0, 2, 10)
    plain = weighted_by_frame(pair.model, weights)
    for per_batch in (1, 2):
        assert same(long_sample(windowed(plain, per_batch)), long_sample(plain), rounding=1e-4)


def with_copied_options(model):
    """The model, which another node calls with the options that the model had when the node ran."""
    options = copy.copy(model.model_options["transformer_options"])

    def run(apply: Callable, args: dict) -> Tensor:
        kept = {name: value for name, value in args["c"]["transformer_options"].items() if name not in ("wrappers",)}
        c = args["c"] | {"transformer_options": kept | options}
        return apply(args["input"], args["timestep"], **c)

    changed = model.clone()
    changed.set_model_unet_function_wrapper(run)
    return changed


def test_options_copied_after_apply_carry_the_motion(pair, animate) -> None:
    model = animate(pair.model)
    moved = sample(model)
    assert not torch.equal(moved, sample(pair.model))
    assert torch.equal(sample(with_copied_options(model)), moved)


def test_a_run_without_steps_reports_no_missing_motion(pair, animate) -> None:
    """A node that splits sigmas can leave only one of them."""
    reported: list[list[str]] = []
    settings = dataclasses.replace(SETTINGS, on_report=lambda report, warnings: reported.append(warnings))
    guider = comfy.samplers.CFGGuider(animate(pair.model, settings=settings))
    guider.set_conds(conditioning(1), conditioning(2))
    noise = start_noise(16)
    guider.sample(noise, noise, comfy.samplers.sampler_object("euler"), torch.tensor([9.0]), disable_pbar=True, seed=3)
    assert reported == [[]]


def test_options_copied_before_apply_are_reported(pair, animate) -> None:
    reported: list[list[str]] = []
    settings = dataclasses.replace(SETTINGS, on_report=lambda _, warnings: reported.append(warnings))
    sample(animate(with_copied_options(pair.model), settings=settings))
    assert "put that node after Apply AnimateDiff Motion Model" in reported[-1][-1]


def with_own_predictions(model):
    """The model, where half of each prediction is another one, made with options that the model had before."""
    options = copy.deepcopy(model.model_options)

    def run(args: dict) -> Tensor:
        conds = [args["cond"], args["uncond"]]
        own, _ = comfy.samplers.calc_cond_batch(args["model"], conds, args["input"], args["sigma"], options)
        return (args["denoised"] + own) / 2

    changed = model.clone()
    changed.set_model_sampler_post_cfg_function(run)
    return changed


def test_predictions_without_the_motion_are_reported(pair, animate) -> None:
    if "model_options" not in inspect.signature(pair.model.prepare_state).parameters:
        pytest.skip("before ComfyUI 0.30")
    reported: list[list[str]] = []
    settings = dataclasses.replace(SETTINGS, on_report=lambda _, warnings: reported.append(warnings))
    sample(with_own_predictions(animate(pair.model, settings=settings)))
    assert not any("less motion" in warning for warnings in reported for warning in warnings)
    sample(animate(with_own_predictions(pair.model), settings=settings))
    assert "less motion, because another node also runs the model" in reported[-1][-1]


def test_predictions_with_empty_options_are_reported(pair, animate) -> None:
    """A node calls the model with options of its own."""

    def run(args: dict) -> Tensor:
        comfy.samplers.calc_cond_batch(args["model"], [args["cond"], args["uncond"]], args["input"], args["sigma"], {})
        return args["denoised"]

    model = animate(pair.model)
    model.set_model_sampler_post_cfg_function(run)
    assert sample(model).isfinite().all()


def test_an_error_in_a_model_call_is_reported(pair, animate) -> None:
    reported: list[str] = []
    settings = dataclasses.replace(
        SETTINGS, mask=torch.ones(1, SIDE * 8, SIDE * 8), on_report=lambda text, _: reported.append(text)
    )
    with pytest.raises(MotionError, match="The mask cannot be used"):
        sample(tiled(animate(pair.model, settings=settings), 1))
    assert reported[-1].startswith("Error: The mask cannot be used")


def test_a_warning_after_the_run_keeps_the_earlier_ones(pair, animate) -> None:
    reported: list[list[str]] = []
    settings = dataclasses.replace(SETTINGS, on_report=lambda _, warnings: reported.append(warnings))
    sample(animate(with_copied_options(pair.model), settings=settings))
    first, last = reported
    assert len(first) == 1 and last[:1] == first and "no motion" in last[1]


def test_two_models_of_a_run_have_their_own_windows(pair) -> None:
    """As in guiders that predict with two MODELs."""
    one, two = windowed(pair.model), windowed(pair.model, length=6)
    handlers = [model.model_options["context_handler"] for model in (one, two)]
    run, x = SamplingRun(), start_noise(10)
    plans = [handler.windows(x, 0, 10, run).frames for handler in handlers]
    assert [len(frames[0]) for frames in plans] == [4, 6]


def test_predictions_without_the_windows_are_refused(pair, animate) -> None:
    model = animate(pair.model)
    assert long_sample(with_own_predictions(windowed(model))).isfinite().all()
    with pytest.raises(MotionError, match="on 10 frames at once, without the context windows: put that node after"):
        long_sample(windowed(with_own_predictions(model)))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_windows_work_with_any_number_of_conditions(pair, animate, count: int) -> None:
    """Some nodes ask for predictions without a condition."""
    model, seen = windowed(animate(pair.model)), []

    def calculate(args: dict) -> list[Tensor]:
        seen.append(1)
        sides = [args["conds"][0]] * count + [None] * (2 - count)
        options = args["model_options"].copy()
        options.pop("sampler_calc_cond_batch_function", None)
        return comfy.samplers.calc_cond_batch(args["model"], sides, args["input"], args["sigma"], options)

    model.model_options["sampler_calc_cond_batch_function"] = calculate
    assert long_sample(model, steps=1).isfinite().all() and seen


def test_a_handler_without_a_length_is_borne(pair, animate) -> None:
    class Handler(comfy.context_windows.ContextHandlerABC):
        def should_use_context(self, *args, **kw) -> bool:
            return False

        def get_resized_cond(self, *args, **kw) -> None: ...

        def execute(self, *args, **kw) -> None: ...

    model = animate(pair.model)
    expected = sample(model)
    model.model_options["context_handler"] = Handler()
    assert torch.equal(sample(model), expected)


@pytest.mark.parametrize("freenoise", [False, True])
def test_clips_of_a_batch_in_windows_equal_each_clip_alone(pair, animate, freenoise: bool) -> None:
    settings = dataclasses.replace(SETTINGS, clip_frames=10)
    both = windowed(animate(pair.model, settings=settings), freenoise=freenoise)
    alone = windowed(animate(pair.model), freenoise=freenoise)
    noise = start_noise(20)
    together = sample(both, noise=noise)
    for index in range(2):
        part = slice(10 * index, 10 * index + 10)
        assert same(together[part], sample(alone, noise=noise[part]), rounding=1e-4)


def test_a_replaced_beta_schedule_is_reported(pair, animate) -> None:
    reported: list[list[str]] = []
    settings = dataclasses.replace(SETTINGS, on_report=lambda _, warnings: reported.append(warnings))
    (replaced,) = ModelSamplingDiscrete().patch(animate(pair.model, settings=settings, schedule="auto"), "eps", False)
    sample(replaced, steps=1)
    assert any("Another node replaced the beta schedule" in warning for warning in reported[0])
    reported.clear()
    (kept,) = ModelSamplingDiscrete().patch(pair.model, "eps", False)
    sample(animate(kept, settings=settings, schedule="auto"), steps=1)
    assert not any("beta schedule" in warning for warning in reported[0])


def test_self_attention_guidance_in_windows_is_refused(pair, animate) -> None:
    from comfy_extras.nodes_sag import SelfAttentionGuidance

    guided = SelfAttentionGuidance.execute(windowed(animate(pair.model)), 0.5, 2.0)[0]
    with pytest.raises(MotionError, match="Self-Attention Guidance does not work with context windows"):
        long_sample(guided)


def test_a_lora_on_one_model_leaves_the_other_unchanged(pair, animate, motion, rising_lora) -> None:
    """One motion model file for two MODELs of a run, as in ComfyUI's DualModelGuider."""
    plain = animate(pair.model)
    patched = animate(pair.model, loras=(dataclasses.replace(rising_lora, strength_schedule=()),))
    (plain_motion,), (patched_motion,) = (model.get_additional_models() for model in (plain, patched))
    assert plain_motion.model is not patched_motion.model


def dual_sample(model, second) -> Tensor:
    """A run of ComfyUI's DualModelGuider: the second MODEL is for the negative."""
    guider = custom_sampler.Guider_DualModel(model, second)
    guider.set_conds(conditioning(1), conditioning(2))
    guider.set_cfg(4.0)
    return guided(guider)


@pytest.mark.skipif(not hasattr(custom_sampler, "Guider_DualModel"), reason="ComfyUI 0.30")
@pytest.mark.parametrize("own_checkpoint", [False, True])
def test_motion_only_on_the_second_model_is_reported(pair, animate, own_checkpoint: bool) -> None:
    reported: list[list[str]] = []
    settings = dataclasses.replace(SETTINGS, on_report=lambda _, warnings: reported.append(warnings))
    animated = animate(small_pair().model if own_checkpoint else pair.model, settings=settings)
    dual_sample(pair.model, animated)
    assert [warning for warnings in reported for warning in warnings] == [ONLY_ON_SECOND_MODEL]
    reported.clear()
    assert not torch.equal(dual_sample(animated, pair.model), dual_sample(pair.model, pair.model))
    dual_sample(animate(pair.model, settings=settings), animated)
    assert not any(ONLY_ON_SECOND_MODEL in warnings for warnings in reported)


SIGMAS = st.lists(st.floats(0, 100, allow_nan=False, width=32), min_size=2, max_size=9)


@given(SIGMAS, st.floats(-1, 200, allow_nan=False), st.floats(0, 8))
def test_steps_stay_within_any_list_of_sigmas(sigmas: list[float], sigma: float, last: float) -> None:
    assert 0 <= step_of(sigma, sigmas, last) <= len(sigmas) - 2


@given(st.lists(st.floats(0, 100, allow_nan=False, width=32), min_size=2, max_size=9, unique=True), st.booleans())
def test_each_step_of_falling_or_rising_sigmas_is_its_index(sigmas: list[float], falling: bool) -> None:
    ordered = sorted(sigmas, reverse=falling)
    assert [step_of(sigma, ordered) for sigma in ordered[:-1]] == list(range(len(ordered) - 1))


def test_conditions_of_the_batch_follow_clips(pair) -> None:
    """A condition for each frame of a batch of clips reaches its own frame in windows."""
    text = [[conditioning(1)[0][0].repeat(20, 1, 1) * torch.linspace(0, 1, 20).view(-1, 1, 1), conditioning(1)[0][1]]]
    plain = sample(pair.model, noise=start_noise(20), positive=text)
    assert same(sample(windowed(pair.model), noise=start_noise(20), positive=text), plain, rounding=1e-4)

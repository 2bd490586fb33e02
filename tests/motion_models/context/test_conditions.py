"""Everything that belongs to a frame follows it into the windows."""

import dataclasses
from collections.abc import Callable

import comfy.controlnet
import comfy.sample
import comfy.supported_models
import pytest
import torch
from animatediff_xl.motion_models.conditioning.curves import FRAMES as OVER_FRAMES
from animatediff_xl.motion_models.conditioning.curves import from_values
from torch import Tensor

from tests.motion_models.conftest import SETTINGS
from tests.sampling import start_noise
from tests.small import CONTEXT, POOLED, conditioning, host_model, with_input_channels
from tests.windowed import CLIP, host_windowed, long_sample, same, windowed


class Painted:
    """A MODEL that predicts one number for each frame. `read` takes the numbers from the input of the UNet."""

    def __init__(self, model, read: Callable[[dict], Tensor]):
        self.model = model.clone()
        self.read = read
        self.model.set_model_unet_function_wrapper(self.predict)

    def predict(self, _apply_model, args: dict) -> Tensor:
        numbers = self.read(args["c"]).reshape(-1)
        assert len(numbers) == len(args["input"])
        return numbers.view(-1, 1, 1, 1).expand_as(args["input"]).clone()


def numbered(*shape: int) -> Tensor:
    """(CLIP, *shape), each frame filled with its number."""
    return torch.arange(float(CLIP)).view(-1, *[1] * len(shape)).expand(-1, *shape).clone()


class PaintingNetwork(torch.nn.Module):
    """Replaces the network of a ControlNet. It returns its input picture."""

    dtype = torch.float32

    def forward(self, x: Tensor, hint: Tensor, **_) -> dict[str, list[Tensor]]:
        assert len(hint) in (1, len(x))
        return {"middle": [hint.repeat(len(x) // len(hint), 1, 1, 1)], "output": [], "input": []}


def painting_control(hint: Tensor, previous=None, masks: Tensor | None = None) -> comfy.controlnet.ControlNet:
    control = comfy.controlnet.ControlNet(PaintingNetwork(), load_device=torch.device("cpu"))
    control.set_cond_hint(hint, extra_concat=[] if masks is None else [masks])
    if previous is not None:
        control.set_previous_controlnet(previous)
    return control


class PaintingAdapter(torch.nn.Module):
    """Replaces the network of a T2I-Adapter. It returns its input picture."""

    def forward(self, hint: Tensor) -> dict[str, list[Tensor]]:
        return {"input": [], "middle": [hint], "output": []}


def painting_adapter(hint: Tensor) -> comfy.controlnet.T2IAdapter:
    adapter = comfy.controlnet.T2IAdapter(PaintingAdapter(), 3, 8, "nearest-exact", device=torch.device("cpu"))
    adapter.t2i_model.unshuffle_amount = 8
    return adapter.set_cond_hint(hint)


class KnowsWindows(comfy.controlnet.ControlBase):
    """A ControlNet that selects its frames itself, like Advanced-ControlNet."""

    sub_idxs = None

    def get_control(self, x, t, cond, batched_number, transformer_options):
        frames = transformer_options["ad_params"]["sub_idxs"] * batched_number
        assert transformer_options["ad_params"]["full_length"] == CLIP
        assert transformer_options["ad_params"]["context_length"] == 4
        return {"middle": [self.cond_hint_original[frames]]}

    def get_models(self):
        return []


def with_control(control) -> Callable[[list], list]:
    return lambda condition: [[condition[0][0], {**condition[0][1], "control": control}]]


def from_control(c: dict) -> Tensor:
    return c["control"]["middle"][0].mean((1, 2, 3))


def with_option(**options) -> Callable[[list], list]:
    return lambda condition: [[condition[0][0], {**condition[0][1], **options}]]


def text_of_each_frame(condition: list) -> list:
    return [[numbered(7, CONTEXT), {**condition[0][1], "pooled_output": numbered(POOLED)}]]


HINTS = numbered(3, 64, 64)
FOLLOWERS: dict[str, tuple[Callable[[list], list], Callable[[dict], Tensor]]] = {
    "prompt": (text_of_each_frame, lambda c: c["c_crossattn"].mean((1, 2))),
    "pooled prompt": (text_of_each_frame, lambda c: c["y"][:, :POOLED].mean(1)),
    "ControlNet": (with_control(painting_control(HINTS)), from_control),
    "ControlNet with too many pictures": (with_control(painting_control(torch.cat([HINTS, HINTS]))), from_control),
    "ControlNets in a row": (
        with_control(painting_control(0 * HINTS, previous=painting_control(HINTS))),
        from_control,
    ),
    "ControlNet with masks": (
        with_control(painting_control(0 * HINTS, masks=4 * numbered(1, 64, 64))),
        from_control,
    ),
    "T2I-Adapter": (with_control(painting_adapter(HINTS)), from_control),
    "Advanced-ControlNet": (with_control(KnowsWindows().set_cond_hint(HINTS)), from_control),
    "concatenated latents": (
        with_option(concat_latent_image=numbered(4, 8, 8), concat_mask=torch.ones(1, 1, 64, 64)),
        lambda c: c["c_concat"][:, -4:].mean((1, 2, 3)) / comfy.supported_models.SDXL.latent_format().scale_factor,
    ),
}
WINDOWS = {
    "static": {},
    "several at once": {"per_batch": 3},
    "as many as fit": {"per_batch": 0},
    "a closed loop": {"schedule": "looped_uniform", "closed_loop": True},
    "wide windows": {"schedule": "standard_uniform", "stride": 2},
}


@pytest.fixture(scope="module")
def inpainting(pair):
    weights = with_input_channels(pair.model.model.diffusion_model.state_dict(), 9)
    return host_model(weights, in_channels=9)


@pytest.mark.parametrize("settings", WINDOWS)
@pytest.mark.parametrize("name", FOLLOWERS)
def test_inputs_for_each_frame_follow_their_frame(inpainting, name: str, settings: str) -> None:
    """Each prediction is the number in the input of its frame, so the clip must count up."""
    change, read = FOLLOWERS[name]
    model = windowed(Painted(inpainting, read).model, **WINDOWS[settings])
    control = change(conditioning(1))[0][1].get("control")
    hint = None if control is None else control.cond_hint_original
    counted = long_sample(model, positive=change(conditioning(1)), negative=change(conditioning(2)))
    assert torch.allclose(scaled(counted), numbered(4, 8, 8), atol=1e-3)
    if control is not None:
        assert control.cond_hint_original is hint and control.cond_hint is None


def scaled(latents: Tensor) -> Tensor:
    """As the UNet sees them."""
    return comfy.supported_models.SDXL.latent_format().process_in(latents)


def test_one_control_image_serves_all_frames(inpainting) -> None:
    model = windowed(Painted(inpainting, from_control).model)
    change = with_control(painting_control(HINTS[7:8]))
    found = long_sample(model, positive=change(conditioning(1)), negative=change(conditioning(2)))
    assert torch.allclose(scaled(found), torch.full((CLIP, 4, 8, 8), 7.0), atol=1e-3)


def test_condition_masks_follow_their_frame(inpainting) -> None:
    """Even frames have one prompt, odd ones another."""
    even = (torch.arange(CLIP) % 2 == 0).float().view(-1, 1, 1).expand(-1, 64, 64)
    regions = []
    for number, mask in ((1.0, even), (2.0, 1 - even)):
        regions += [[torch.full((1, 7, CONTEXT), number), {**conditioning(1)[0][1], "mask": mask}]]
    model = windowed(Painted(inpainting, lambda c: c["c_crossattn"].mean((1, 2))).model, per_batch=2)
    found = scaled(long_sample(model, positive=regions, cfg=1.0))
    assert torch.allclose(found, (2 - even[:, :1, :1])[:, None].expand(-1, 4, 8, 8), atol=1e-3)


def test_latents_outside_the_noise_mask_stay_unchanged(pair, animate) -> None:
    keep = torch.arange(CLIP) % 3 == 0
    noise, latents = start_noise(CLIP), start_noise(CLIP, seed=9)
    mask = (~keep).float().view(-1, 1, 1, 1).expand(-1, 1, 64, 64)
    model = windowed(animate(pair.model))
    args = (2, 5.0, "euler", "normal", conditioning(1), conditioning(2), latents)
    found = comfy.sample.sample(model, noise, *args, noise_mask=mask, disable_pbar=True, seed=3)
    kept = torch.tensor([torch.allclose(a, b, atol=1e-4) for a, b in zip(found, latents, strict=True)])
    assert torch.equal(kept, keep)


def motion_over_time() -> dict:
    """Settings with a strength and a mask for each frame."""
    curve = (from_values([0.1 * frame for frame in range(CLIP)], OVER_FRAMES),)
    masks = torch.rand(CLIP, 8, 8, generator=torch.Generator().manual_seed(0))
    return {"strength_schedule": curve, "mask": masks}


@pytest.mark.parametrize("per_batch", [0, 3])
def test_batched_windows_equal_windows_one_by_one(pair, animate, rising_lora, per_batch: int) -> None:
    """With strengths, masks and a MotionLoRA that change from frame to frame."""
    settings = dataclasses.replace(SETTINGS, **motion_over_time())
    model = animate(pair.model, settings=settings, loras=(rising_lora,))
    expected = long_sample(windowed(model, 1))
    calls = []
    together = windowed(model, per_batch)
    together.set_model_unet_function_wrapper(
        lambda apply, args: calls.append(len(args["input"])) or apply(args["input"], args["timestep"], **args["c"])
    )
    assert same(long_sample(together), expected)
    assert calls == ([2 * 16, 2 * 16] if per_batch == 0 else [2 * 12, 2 * 4] * 2)


def test_host_windows_with_an_anchor_frame_keep_strengths_in_place(pair, animate) -> None:
    """A window may begin with the frame before it: 5 frames for a window of 4. Only every second frame has motion, so
    the others must be as without motion."""

    def clip_with(*strengths: float) -> Tensor:
        curve = (from_values(strengths, OVER_FRAMES),)
        model = animate(pair.model, settings=dataclasses.replace(SETTINGS, strength_schedule=curve))
        return long_sample(host_windowed(model, anchor=True))

    half, none = clip_with(*[1.0, 0.0] * (CLIP // 2)), clip_with(*[0.0] * CLIP)
    assert same(half[1::2], none[1::2])
    assert not any(same(half[frame], none[frame]) for frame in range(0, CLIP, 2))

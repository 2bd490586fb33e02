"""Previews of runs: ComfyUI's previewer gets sheets, and everything else gets what it always gets."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import comfy.cli_args
import comfy.model_management
import comfy.samplers
import comfy.utils
import latent_preview
import pytest
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.noise.free_init import FreeInitSettings, add_free_init
from animatediff_xl.motion_models.previews.live import add_live_preview
from comfy_extras.nodes_custom_sampler import BasicGuider, KSamplerSelect, RandomNoise, SamplerCustomAdvanced
from PIL import Image

from tests.motion_models.conftest import SETTINGS
from tests.sampling import sample, start_noise
from tests.small import SD15, conditioning, small_pair
from tests.windowed import windowed

FREE_INIT = FreeInitSettings(2, "butterworth", 0.25, 0.25, False, 0.0, "", lambda *_: None)
FRAMES, SIDE, STEPS = 6, 8, 3
SHEET, FRAME = (3 * SIDE, 2 * SIDE), (SIDE, SIDE)
"""Width and height of pictures by latent2rgb, whose pixels are latents."""


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Image.Image]]:
    """The previews of runs."""
    seen: list[Image.Image] = []

    def hook(_value: int, _total: int, preview: Any, node_id: str | None = None) -> None:
        if preview:
            seen.append(preview[1])

    monkeypatch.setattr(comfy.cli_args.args, "preview_method", comfy.cli_args.LatentPreviewMethod.Latent2RGB)
    comfy.utils.set_progress_bar_global_hook(hook)
    yield seen
    comfy.utils.set_progress_bar_global_hook(None)


def playing(model, is_played: bool = True):
    changed = model.clone()
    add_live_preview(changed, lambda _sheet: is_played)
    return changed


def run(model, callback: Callable | None = None, **given: Any) -> torch.Tensor:
    callback = callback or latent_preview.prepare_callback(model, STEPS)
    return sample(model, noise=start_noise(FRAMES), steps=STEPS, callback=callback, **given)


def sizes(pictures: list[Image.Image]) -> list[tuple[int, int]]:
    return [picture.size for picture in pictures]


@pytest.fixture(scope="session")
def sd15():
    return small_pair(base=SD15).model


VARIANTS: dict[str, Callable] = {
    "plain": lambda model, animate: animate(model),
    "windows": lambda model, animate: windowed(animate(model)),
    "twice": lambda model, animate: animate(animate(model)),
    "FreeInit": lambda model, animate: add_free_init(animate(model), FREE_INIT),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_step_shows_a_sheet_and_the_end_a_frame(pair, animate, pictures, variant: str) -> None:
    animated = VARIANTS[variant](pair.model, animate)
    expected, steps = run(animated), len(pictures)
    del pictures[:]
    assert torch.equal(run(playing(animated)), expected)
    assert steps >= STEPS and sizes(pictures) == [SHEET] * steps + [FRAME]


def test_sd15_shows_sheets_too(sd15, pictures) -> None:
    """The wrapper does not ask which model samples."""
    expected = run(sd15)
    del pictures[:]
    assert torch.equal(run(playing(sd15)), expected)
    assert sizes(pictures) == [SHEET] * STEPS + [FRAME]


def test_clips_of_a_batch_share_the_moments(pair, animate, pictures) -> None:
    settings = replace(SETTINGS, clip_frames=FRAMES // 2)
    run(playing(animate(pair.model, settings=settings)))
    assert sizes(pictures)[0] == (2 * 2 * SIDE, 2 * SIDE)  # two by two moments of two clips


def test_a_custom_sampler_returns_the_real_latents(pair, animate, pictures) -> None:
    """Its second output is what the callback had last. dpm_adaptive makes as many steps as it likes."""
    animated = animate(pair.model)

    def outputs(model) -> tuple[torch.Tensor, ...]:
        sigmas = comfy.samplers.calculate_sigmas(model.get_model_object("model_sampling"), "normal", STEPS)
        both = SamplerCustomAdvanced.execute(
            RandomNoise.execute(3)[0],
            BasicGuider.execute(model, conditioning(1))[0],
            KSamplerSelect.execute("dpm_adaptive")[0],
            sigmas,
            {"samples": torch.zeros_like(start_noise(FRAMES))},
        )
        return tuple(both[index]["samples"] for index in range(2))

    expected = outputs(animated)
    del pictures[:]
    for found, wanted in zip(outputs(playing(animated)), expected, strict=True):
        assert torch.equal(found, wanted)
    assert set(sizes(pictures)) == {SHEET, FRAME} and sizes(pictures)[-1] == FRAME


def test_callbacks_of_others_get_the_latents(pair, animate, pictures) -> None:
    seen: list[torch.Size] = []
    run(playing(animate(pair.model)), lambda step, denoised, noisy, steps: seen.append(denoised.shape))
    assert seen == [start_noise(FRAMES).shape] * STEPS


def test_previewers_of_others_get_the_latents(pair, animate, pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some packs replace ComfyUI's with one that animates the batch itself."""
    seen: list[torch.Size] = []
    theirs = SimpleNamespace(decode_latent_to_preview_image=lambda _format, latents: seen.append(latents.shape))
    monkeypatch.setattr(latent_preview, "get_previewer", lambda *_: theirs)
    run(playing(animate(pair.model)))
    assert seen == [start_noise(FRAMES).shape] * STEPS


def test_nothing_changes_if_no_page_plays(pair, animate, pictures) -> None:
    run(playing(animate(pair.model), is_played=False))
    assert sizes(pictures) == [FRAME] * STEPS


def test_no_sheet_is_made_if_previews_are_off(pair, animate, pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comfy.cli_args.args, "preview_method", comfy.cli_args.LatentPreviewMethod.NoPreviews)
    asked: list[object] = []
    model = animate(pair.model)
    add_live_preview(model, asked.append)
    run(model)
    assert pictures == asked == []


@pytest.mark.parametrize("shape", [(1, 4, SIDE, SIDE), (FRAMES + 1, 4, SIDE, SIDE), (1, 4, FRAMES, SIDE, SIDE)])
def test_latents_that_are_not_the_clip_are_shown_as_ever(pair, animate, pictures, monkeypatch, shape) -> None:
    """A sampler can call back with a part of the batch."""
    given: list[tuple[int, ...]] = []
    monkeypatch.setattr(
        latent_preview.Latent2RGBPreviewer,
        "decode_latent_to_preview_image",
        lambda _self, _format, latents: given.append(tuple(latents.shape)),
    )

    def part(model, x, sigmas, extra_args, callback, disable):
        callback({"i": 0, "denoised": x.new_zeros(shape), "x": x, "sigma": sigmas[0], "sigma_hat": sigmas[0]})
        return x

    monkeypatch.setattr(comfy.k_diffusion.sampling, "sample_euler", part)
    run(playing(animate(pair.model)))
    assert given == [shape]


def test_an_interrupt_ends_a_run_with_sheets(pair, animate, pictures) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise comfy.model_management.InterruptProcessingException

    comfy.utils.set_progress_bar_global_hook(interrupted)
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        run(playing(animate(pair.model)))


@pytest.mark.parametrize(("pixels", "side"), [(1, 512), (8, 128)])
def test_a_sheet_costs_taesd_no_more_than_a_frame(pixels: int, side: int) -> None:
    """At 1024 pixels. latent2rgb costs next to nothing, and draws as large as pictures are shown."""
    previewer = SimpleNamespace(taesd=None) if pixels == 8 else SimpleNamespace()
    assert host.preview_side(previewer, 1024 // 8) == side

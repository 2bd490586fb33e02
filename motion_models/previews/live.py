"""Previews while a clip is sampled: ComfyUI's previewer gets all frames of a step as the tiles of one latent.

It draws the first latent of a batch, and so would show the first frame only. It is called by a callback that the
sampler node makes. This wrapper of a run passes on another callback, which hands the tiles to ComfyUI's. No function
of ComfyUI is replaced, and the latents of the run are only read.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from .. import host
from ..sampling.motion_config import clip_frames
from .sheet import Sheet, sheet_of, tiled

Announce = Callable[[Sheet], bool]
"""Called before each sheet. Returns whether someone plays it; if not, the preview shows a frame, as without motion."""


def add_live_preview(model: host.ModelPatcher, announce: Announce) -> None:
    """Let the runs of a MODEL, which must be a clone, preview all frames."""

    def on_sampling(executor: Any, noise: Tensor, *args: Any, **kw: Any) -> Any:
        callback = host.sampling_argument("callback", args, kw)
        previewer = host.live_previewer(callback)
        clip = clip_frames(executor.class_obj.model_patcher) or len(noise)
        if previewer is None or clip == 1 or len(noise) % clip:
            return executor(noise, *args, **kw)
        sheet = sheet_of(len(noise), clip)
        most = host.preview_side(previewer, max(noise.shape[-2:]))
        last: list[Any] = []

        def on_step(step: int, denoised: Tensor, noisy: Tensor, steps: int) -> None:
            is_whole = denoised.ndim == 4 and len(denoised) == len(noise)  # a sampler can call with a part
            is_played = is_whole and announce(sheet)
            last[:] = (step, denoised, noisy, steps) if is_played else ()
            callback(step, tiled(denoised, sheet, most) if is_played else denoised, noisy, steps)

        args, kw = host.with_callback(args, kw, on_step)
        result = executor(noise, *args, **kw)
        if last:  # nodes such as SamplerCustom return the last latents that the callback had
            callback(*last)
        return result

    host.wrap(model, {host.WrappedCall.OUTER_SAMPLE: on_sampling}, host.PREVIEW_KEY)

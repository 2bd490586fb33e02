"""Context windows in a MODEL: a clip of any length, sampled window by window.

ComfyUI calls the handler of a MODEL whenever a guider computes the conditions. So every sampler and guider works.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .. import host
from ..errors import MotionError
from ..noise.free_noise import noise_order
from ..sampling.memory import motion_bytes
from ..sampling.run import begin_run, sampling_step
from .conditions import conditions_of, select_frames, sliced_controls
from .windows import MOVING, ContextSettings, plan


@dataclass(frozen=True)
class Window:
    """The frames of a model call. ComfyUI and other packs read these fields by name."""

    index_list: list[int]
    """Indices of frames in the clip. Several windows are concatenated."""
    total_frames: int
    context_length: int
    """Frames of one window."""
    dim: int = 0
    """Dimension of the frames in the latents."""


class ContextHandler(host.ContextHandler):
    """Runs the model window by window, and computes the weighted sum of the results."""

    def __init__(self, settings: ContextSettings, windows_per_batch: int = 0, free_noise: bool = False):
        """windows_per_batch: windows in one model call. 0: as many as memory allows."""
        self.settings = settings
        self.context_length = settings.length  # ComfyUI and other packs read this name
        self.windows_per_batch = windows_per_batch
        self.free_noise = free_noise
        self._windows: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        self._reported = 0.0

    def for_one_run(self) -> "ContextHandler":
        """A handler with the same settings and without the state of earlier runs."""
        return ContextHandler(self.settings, self.windows_per_batch, self.free_noise)

    def should_use_context(
        self, model: Any, conds: list, x_in: Tensor, timestep: Tensor, model_options: host.ModelOptions
    ) -> bool:
        return x_in.shape[0] > (1 if self.settings.closed_loop else self.settings.length)

    def get_resized_cond(self, cond_in: host.Conditions, x_in: Tensor, window: Any, device: Any = None) -> Any:
        return conditions_of(cond_in, select_frames(torch.tensor(window.index_list), x_in.shape[0]))

    def execute(
        self,
        calc_cond_batch: Callable[..., list[Tensor]],
        model: Any,
        conds: list[host.Conditions | None],
        x_in: Tensor,
        timestep: Tensor,
        model_options: host.ModelOptions,
    ) -> list[Tensor]:
        """The results of ComfyUI's `calc_cond_batch` for latents (f c h w), computed window by window."""
        options = model_options["transformer_options"]
        step = int(sampling_step(timestep[0].item(), options))
        indices, weights = self.windows(x_in, step)
        totals = [torch.zeros_like(x_in) for _ in conds]
        frame_lookup = any(host.knows_windows(control) for control in host.controls_of(conds))
        # ControlNets that index frames by number need unique indices in each call
        per_call = 1 if frame_lookup else self.windows_per_call(model.current_patcher, conds, x_in)
        for first in range(0, len(indices), per_call):
            host.stop_if_interrupted()
            windows = indices[first : first + per_call]
            window = Window(windows.flatten().tolist(), x_in.shape[0], windows.shape[1])
            select = select_frames(windows.flatten(), x_in.shape[0])
            extra = {host.CONTEXT_WINDOW: window} | (for_frame_lookup(window) if frame_lookup else {})
            inner = model_options | {"transformer_options": options | extra}
            with sliced_controls(conds, select):
                sides = [conditions_of(side, select) for side in conds]
                results = calc_cond_batch(model, sides, select(x_in), select(timestep), inner)
            for total, result in zip(totals, results, strict=True):
                weighted = result.unflatten(0, windows.shape) * weights[first : first + len(windows)]
                # sequential, because index_add_ with repeated indices is not deterministic on CUDA
                for index, frames in zip(windows, weighted, strict=True):
                    total[index] += frames
            self.report_progress(step, first + len(windows), len(indices), options)
        return totals

    def windows(self, x: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Frames (w l) and weights (w l 1 1 1) of the windows of latents (f c h w), computed once in a run."""
        key = (x.shape[0], step if self.settings.schedule in MOVING else 0)
        if key not in self._windows:
            window_plan = plan(self.settings, *key)
            self._windows[key] = (
                torch.from_numpy(window_plan.indices),
                torch.from_numpy(window_plan.weights).to(x)[..., None, None, None],
            )
        return self._windows[key]

    def windows_per_call(self, model: host.ModelPatcher, conds: list[host.Conditions | None], latents: Tensor) -> int:
        if self.windows_per_batch:
            return self.windows_per_batch
        condition_count = sum(len(side) for side in conds if side)
        window_shape = [condition_count * min(self.settings.length, len(latents)), *latents.shape[1:]]
        needed = host.planned_memory(model, window_shape) + motion_bytes(model, window_shape)
        return max(1, int(host.free_memory(model, latents.device) / (MEMORY_MARGIN * needed)))

    def report_progress(self, step: int, done: int, windows: int, options: host.TransformerOptions) -> None:
        """Advance the node's progress bar after each call. ComfyUI itself advances it only after each step.

        The bar never goes back, although some samplers evaluate the same step twice.
        """
        steps = len(options["sample_sigmas"]) - 1
        progress = (step + done / windows) / steps
        if progress > self._reported:
            self._reported = progress
            host.progress_bar(steps * windows).update_absolute(step * windows + done, steps * windows)


MEMORY_MARGIN = 1.5
"""The factor on the planned memory with which ComfyUI decides how to batch conditions (comfy/samplers.py)."""


def for_frame_lookup(window: Window) -> host.TransformerOptions:
    """The window in transformer_options, in the format that Advanced-ControlNet 1.5 reads."""
    return {
        "ad_params": {
            "sub_idxs": window.index_list,
            "full_length": window.total_frames,
            "context_length": window.context_length,
        }
    }


# In a MODEL


def add_context(model: host.ModelPatcher, handler: ContextHandler) -> host.ModelPatcher:
    """A clone of MODEL that samples long clips in windows. Raises MotionError if MODEL already has context windows."""
    if host.context_handler(model.model_options):
        raise MotionError(WINDOWS_SET_TWICE)
    changed = model.clone()
    host.set_context_handler(changed.model_options, handler)
    host.wrap(changed, WRAPPERS, host.CONTEXT_KEY)
    return changed


WINDOWS_SET_TWICE = (
    "This MODEL has context windows from two nodes, and only one of them can work: remove one of the nodes that set "
    "context windows."
)


def on_sampling(executor: host.Executor, noise: Tensor, *args: Any, **kw: Any) -> Any:
    """Start each sampling run with a new handler, and reorder the noise if FreeNoise is on."""
    guider: Any = executor.class_obj
    handler = host.context_handler(guider.model_options)
    if not isinstance(handler, ContextHandler):
        raise MotionError(WINDOWS_SET_TWICE)
    # a guider's model_options belong to this run only, so the MODEL keeps its own handler
    host.set_context_handler(guider.model_options, handler.for_one_run())
    begin_run(guider.model_options)
    if handler.free_noise:
        windows = handler.settings
        seed = host.seed_of(args, kw)
        noise = noise[noise_order(windows.length, windows.overlap, windows.closed_loop, noise.shape[0], seed)]
    return executor(noise, *args, **kw)


def on_prepare_sampling(
    executor: host.Executor, model: host.ModelPatcher, noise_shape: list[int], *args: Any, **kw: Any
) -> Any:
    """Let ComfyUI plan memory for the frames of one model call, not for the whole clip."""
    handler: Any = host.context_handler(kw["model_options"])
    frames_per_call = handler.settings.length * max(1, handler.windows_per_batch)
    return executor(model, [min(noise_shape[0], frames_per_call), *noise_shape[1:]], *args, **kw)


WRAPPERS = {
    host.WrappedCall.OUTER_SAMPLE: on_sampling,
    host.WrappedCall.PREPARE_SAMPLING: on_prepare_sampling,
}

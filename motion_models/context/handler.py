"""Context windows in a MODEL: a clip of any length, run some frames at a time.

The host asks the handler of a MODEL whenever a guider wants the conditions computed, so every sampler and guider works.
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
    """The frames of a model call. Hosts, and packs that know windows, read the first four names."""

    index_list: list[int]
    """Frames of the clip; those of several windows behind one another."""
    total_frames: int
    context_length: int
    """Frames of one window."""
    dim: int = 0


class ContextHandler(host.ContextHandler):
    """Runs the model window by window and adds up what comes out."""

    def __init__(self, settings: ContextSettings, windows_per_batch: int = 0, free_noise: bool = False):
        """windows_per_batch: windows that go through the model in one call; 0 for as many as memory allows."""
        self.settings = settings
        self.context_length = settings.length  # by the name that others look for
        self.windows_per_batch = windows_per_batch
        self.free_noise = free_noise
        self._windows: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        self._reported = 0.0

    def for_one_run(self) -> "ContextHandler":
        """The same, that knows nothing of earlier runs."""
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
        """The host's calculation of conditions for latents (f c h w), window by window."""
        options = model_options["transformer_options"]
        step = int(sampling_step(timestep[0].item(), options))
        indices, weights = self.windows(x_in, step)
        totals = [torch.zeros_like(x_in) for _ in conds]
        looked_up = any(host.knows_windows(control) for control in host.controls_of(conds))
        # ControlNets that index frames by number need each number once in a call
        per_call = 1 if looked_up else self.windows_per_call(model.current_patcher, conds, x_in)
        for first in range(0, len(indices), per_call):
            host.stop_if_interrupted()
            windows = indices[first : first + per_call]
            window = Window(windows.flatten().tolist(), x_in.shape[0], windows.shape[1])
            select = select_frames(windows.flatten(), x_in.shape[0])
            extra = {host.CONTEXT_WINDOW: window} | (for_frame_lookup(window) if looked_up else {})
            inner = model_options | {"transformer_options": options | extra}
            with sliced_controls(conds, select):
                sides = [conditions_of(side, select) for side in conds]
                parts = calc_cond_batch(model, sides, select(x_in), select(timestep), inner)
            for total, part in zip(totals, parts, strict=True):
                shared = part.unflatten(0, windows.shape) * weights[first : first + len(windows)]
                for index, share in zip(windows, shared, strict=True):
                    total[index] += share  # sequential: index_add_ with repeated indices is not deterministic on CUDA
            self.report_progress(step, first + len(windows), len(indices), options)
        return totals

    def windows(self, x: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Frames (w l) and weights (w l 1 1 1) of the windows of latents (f c h w); made once in a run."""
        key = (x.shape[0], step if self.settings.schedule in MOVING else 0)
        if key not in self._windows:
            made = plan(self.settings, *key)
            self._windows[key] = (
                torch.from_numpy(made.indices),
                torch.from_numpy(made.weights).to(x)[..., None, None, None],
            )
        return self._windows[key]

    def windows_per_call(self, model: host.ModelPatcher, conds: list[host.Conditions | None], latents: Tensor) -> int:
        if self.windows_per_batch:
            return self.windows_per_batch
        together = sum(len(side) for side in conds if side)
        one = [together * min(self.settings.length, len(latents)), *latents.shape[1:]]
        needed = host.planned_memory(model, one) + motion_bytes(model, one)
        return max(1, int(host.free_memory(model, latents.device) / (MEMORY_MARGIN * needed)))

    def report_progress(self, step: int, done: int, windows: int, options: host.TransformerOptions) -> None:
        """Moves the bar of the node, which the host moves once a step; never back, as a sampler that looks at a step
        twice would."""
        steps = len(options["sample_sigmas"]) - 1
        share = (step + done / windows) / steps
        if share > self._reported:
            self._reported = share
            host.progress_bar(steps * windows).update_absolute(step * windows + done, steps * windows)


MEMORY_MARGIN = 1.5
"""What the host multiplies the planned memory with before it batches conditions (comfy/samplers.py)."""


def for_frame_lookup(window: Window) -> host.TransformerOptions:
    """The window in transformer_options as ControlNets that look frames up read it (Advanced-ControlNet 1.5)."""
    return {
        "ad_params": {
            "sub_idxs": window.index_list,
            "full_length": window.total_frames,
            "context_length": window.context_length,
        }
    }


# In a MODEL


def add_context(model: host.ModelPatcher, handler: ContextHandler) -> host.ModelPatcher:
    """A clone of MODEL that runs long clips in windows. Raises MotionError if it has windows already."""
    if host.context_handler(model.model_options):
        raise MotionError(TWICE)
    changed = model.clone()
    host.set_context_handler(changed.model_options, handler)
    host.wrap(changed, WRAPPERS, host.CONTEXT_KEY)
    return changed


TWICE = (
    "This MODEL is cut into context windows twice, and only one way can be taken: remove one of the nodes that set "
    "context windows."
)


def on_sampling(executor: host.Executor, noise: Tensor, *args: Any, **kw: Any) -> Any:
    guider: Any = executor.class_obj
    handler = host.context_handler(guider.model_options)
    if not isinstance(handler, ContextHandler):
        raise MotionError(TWICE)
    host.set_context_handler(guider.model_options, handler.for_one_run())  # the options are those of this run
    begin_run(guider.model_options)
    if handler.free_noise:
        windows = handler.settings
        seed = host.seed_of(args, kw)
        noise = noise[noise_order(windows.length, windows.overlap, windows.closed_loop, noise.shape[0], seed)]
    return executor(noise, *args, **kw)


def on_prepare_sampling(
    executor: host.Executor, model: host.ModelPatcher, noise_shape: list[int], *args: Any, **kw: Any
) -> Any:
    """The host plans memory for what runs at once, and not for the clip."""
    handler: Any = host.context_handler(kw["model_options"])
    together = handler.settings.length * max(1, handler.windows_per_batch)
    return executor(model, [min(noise_shape[0], together), *noise_shape[1:]], *args, **kw)


WRAPPERS = {
    host.WrappedCall.OUTER_SAMPLE: on_sampling,
    host.WrappedCall.PREPARE_SAMPLING: on_prepare_sampling,
}

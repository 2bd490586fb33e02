"""Context windows in a MODEL: a clip of any length, sampled window by window.

ComfyUI calls the handler of a MODEL whenever a guider computes the conditions. So every sampler and guider works.
"""

import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import host
from ..errors import MotionError, sentence
from ..network.motion_module import FrameWindows
from ..noise.free_noise import Order, order_by_rounds, order_by_windows
from ..prompts.masked import activity, chosen, with_masked_conditions
from ..sampling.memory import motion_bytes
from ..sampling.motion_config import clip_frames, log_warnings, motion_configs
from ..sampling.run import SamplingRun, run_of, sampling_run, sampling_step
from .conditions import conditions_of, select_frames, sliced_controls
from .reference import Reference, check_reference, with_colours_of_reference
from .windows import CIRCULAR, MOVING, ContextSettings, dilations, plan, window_size, window_starts


@dataclass(frozen=True)
class Window:
    """The frames of a model call. ComfyUI and other packs read these fields by name."""

    index_list: list[int]
    """Indices of frames in the batch. Several windows are concatenated."""
    total_frames: int
    """Frames of the batch: of all its clips."""
    context_length: int
    """Frames of one window."""
    dim: int = 0
    """Dimension of the frames in the latents."""


@dataclass(frozen=True)
class PlannedWindows:
    """The windows of one step, for a batch of one or several clips."""

    frames: list[tuple[int, ...]]
    """Indices in the batch of the frames of each window."""
    weights: Tensor
    """(w l 1 1 1), on the device of the latents."""
    index_on: Callable[[Any], Tensor]
    """Returns the frames as a tensor (w l) on a device."""


class ContextHandler(host.ContextHandler):
    """Runs the model window by window, and computes the weighted sum of the results."""

    plans_clips = True
    """Windows stay within a clip, if the batch has several."""

    def __init__(
        self,
        settings: ContextSettings,
        windows_per_batch: int = 0,
        freenoise: bool = False,
        on_report: Callable[[str, list[str]], None] = log_warnings,
        in_motion_modules: bool = False,
        reference: Reference | None = None,
    ):
        """windows_per_batch: windows in one model call. 0: as many as memory allows.

        on_report: called with a message and its warnings, as in MotionSettings. in_motion_modules: the UNet runs on the
        whole clip, and only the motion modules in it run window by window. reference: of each clip. A window that holds
        its frame runs first in each step, so that the others can attend to it.
        """
        self.settings = settings
        self.context_length = settings.length  # ComfyUI and other packs read this name
        self.windows_per_batch = windows_per_batch
        self.freenoise = freenoise  # ComfyUI's name, as of its own handler
        self.on_report = on_report
        self.in_motion_modules = in_motion_modules
        self.reference = reference
        self._reported = 0.0

    def for_one_run(self) -> "ContextHandler":
        """A handler with the same settings and without the state of earlier runs."""
        fresh = copy.copy(self)
        fresh._reported = 0.0
        return fresh

    def should_use_context(
        self, model: Any, conds: list, x_in: Tensor, timestep: Tensor, model_options: host.ModelOptions
    ) -> bool:
        clip = clip_frames(model.current_patcher) or x_in.shape[0]
        needs_handler = self.reference is not None or not self.in_motion_modules
        # other packs may call with a part of a clip
        return needs_handler and self.divides(clip) and x_in.shape[0] % clip == 0

    def divides(self, clip: int) -> bool:
        """Whether a clip of that many frames has several windows."""
        return clip > (1 if self.settings.closed_loop else self.settings.length)

    def get_resized_cond(self, cond_in: host.Conditions, x_in: Tensor, window: Any, device: Any = None) -> Any:
        frames = window.index_list
        select = select_frames(frames, lambda on: torch.tensor(frames, device=on), x_in.shape[0])
        return conditions_of(cond_in, select)

    def execute(
        self,
        calc_cond_batch: Callable[..., list[Tensor]],
        model: Any,
        conds: list[host.Conditions | None],
        x_in: Tensor,
        timestep: Tensor,
        model_options: host.ModelOptions,
    ) -> list[Tensor]:
        """The results of ComfyUI's `calc_cond_batch` for latents (f c h w): the predicted clean latents."""
        given = (model, conds, x_in, timestep, model_options)
        predicted = calc_cond_batch(*given) if self.in_motion_modules else self.by_windows(calc_cond_batch, *given)
        if self.reference is None:
            return predicted
        clip = clip_frames(model.current_patcher) or x_in.shape[0]
        mask = run_of(model_options.get("transformer_options", {})).mask_of_frames(x_in)
        return [with_colours_of_reference(each, self.reference, clip, self.settings, mask) for each in predicted]

    def by_windows(
        self,
        calc_cond_batch: Callable[..., list[Tensor]],
        model: Any,
        conds: list[host.Conditions | None],
        x_in: Tensor,
        timestep: Tensor,
        model_options: host.ModelOptions,
    ) -> list[Tensor]:
        """As `execute`. The model runs window by window, and the results are their weighted sum."""
        options = model_options.get("transformer_options", {})
        step, batch = int(sampling_step(timestep[0].item(), options)), x_in.shape[0]
        clip = clip_frames(model.current_patcher) or batch
        planned = self.windows(x_in, step, clip, run_of(options))
        active = [self.active_in(conds, frames, clip) for frames in planned.frames]
        run_of(options).reference_tokens.clear()
        totals = [torch.zeros_like(x_in) for _ in conds]
        frame_lookup = any(host.knows_windows(control) for control in host.controls_of(conds))
        # ControlNets that index frames by number need unique indices in each call
        per_call = 1 if frame_lookup else self.windows_per_call(model.current_patcher, max(map(sum, active)), x_in)
        for rows in calls(active, per_call):
            host.stop_if_interrupted()
            windows = planned.frames[rows]
            window = Window([index for frames in windows for index in frames], batch, len(windows[0]))
            select = select_frames(window.index_list, lambda on, rows=rows: planned.index_on(on)[rows].flatten(), batch)
            extra = {host.CONTEXT_WINDOW: window, **for_frame_lookup(window)}
            inner = model_options | {"transformer_options": options | extra}
            with sliced_controls(conds, select, x_in, run_of(options)):
                sides = [conditions_of(side, select) for side in chosen(conds, active[rows.start])]
                results = calc_cond_batch(model, sides, select(x_in), select(timestep), inner)
            for total, result in zip(totals, results, strict=True):
                weighted = result.unflatten(0, (len(windows), -1)) * planned.weights[rows]
                add_windows(total, weighted, windows, planned.index_on(total.device)[rows])
            self.report_progress(step, rows.stop, len(planned.frames), options)
        return totals

    def windows(self, x: Tensor, step: int, clip: int, run: SamplingRun) -> PlannedWindows:
        """The windows of latents x (f c h w), planned within each clip, computed once in a run."""
        key = ("windows", self.settings, x.shape[0], clip, step if self.is_moving else 0)

        def planned() -> PlannedWindows:
            window_plan = plan(self.settings, clip, key[-1])
            if self.reference is not None:
                window_plan = window_plan.beginning_with(self.reference.frame)
            clips = x.shape[0] // clip
            indices = np.concatenate([window_plan.indices + clip * index for index in range(clips)])
            weights = torch.from_numpy(window_plan.weights).repeat(clips, 1)[..., None, None, None]
            table = torch.from_numpy(indices)

            def index_on(device: torch.device) -> Tensor:
                return run.once((*key, device), lambda: host.moved(table, device, torch.long))

            return PlannedWindows(
                [tuple(row) for row in indices.tolist()], host.moved(weights, x.device, x.dtype), index_on
            )

        return run.once((*key, x.device, x.dtype), planned)

    def motion_windows(
        self, clip: int, step: int, device: torch.device, dtype: torch.dtype, run: SamplingRun
    ) -> FrameWindows | None:
        """The windows of the motion modules at a step, for clips of that many frames. None: they see the whole clip."""
        if not self.divides(clip):
            return None
        step = step if self.is_moving else 0

        def planned() -> FrameWindows:
            window_plan = plan(self.settings, clip, step)
            index, weights = torch.from_numpy(window_plan.indices), torch.from_numpy(window_plan.weights)
            return FrameWindows(
                host.moved(index, device, torch.long), host.moved(weights[..., None, None, None], device, dtype)
            )

        return run.once(("motion windows", self.settings, clip, step, device, dtype), planned)

    def gathered_frames(self, clip: int) -> int:
        """The sum of the frames of all windows of `motion_windows`."""
        return plan(self.settings, clip).indices.size if self.divides(clip) else 0

    @property
    def is_moving(self) -> bool:
        """Whether the windows differ from step to step."""
        return self.settings.schedule in MOVING

    def active_in(self, conds: list[host.Conditions | None], frames: Sequence[int], clip: int) -> tuple[bool, ...]:
        """Whether each condition runs in a window of a batch whose clips have a number of frames.

        The windows that hold the reference frame run them all, because others need its tokens for theirs.
        """
        if self.reference is not None and any(frame % clip == self.reference.frame for frame in frames):
            return tuple(True for side in conds for _ in side or ())
        return activity(conds, frames)

    def windows_per_call(self, model: host.ModelPatcher, condition_count: int, latents: Tensor) -> int:
        """condition_count: the most conditions of a window."""
        if self.windows_per_batch:
            return self.windows_per_batch
        condition_count = max(1, condition_count)
        window_shape = [condition_count * min(self.settings.length, len(latents)), *latents.shape[1:]]
        needed = host.planned_memory(model, window_shape) + motion_bytes(model, window_shape)
        return max(1, int(host.free_memory(model, latents.device) / (MEMORY_MARGIN * needed)))

    def report_progress(self, step: int, done: int, windows: int, options: host.TransformerOptions) -> None:
        """Advance the node's progress bar after each call. ComfyUI itself advances it only after each step.

        The bar never goes back, although some samplers evaluate the same step twice.
        """
        steps = max(1, len(options.get("sample_sigmas", ())) - 1)
        progress = (step + done / windows) / steps
        if progress > self._reported:
            self._reported = progress
            host.progress_bar(steps * windows).update_absolute(step * windows + done, steps * windows)


def calls(active: Sequence[tuple[bool, ...]], most: int) -> Iterator[slice]:
    """The windows of each model call: neighbours that run the same conditions, at most `most`."""
    first = 0
    for _, group in itertools.groupby(active):
        end = first + len(list(group))
        yield from (slice(start, min(start + most, end)) for start in range(first, end, most))
        first = end


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


def add_windows(total: Tensor, weighted: Tensor, windows: list[tuple[int, ...]], index: Tensor) -> None:
    """Add the weighted results (w l c h w) of windows to the sums of all frames, (f c h w). index: (w l)."""
    # sequential, because index_add_ with repeated indices is not deterministic on CUDA
    for row, (frames, result) in enumerate(zip(windows, weighted, strict=True)):
        if frames == tuple(range(frames[0], frames[0] + len(frames))):
            total[frames[0] : frames[0] + len(frames)].add_(result)  # `+=` would also copy the slice to itself
        else:
            total[index[row]] += result


# In a MODEL


def add_context(model: host.ModelPatcher, handler: ContextHandler) -> host.ModelPatcher:
    """A clone of MODEL that samples long clips in windows. Raises MotionError if MODEL already has context windows."""
    if host.context_handler(model.model_options):
        raise MotionError(WINDOWS_SET_TWICE)
    changed = model.clone()
    host.set_context_handler(changed.model_options, handler)
    host.wrap(changed, WRAPPERS, host.CONTEXT_KEY)
    with_masked_conditions(changed)
    return changed


def handler_of(model: host.ModelPatcher) -> ContextHandler:
    """The context windows of MODEL. Raises MotionError if it has none of this pack."""
    handler = host.context_handler(model.model_options)
    if not isinstance(handler, ContextHandler):
        raise MotionError(
            "This MODEL has no AnimateDiff Context Windows: connect the output of that node, or disconnect the model."
        )
    return handler


WINDOWS_SET_TWICE = (
    "This MODEL has context windows from two nodes, and only one of them can work: remove one of the nodes that set "
    "context windows."
)


def on_sampling(executor: host.Executor, noise: Tensor, *args: Any, **kw: Any) -> Any:
    guider: Any = executor.class_obj
    handler = host.context_handler(guider.model_options)
    if not isinstance(handler, ContextHandler):
        raise MotionError(WINDOWS_SET_TWICE)
    try:
        check_windows(guider, handler, len(noise))
    except MotionError as error:
        handler.on_report(error.report(), [])
        raise
    host.set_context_handler(guider.model_options, handler.for_one_run())  # the options are those of this run
    clip = clip_frames(guider.model_patcher) or len(noise)
    if handler.freenoise and len(noise) % clip == 0:
        order = noise_order(handler.settings, clip, host.run_seed(args, kw))
        is_too_short = handler.settings.length < clip == len(set(order))
        handler.on_report("", [sentence(CANNOT_REUSE_NOISE)] if is_too_short else [])
        noise = noise.unflatten(0, (-1, clip))[:, order].flatten(0, 1)
    with sampling_run(guider.model_options, noise.shape[-2:]) as run:
        run.clip_frames = clip
        run.noise_mask = host.sampling_argument("denoise_mask", args, kw)
        return executor(noise, *args, **kw)


CANNOT_REUSE_NOISE = (
    "freenoise changes nothing, because this clip is too short to reuse a noise without having it twice in a window: "
    "use more frames or context_stride 1, or turn freenoise off."
)


def noise_order(settings: ContextSettings, frames: int, seed: int) -> Order:
    """The order of FreeNoise for a clip: no window of any step has a noise twice."""
    length, _ = window_size(settings, frames)
    circular = settings.closed_loop or settings.schedule in CIRCULAR
    if circular or settings.schedule in MOVING:
        return order_by_rounds(length, max(dilations(settings, length, frames)), frames, circular, seed)
    ((_, starts),) = window_starts(settings, frames, step=0)
    return order_by_windows(starts, length, frames, seed)


def check_windows(guider: Any, handler: ContextHandler, batch: int) -> None:
    """Raises MotionError if the windows cannot work with other settings of a MODEL, or with the frames of a batch."""
    clip = clip_frames(guider.model_patcher) or batch
    if handler.reference is not None:
        check_reference(handler.reference, clip)
    if len({config.settings.clip_frames for config in motion_configs(guider.model_patcher)}) > 1:
        raise MotionError(CLIP_FRAMES_DIFFER)
    if host.guides_by_attention(guider.model_options):
        raise MotionError(SELF_ATTENTION_GUIDANCE)
    if handler.reference is not None and host.is_compiled(guider.model_options):
        raise MotionError(COMPILED_REFERENCE)


CLIP_FRAMES_DIFFER = (
    "The motion models of this MODEL have different clip_frames, but context windows need the same: set clip_frames to "
    "the same number on each Apply AnimateDiff Motion Model."
)
SELF_ATTENTION_GUIDANCE = (
    "Self-Attention Guidance does not work with context windows, because it needs the attention of the whole batch: "
    "remove one of the two nodes."
)
COMPILED_REFERENCE = (
    "A compiled MODEL cannot read from the reference frame: set reference_weight of the context windows to 0, or "
    "remove TorchCompileModel."
)


def on_prepare_sampling(
    executor: host.Executor, model: host.ModelPatcher, noise_shape: list[int], *args: Any, **kw: Any
) -> Any:
    """Let ComfyUI plan memory for the frames of one model call, not for the whole clip."""
    handler: Any = host.context_handler(kw["model_options"])
    if handler.in_motion_modules:
        return executor(model, noise_shape, *args, **kw)
    frames_per_call = handler.settings.length * max(1, handler.windows_per_batch)
    return executor(model, [min(noise_shape[0], frames_per_call), *noise_shape[1:]], *args, **kw)


WRAPPERS = {
    host.WrappedCall.OUTER_SAMPLE: on_sampling,
    host.WrappedCall.PREPARE_SAMPLING: on_prepare_sampling,
}

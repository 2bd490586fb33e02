"""Guidance that follows a strength schedule: cfg times its values, over the frames of a clip and the sampling steps."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from .. import host
from ..conditioning.curves import FRAMES, STEPS, StrengthSchedule, strengths
from ..errors import sentence
from ..sampling.motion_config import clip_frames
from ..sampling.run import run_of, sampling_run, sampling_step

Report = Callable[[str, list[str]], None]

GUIDED = "animatediff_xl_guided"
"""Key in the options of a prediction: the schedules that its cfg function has used."""

WITHOUT_NEGATIVE = (
    "The schedule changes nothing, because ComfyUI leaves out the negative prompt at cfg 1: set cfg to more than 1."
)


@dataclass(frozen=True)
class ScheduledGuidance:
    """The two functions of a MODEL: `cfg` scales the guidance, and `post_cfg` does it if `cfg` was not called.

    Some guiders compute their guidance themselves, such as ComfyUI's Perp-Neg Guider. A MODEL has only one cfg
    function, so that a later node can replace this one.
    """

    schedule: StrengthSchedule
    previous: host.Guidance | None
    """The cfg function that MODEL had."""

    def cfg(self, given: dict[str, Any]) -> Tensor:
        """x minus the prediction. The previous function gets a cfg of (f 1 1 1) if the schedule runs over frames."""
        given["model_options"].setdefault(GUIDED, set()).add(id(self))
        scaled = given["cond_scale"]
        if given["input_uncond"] is None:
            run_of(options_of(given)).has_skipped_negative = True
        else:
            scaled = scaled * self.scale(given)
        if self.previous:
            return self.previous(given | {"cond_scale": scaled})
        positive, negative = given["cond_denoised"], given["uncond_denoised"]
        return given["input"] - (negative + (positive - negative) * scaled)

    def post_cfg(self, given: dict[str, Any]) -> Tensor:
        """The prediction, whose distance from that of the negative prompt is scaled unless `cfg` has done it."""
        guided = given["model_options"].setdefault(GUIDED, set())
        if id(self) in guided:
            guided.remove(id(self))
            return given["denoised"]
        name = "empty_cond" if "empty_cond" in given else "uncond"  # Perp-Neg starts from an empty prompt
        if given[name] is None:
            run_of(options_of(given)).has_skipped_negative = True
            return given["denoised"]
        start = given[f"{name}_denoised"]
        return start + (given["denoised"] - start) * self.scale(given)

    def scale(self, given: dict[str, Any]) -> float | Tensor:
        """The factor of cfg in this step: one number, or (f 1 1 1)."""
        x, options = given["input"], options_of(given)
        over_steps, over_frames = (
            tuple(curve for curve in self.schedule if curve.domain == domain) for domain in (STEPS, FRAMES)
        )
        # `item` waits for the device
        step = sampling_step(given["sigma"][0].item(), options) if over_steps else 0.0
        scalar = strengths(over_steps, 1.0, (), step)
        if not over_frames:
            return scalar
        clip = clip_frames(given["model"].current_patcher) or len(x)

        def by_frame() -> Tensor:
            factors = strengths(over_frames, 1.0, [frame % clip for frame in range(len(x))], 0)
            return host.moved(torch.as_tensor(factors), x.device, x.dtype).reshape(-1, *[1] * (x.ndim - 1))

        return scalar * run_of(options).once(("guidance", over_frames, clip, len(x), x.device), by_frame)


def options_of(given: dict[str, Any]) -> host.TransformerOptions:
    return given["model_options"].get("transformer_options", {})


def add_guidance_schedule(model: host.ModelPatcher, schedule: StrengthSchedule, on_report: Report) -> host.ModelPatcher:
    """A clone of MODEL whose cfg is multiplied by a schedule. A schedule of ones leaves it as it is.

    on_report: called with a message and its warnings after a run in which the schedule had no effect.
    """
    changed = model.clone()
    if all(value == 1 for curve in schedule for _, value in curve.points):
        return changed
    guidance = ScheduledGuidance(schedule, host.cfg_function(model))
    host.set_guidance(changed, guidance.cfg, guidance.post_cfg)
    host.wrap(changed, {host.WrappedCall.OUTER_SAMPLE: partial(on_sampling, on_report)}, host.GUIDANCE_KEY)
    return changed


def on_sampling(on_report: Report, executor: host.Executor, noise: Tensor, *args: Any, **kw: Any) -> Any:
    guider: Any = executor.class_obj
    with sampling_run(guider.model_options, noise.shape[-2:]) as run:
        result = executor(noise, *args, **kw)
    if run.has_skipped_negative:
        on_report("", [sentence(WITHOUT_NEGATIVE)])
    return result

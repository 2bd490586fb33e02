"""Motion guidance: the clip is steered away from a prediction with weaker motion, and so towards coherent motion.

The result is x + scale * (positive - weak). x is the result of CFG, `positive` the prediction of the positive side, and
`weak` the same with weaker motion. It takes a model call for `weak` in each step. `negative_strength` does the same
without one. But it needs the negative side, which few-step models at cfg 1 do not have. MotionSettings has the source.
"""

from functools import partial
from typing import Any

from torch import Tensor

from .. import host
from ..errors import MotionError
from ..sampling.forward import is_active, is_always_active
from ..sampling.motion_config import GuidanceSettings, check_span, motion_configs
from ..sampling.run import run_of


def set_motion_guidance(model: host.ModelPatcher, settings: GuidanceSettings) -> host.ModelPatcher:
    """A clone of MODEL with motion guidance. Raises MotionError if MODEL has some already."""
    check_span(settings)
    if model.get_attachment(host.MOTION_GUIDANCE_KEY):
        raise MotionError(
            "This MODEL has two AnimateDiff Motion Guidance nodes, and only one of them can work: remove one."
        )
    changed = model.clone()
    changed.set_attachments(host.MOTION_GUIDANCE_KEY, settings)
    if settings.scale and settings.strength != 1:
        changed.set_model_sampler_post_cfg_function(partial(guided, settings))
    return changed


def guided(settings: GuidanceSettings, args: dict[str, Any]) -> Tensor:
    """The result of CFG with motion guidance. args: those that ComfyUI gives to a function after CFG."""
    model, run = args["model"], run_of(args["model_options"].get("transformer_options", {}))
    if not motion_configs(model.current_patcher):
        raise MotionError(
            "AnimateDiff Motion Guidance needs motion: put Apply AnimateDiff Motion Model before the sampler too."
        )
    # the sigma is read from the device only if it is needed
    sigma = 0.0 if is_always_active(settings) else args["sigma"][0].item()
    if not is_active(settings, model.model_sampling, sigma, run):
        return args["denoised"]
    weak = host.positive_prediction(args, {host.MOTION_FACTOR: settings.strength})
    return args["denoised"] + settings.scale * (args["cond_denoised"] - weak)

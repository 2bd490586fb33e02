"""Sampling runs of ComfyUI, and their sigmas."""

import copy
import inspect
import itertools
import uuid
from collections.abc import Callable, Hashable
from typing import Any

import comfy.cli_args
import comfy.model_management
import comfy.model_sampling
import comfy.samplers
import comfy.utils
import torch
from comfy.model_patcher import ModelPatcher
from torch import Tensor, nn

from .patchers import ModelOptions, TransformerOptions, is_cpu

OPTIONS_POSITION = 5
"""Index of transformer_options in the positional arguments of an APPLY_MODEL call."""


def options_of(arguments: tuple, keywords: dict[str, Any]) -> TransformerOptions:
    if "transformer_options" in keywords:
        return keywords["transformer_options"]
    return arguments[OPTIONS_POSITION]


OUTER_SAMPLE_POSITIONS = {"sigmas": 2, "denoise_mask": 3, "callback": 4, "seed": 6}
"""Indices in the positional arguments of an OUTER_SAMPLE call, without the noise."""


def sampling_argument(name: str, arguments: tuple, keywords: dict[str, Any]) -> Any:
    return keywords[name] if name in keywords else arguments[OUTER_SAMPLE_POSITIONS[name]]


def with_callback(arguments: tuple, keywords: dict[str, Any], callback: Callable[..., None]) -> tuple[tuple, dict]:
    """The arguments of an OUTER_SAMPLE call with another callback."""
    if "callback" in keywords:
        return arguments, keywords | {"callback": callback}
    position = OUTER_SAMPLE_POSITIONS["callback"]
    return (*arguments[:position], callback, *arguments[position + 1 :]), keywords


def run_seed(arguments: tuple, keywords: dict[str, Any]) -> int:
    """The seed of an OUTER_SAMPLE call. 0 for scripts that give none."""
    return sampling_argument("seed", arguments, keywords) or 0


MOTION_FACTOR = "animatediff_xl_motion_factor"
"""Key in transformer_options: a factor of the strength of all motion models in a call."""


def positive_prediction(args: dict[str, Any], options: TransformerOptions) -> Tensor:
    """The prediction of the positive side, computed again with further transformer_options.

    args: those that ComfyUI gives to a function after CFG.
    """
    model_options = args["model_options"]
    changed = model_options | {"transformer_options": model_options.get("transformer_options", {}) | options}
    return comfy.samplers.calc_cond_batch(args["model"], [args["cond"]], args["input"], args["sigma"], changed)[0]


def guiding_conditions(guider: Any) -> frozenset[Hashable]:
    """The ids of the conditions that a guider steers away from: all but the positive ones.

    Guiders have several of them, such as ComfyUI's for two prompts (DualCFGGuider) and PerpNegGuider. At the start of a
    run, ComfyUI copies a condition with an area to the sides that have none there. Such copies get ids of their own.
    """
    seen: set[Hashable] = set()
    for condition in itertools.chain(*guider.conds.values()):
        if condition["uuid"] in seen:
            condition["uuid"] = uuid.uuid4()
        seen.add(condition["uuid"])
    sides = (conditions for name, conditions in guider.conds.items() if name != "positive")
    return frozenset(condition["uuid"] for conditions in sides for condition in conditions)


def negative_entries(options: TransformerOptions, guiding: frozenset[Hashable]) -> tuple[bool, ...]:
    """Whether each condition in the batch of a model call belongs to the negative side of CFG.

    guiding: `guiding_conditions` of the run. The place of a condition, in "cond_or_uncond", says less: it differs
    between guiders, and nodes such as Perturbed-Attention Guidance compute one side by itself.
    """
    if "uuids" in options and guiding:
        return tuple(condition in guiding for condition in options["uuids"])
    return tuple(place == NEGATIVE_PLACE for place in options.get("cond_or_uncond", ()))


NEGATIVE_PLACE = 1
"""Of the negative side in "cond_or_uncond", for code that calls the model itself and names no conditions."""

PIXELS = 8
"""Pixels for each latent, along the height and the width."""


def empty_latents(count: int, height: int, width: int) -> Tensor:
    """Zeros, (count 4 height/8 width/8), on the device and in the dtype that ComfyUI uses for latents between nodes."""
    dtype = getattr(comfy.model_management, "intermediate_dtype", lambda: torch.float32)()  # ComfyUI 0.30
    device = comfy.model_management.intermediate_device()
    return torch.zeros(count, 4, height // PIXELS, width // PIXELS, device=device, dtype=dtype)


def fitted(pictures: Tensor, width: int, height: int) -> Tensor:
    """Pictures (n h w c), scaled to fill a size in pixels and cropped to their middle.

    ComfyUI's Upscale Image node does the same with "lanczos" and "center".
    """
    scaled = comfy.utils.common_upscale(pictures.movedim(-1, 1), width, height, "lanczos", "center")
    return scaled.movedim(1, -1)


def with_differential_denoising(model: ModelPatcher) -> ModelPatcher:
    """A clone of MODEL that sets each latent free in the step whose noise its noise mask allows.

    It is ComfyUI's Differential Diffusion, with one difference. A mask of 0 stays 0, also in a step at the smallest
    sigma, where many schedulers end. ComfyUI sets everything free there.
    """
    # imported here, because it imports ComfyUI's nodes
    from comfy_extras.nodes_differential_diffusion import DifferentialDiffusion

    changed: Any = DifferentialDiffusion.execute(model)[0]
    is_free = changed.model_options["denoise_mask_function"]

    def mask_of_step(sigma: Tensor, denoise_mask: Tensor, extra_options: dict[str, Any]) -> Tensor:
        return is_free(sigma, denoise_mask, extra_options=extra_options) * (denoise_mask > 0)

    changed.set_model_denoise_mask_function(mask_of_step)
    return changed


Interrupted = comfy.model_management.InterruptProcessingException
"""Raised when a person stops a run. In older ComfyUIs it is an Exception, and must not be taken for an error."""


def stop_if_interrupted() -> None:
    comfy.model_management.throw_exception_if_processing_interrupted()


def progress_bar(total: int) -> comfy.utils.ProgressBar:
    """The progress bar of the current node."""
    return comfy.utils.ProgressBar(total)


PREVIEWS = "latent_preview"
"""ComfyUI's module of previews."""


def live_previewer(callback: Any) -> Any:
    """ComfyUI's previewer, which a callback of a run calls in each step.

    None if previews are off, or if the callback or the previewer are not ComfyUI's. Those of other packs can show or
    keep the latents that they get.
    """
    if getattr(callback, "__module__", None) != PREVIEWS:
        return None
    previewer = inspect.getclosurevars(callback).nonlocals.get("previewer")
    return previewer if type(previewer).__module__ == PREVIEWS else None


def preview_side(previewer: Any, frame: int) -> int:
    """Latents along the longer side of a picture that costs no more than that of a frame, or that is shown unscaled.

    frame: latents along the longer side of a frame.
    """
    pixels = PIXELS if hasattr(previewer, "taesd") else 1  # of the picture, for each latent
    return max(frame, comfy.cli_args.args.preview_size // pixels)


def executing_node() -> str | None:
    """The id of the node that runs. None outside of ComfyUI's server."""
    from comfy_execution.utils import get_executing_context  # scripts may run a ComfyUI without it

    context = get_executing_context()
    return context and context.node_id


def in_training() -> bool:
    """Whether a node trains a MODEL. It calls the guider as a sampler does, and learns from each prediction."""
    return comfy.model_management.in_training


def reads_both_sides(options: ModelOptions, run_options: ModelOptions) -> bool:
    """Whether a sampler has added a function of its own to a prediction, as those with cfg_pp in their name do.

    options: of the prediction. run_options: of the sampling run.
    """
    of_both = (given.get("sampler_post_cfg_function", ()) for given in (options, run_options))
    with_samplers, without = map(len, of_both)
    return with_samplers > without


def has_step_cache(options: ModelOptions) -> bool:
    """Whether a MODEL has ComfyUI's EasyCache or LazyCache."""
    return "easycache" in options.get("transformer_options", {})


def start_scale(sampler: Any, guider: Any, sigmas: Tensor) -> float:
    """The factor with which a sampler adds noise to the latents at the start of a run."""
    first = float(sigmas[0])
    return (1 + first**2) ** 0.5 if sampler.max_denoise(guider, sigmas) else first


def largest_sigma(model: ModelPatcher) -> float:
    """The sigma at which the sampling of a MODEL begins."""
    sampling: Any = model.get_model_object("model_sampling")
    return float(sampling.sigma_max)


def predicts_velocity(model: ModelPatcher) -> bool:
    return isinstance(model.get_model_object("model_sampling"), comfy.model_sampling.V_PREDICTION)


def with_sigmas(model_sampling: nn.Module, sigmas: Tensor, distilled_steps: int | None = None) -> nn.Module | None:
    """A copy of a MODEL's sampling object with other sigmas. None if it is not a discrete one of 1000 training steps.

    The prediction type (eps, v, LCM) stays the same. A zero terminal signal-to-noise ratio stays zero. An object that
    uses only some of the training steps, such as LCM's, gets the new sigmas of those steps.
    sigmas: (1000,), by training step.
    distilled_steps: for a consistency model, the number of training steps that it was distilled on. The copy is then
    ComfyUI's LCM sampling, which only predicts eps.
    """
    if distilled_steps and isinstance(model_sampling, comfy.model_sampling.ModelSamplingDiscrete):
        if isinstance(model_sampling, comfy.model_sampling.V_PREDICTION):
            return None
        model_sampling = lcm_sampling(distilled_steps, model_sampling.zsnr)
    if not isinstance(model_sampling, comfy.model_sampling.ModelSamplingDiscrete):
        return None
    steps = model_sampling.timestep(model_sampling.sigmas)
    if steps.is_floating_point() or len(sigmas) != model_sampling.num_timesteps:
        return None
    if model_sampling.zsnr:
        sigmas = comfy.model_sampling.rescale_zero_terminal_snr_sigmas(sigmas)
    changed = copy.deepcopy(model_sampling)
    for name in SIGMAS:
        delattr(changed, name)
    changed.__class__ = with_own_sigmas(type(changed))
    changed.set_sigmas(sigmas[steps.cpu()])
    return changed


SIGMAS = ("sigmas", "log_sigmas")


def with_own_sigmas(kind: Any) -> Any:
    """A subclass of a sampling class, whose sigmas are plain attributes and not buffers.

    With dynamic VRAM, ComfyUI writes buffers back by their name in the MODEL. If clones take turns, the sampling object
    of one clone gets the sigmas of another (Comfy-Org/ComfyUI issue 16490; 0.30 and 0.33). The plain MODEL would get
    the sigmas of the animated one, and the animated one those of the plain MODEL.
    """

    class OwnSigmas(kind):
        def set_sigmas(self, sigmas: Tensor) -> None:
            self.sigmas, self.log_sigmas = sigmas.float(), sigmas.log().float()

        def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
            if name not in SIGMAS:
                super().register_buffer(name, tensor, persistent)

        def timestep(self, sigma: Tensor) -> Tensor:
            # moved once, as ComfyUI moves buffers, because a copy in each step would wait for the device
            if is_cpu(self.log_sigmas.device) and not is_cpu(sigma.device):
                self.sigmas, self.log_sigmas = self.sigmas.to(sigma.device), self.log_sigmas.to(sigma.device)
            return super().timestep(sigma)

    return OwnSigmas


def lcm_sampling(distilled_steps: int, zsnr: bool) -> nn.Module:
    """The sampling object of ComfyUI's ModelSamplingDiscrete node with "lcm", for another number of distilled steps."""
    # imported here, because it imports ComfyUI's nodes
    from comfy_extras.nodes_model_advanced import LCM, ModelSamplingDiscreteDistilled

    class ConsistencySampling(ModelSamplingDiscreteDistilled, LCM):
        original_timesteps = distilled_steps

    return ConsistencySampling(zsnr=zsnr)

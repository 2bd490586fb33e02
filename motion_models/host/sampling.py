"""A sampling run, and the noise of its steps."""

import copy
import itertools
from typing import Any

import comfy.model_management
import comfy.model_sampling
import comfy.utils
import torch
from comfy.model_patcher import ModelPatcher
from torch import Tensor, nn

from .patchers import TransformerOptions, is_cpu

OPTIONS_POSITION = 5
"""Of transformer_options among the arguments of the calls that APPLY_MODEL wraps."""


def options_of(arguments: tuple, keywords: dict[str, Any]) -> TransformerOptions:
    if "transformer_options" in keywords:
        return keywords["transformer_options"]
    return arguments[OPTIONS_POSITION]


def sampling_step(sigma: float, sigmas: list[float]) -> float:
    """Which step of the sampling a noise level belongs to, counted from 0; fractions for samplers that look between
    two steps. sigmas: of the whole run."""
    for step, (noisier, cleaner) in enumerate(itertools.pairwise(sigmas)):
        if sigma > cleaner:
            return step + max(0.0, (noisier - sigma) / (noisier - cleaner))
    return float(max(0, len(sigmas) - 2))


SEED_POSITION = 6
"""Of the seed among the arguments, behind the noise, of the call that OUTER_SAMPLE wraps."""


def seed_of(arguments: tuple, keywords: dict[str, Any]) -> int:
    return keywords["seed"] if "seed" in keywords else arguments[SEED_POSITION]


def empty_latents(count: int, height: int, width: int) -> Tensor:
    """(count 4 height/8 width/8) zeros, where and in the precision in which the host keeps latents between nodes."""
    dtype = getattr(comfy.model_management, "intermediate_dtype", lambda: torch.float32)()  # ComfyUI 0.30
    device = comfy.model_management.intermediate_device()
    return torch.zeros(count, 4, height // 8, width // 8, device=device, dtype=dtype)


def stop_if_interrupted() -> None:
    comfy.model_management.throw_exception_if_processing_interrupted()


def progress_bar(total: int) -> comfy.utils.ProgressBar:
    """The bar of the node that is being executed."""
    return comfy.utils.ProgressBar(total)


def predicts_velocity(model: ModelPatcher) -> bool:
    return isinstance(model.get_model_object("model_sampling"), comfy.model_sampling.V_PREDICTION)


def with_sigmas(model_sampling: nn.Module, sigmas: Tensor, distilled_steps: int | None = None) -> nn.Module | None:
    """A copy of a MODEL's sampling object on other sigmas, (1000,) by training step; None if it is not of that kind.

    The prediction type (eps, v, LCM) stays, and so does a zero terminal signal-to-noise ratio. Objects that use a part
    of the steps, as LCM's do, take the new sigmas at theirs.
    distilled_steps: for a consistency model that knows only so many steps; it becomes the host's LCM sampling.
    """
    if distilled_steps and isinstance(model_sampling, comfy.model_sampling.ModelSamplingDiscrete):
        model_sampling = lcm_sampling(distilled_steps)
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
    """The same kind of sampling object, whose sigmas no other object gets, and which takes those of no other.

    With dynamic VRAM the host writes buffers back by their names in the MODEL. When clones of it take turns, the
    sampling object of one gets the sigmas of another that way (Comfy-Org/ComfyUI issue 16490; 0.30 and 0.33): the plain
    MODEL those of the motion, and the motion those of the plain MODEL. So these are no buffers.
    """

    class OwnSigmas(kind):
        def set_sigmas(self, sigmas: Tensor) -> None:
            self.sigmas, self.log_sigmas = sigmas.float(), sigmas.log().float()

        def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
            if name not in SIGMAS:
                super().register_buffer(name, tensor, persistent)

        def timestep(self, sigma: Tensor) -> Tensor:
            # as the host moves buffers: a step would wait for the device otherwise
            if is_cpu(self.log_sigmas.device) and not is_cpu(sigma.device):
                self.sigmas, self.log_sigmas = self.sigmas.to(sigma.device), self.log_sigmas.to(sigma.device)
            return super().timestep(sigma)

    return OwnSigmas


def lcm_sampling(distilled_steps: int) -> nn.Module:
    """What the host's ModelSamplingDiscrete node makes for "lcm", for a model distilled on so many steps."""
    from comfy_extras.nodes_model_advanced import LCM, ModelSamplingDiscreteDistilled  # imports the host's nodes

    class ConsistencySampling(ModelSamplingDiscreteDistilled, LCM):
        original_timesteps = distilled_steps

    return ConsistencySampling()

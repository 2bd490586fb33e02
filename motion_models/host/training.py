"""Training on a MODEL: weights that can have gradients, and model calls through a guider of ComfyUI."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import comfy.model_management
import comfy.sampler_helpers
import comfy.samplers
import torch
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP
from torch import Tensor

from .windows import Conditions

PRECISIONS = ("auto", "bf16", "fp32")

SAMPLERS: list[str] = comfy.samplers.KSampler.SAMPLERS
SCHEDULERS: list[str] = comfy.samplers.KSampler.SCHEDULERS


@dataclass(frozen=True)
class SamplerSettings:
    """The settings of ComfyUI's KSampler node."""

    steps: int
    cfg: float
    sampler_name: str
    """One of SAMPLERS."""
    scheduler: str
    """One of SCHEDULERS."""
    seed: int


def training_dtype(model: ModelPatcher, precision: str) -> torch.dtype:
    """The dtype in which a training computes. precision: one of PRECISIONS. auto is bf16 on devices that have it.

    fp16 is left out, because small gradients become zero in it.
    """
    half = comfy.model_management.should_use_bf16(model.load_device) if precision == "auto" else precision == "bf16"
    return torch.bfloat16 if half else torch.float32


def text_width(model: ModelPatcher) -> int | None:
    """Features of a token of the text that the UNet of MODEL takes: 768 of SD1.5, 2048 of SDXL."""
    return model.model.model_config.unet_config.get("context_dim")


def trainable_copy(model: ModelPatcher, dtype: torch.dtype) -> ModelPatcher | None:
    """A clone of MODEL with weights of its own, read again from its file. None if the loader of MODEL left no file.

    dtype: in which it computes. ComfyUI loads MODELs in inference mode. Such weights cannot take part in a backward
    pass. Call it outside of that.
    """
    reload = getattr(model, "cached_patcher_init", None)
    if reload is None:
        return None
    load, arguments, *index = reload
    fresh = load(*arguments, disable_dynamic=True)
    if index:  # ComfyUI 0.23
        fresh = fresh[index[0]]
    # with dynamic VRAM, layers take the dtype of the file, and ComfyUI casts their weights in each call
    fresh.model.diffusion_model.to(fresh.model_dtype())
    copy = model.clone(disable_dynamic=True, model_override=fresh.get_clone_model_override())
    copy.set_model_compute_dtype(dtype)
    # TorchCompileModel's wrapper calls the compiled UNet of MODEL, which is not that of the copy
    copy.remove_wrappers_with_key(WrappersMP.APPLY_MODEL, "torch.compile")
    return copy


def has_bypass_loras(model: ModelPatcher) -> bool:
    """Whether LoRAs replace methods of the layers of MODEL. A copy of the layers does not have them."""
    return bool(model.injections)


@contextmanager
def training_mode() -> Iterator[None]:
    """Inside the context, gradients are computed, as in ComfyUI's own training nodes."""
    before = comfy.model_management.in_training
    comfy.model_management.in_training = True
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        comfy.model_management.in_training = before


class TrainingSampler(comfy.samplers.Sampler):
    """Runs a training where a sampler would run, so that ComfyUI loads the models and prepares the conditions."""

    def __init__(self, body: Callable[[Any, dict[str, Any]], None]):
        self.body = body

    def sample(self, model_wrap: Any, sigmas: Tensor, extra_args: dict[str, Any], *args: Any, **kw: Any) -> Tensor:
        self.body(model_wrap, extra_args)
        return sigmas.new_zeros(1, 4, 8, 8)  # nobody reads the result


class LoadedModel:
    """A MODEL in a training: ComfyUI has loaded it, and has prepared the conditions of the clips."""

    def __init__(self, guider: Any, extra: dict[str, Any], of_clip: Callable[[int], list[Any]], shape: list[int]):
        """extra: further arguments of a call of the guider. of_clip: prepared conditions. shape: of the latents."""
        self.guider, self.extra, self.of_clip, self.shape = guider, extra, of_clip, shape
        self.prepared: list[Any] = guider.conds["positive"]

    def predict(self, clip: int, noised: Tensor, sigma: Tensor) -> Tensor:
        """Denoised latents (f c h w) of noised ones, with the conditions of a clip."""
        self.guider.conds["positive"] = self.of_clip(clip)
        return self.guider(noised, sigma.expand(len(noised)), **self.extra)

    def sample(
        self, positive: Conditions, negative: Conditions, shape: Sequence[int], settings: SamplerSettings
    ) -> Tensor:
        """Latents of a shape (f c h w), like those of the KSampler node, with the weights as they are now.

        The training goes on as if this had not happened: the MODEL stays loaded, and random numbers are restored.
        """
        outer = self.guider
        guider = comfy.samplers.CFGGuider(outer.model_patcher)
        guider.set_conds(positive, negative)
        guider.set_cfg(settings.cfg)
        guider.model_options = outer.model_options
        device = outer.model_patcher.load_device
        chosen = settings.sampler_name, settings.scheduler
        sampler = comfy.samplers.KSampler(outer.model_patcher, settings.steps, device, *chosen)
        noise = torch.randn(tuple(shape), generator=torch.Generator().manual_seed(settings.seed)).to(device)
        with torch.no_grad(), torch.random.fork_rng([device] if device.type == "cuda" else []):
            # not guider.sample, which would end the outer run of the same MODEL
            guider.conds = {name: [own(entry) for entry in conds] for name, conds in guider.original_conds.items()}
            guider.inner_model, _, _ = self.load(noise.shape, guider.conds)
            try:
                return guider.inner_sample(
                    noise,
                    torch.zeros_like(noise),
                    device,
                    comfy.samplers.sampler_object(settings.sampler_name),
                    sampler.sigmas,
                    None,
                    None,
                    True,
                    settings.seed,
                    latent_shapes=[noise.shape],
                )
            finally:
                comfy.sampler_helpers.cleanup_models(guider.conds, [])

    def decode(self, vae: Any, latents: Tensor) -> Tensor:
        """Frames (f h w 3) in 0..1 of latents, one after another, because that needs the least memory.

        To make room for the VAE, ComfyUI may unload the MODEL. It is loaded again.
        """
        frames = []
        with torch.inference_mode():  # ComfyUI has loaded the VAE in it
            for latent in latents.split(1):
                comfy.model_management.throw_exception_if_processing_interrupted()
                frames.append(vae.decode(latent).float().cpu())
        self.load(self.shape, {"positive": self.prepared})
        return torch.cat(frames)

    def load(self, shape: Sequence[int], conds: dict[str, Any]) -> tuple[Any, ...]:
        """Let ComfyUI load what a run on latents of a shape needs. Nothing happens if it is loaded."""
        outer = self.guider
        return comfy.sampler_helpers.prepare_sampling(outer.model_patcher, shape, conds, outer.model_options)


def own(entry: dict[str, Any]) -> dict[str, Any]:
    """A copy of a condition with ControlNets of its own. The end of a run forgets what they have prepared."""
    control = entry.get("control")
    return entry | ({"control": own_control(control)} if control else {})


def own_control(control: Any) -> Any:
    copy = control.copy()
    if control.previous_controlnet is not None:
        copy.set_previous_controlnet(own_control(control.previous_controlnet))
    return copy


def with_loaded(
    model: ModelPatcher, conditions: Sequence[Conditions], latents: Tensor, body: Callable[[LoadedModel], None]
) -> None:
    """Call `body` while ComfyUI has loaded MODEL for clips with latents (f c h w).

    conditions: CONDITIONING of each clip. ComfyUI prepares those of a tuple once. Those of another sequence are read
    and prepared in each call, so they cannot have ControlNets and hooks.
    """
    in_memory = isinstance(conditions, tuple)
    known = conditions if in_memory else (conditions[0],)
    zeros = torch.zeros_like(latents)
    guider = comfy.samplers.CFGGuider(model)
    guider.inner_set_conds({"positive": [entry for each in known for entry in each]})

    def run(_wrap: Any, extra: dict[str, Any]) -> None:
        of_clip = prepared_together(guider, known)
        if not in_memory:
            of_clip = lambda clip: prepared(guider, conditions[clip], zeros.to(model.load_device))  # noqa: E731
        body(LoadedModel(guider, extra, of_clip, list(latents.shape)))

    guider.sample(zeros, zeros, TrainingSampler(run), torch.tensor([1.0, 0.0]), disable_pbar=True, seed=0)


def prepared_together(guider: Any, conditions: Sequence[Conditions]) -> Callable[[int], list[Any]]:
    """clip -> its conditions, after ComfyUI has prepared those of all clips."""
    positive = guider.conds["positive"]
    ends = torch.tensor([len(each) for each in conditions]).cumsum(0).tolist()
    return lambda clip: positive[ends[clip] - len(conditions[clip]) : ends[clip]]


def prepared(guider: Any, conditions: Conditions, latents: Tensor) -> list[Any]:
    """The conditions of one clip as ComfyUI prepares them. latents: zeros, on the device of the model."""
    conds = {"positive": comfy.sampler_helpers.convert_cond(conditions)}
    model = guider.inner_model
    return comfy.samplers.process_conds(model, latents, conds, latents.device, latents, seed=0)["positive"]

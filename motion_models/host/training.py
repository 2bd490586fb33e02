"""Training on a MODEL: weights that can have gradients, and model calls through a guider of ComfyUI."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import comfy.model_management
import comfy.samplers
import torch
from comfy.model_patcher import ModelPatcher
from torch import Tensor

from .windows import Conditions

PRECISIONS = ("auto", "bf16", "fp32")

Predict = Callable[[int, Tensor, Tensor], Tensor]
"""(clip, noised latents (f c h w), sigma ()) -> denoised latents (f c h w), with the conditions of that clip."""


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
    return copy


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


def with_predictions(
    model: ModelPatcher, conditions: Sequence[Conditions], latents: Tensor, body: Callable[[Predict], None]
) -> None:
    """Call `body` with a function that runs MODEL on clips with latents (f c h w).

    conditions: CONDITIONING of each clip.
    """
    ends = torch.tensor([len(each) for each in conditions]).cumsum(0).tolist()
    starts = [0, *ends[:-1]]
    guider = comfy.samplers.CFGGuider(model)
    guider.inner_set_conds({"positive": [entry for each in conditions for entry in each]})

    def run(_wrap: Any, extra: dict[str, Any]) -> None:
        prepared = guider.conds["positive"]

        def predict(clip: int, noised: Tensor, sigma: Tensor) -> Tensor:
            guider.conds["positive"] = prepared[starts[clip] : ends[clip]]
            return guider(noised, sigma.expand(len(noised)), **extra)

        body(predict)

    zeros = torch.zeros_like(latents)
    guider.sample(zeros, zeros, TrainingSampler(run), torch.tensor([1.0, 0.0]), disable_pbar=True, seed=0)

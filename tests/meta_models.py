"""Models with real shapes on torch's meta device, where they take no memory, and what their training would take."""

import re
from pathlib import Path

import comfy.model_patcher
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.files.checkpoints import tensor_shapes
from animatediff_xl.motion_models.files.families import detection_of
from animatediff_xl.motion_models.files.loading import MotionFile
from animatediff_xl.motion_models.network import layers
from animatediff_xl.motion_models.network.motion_module import MotionModel
from animatediff_xl.motion_models.training.dataset import training_clips
from animatediff_xl.motion_models.training.engine import TrainingSettings
from animatediff_xl.motion_models.training.losses import NoiseSettings
from animatediff_xl.motion_models.training.session import Session, train_motion, train_stills
from animatediff_xl.motion_models.training.stages import FROM_FILE, LAYERS, domain_adapter, motion_lora, motion_model

from .real_models import BASES, Base, motion_shape, unet_config
from .small import with_parameters

FAMILY = {"SDXL": "AnimateDiff SDXL beta", "SD1.5": "AnimateDiff v3"}
"""The motion model that is trained, by base."""
RANK, FRAMES = 64, 16


def meta_model(base: Base, dtype: torch.dtype = torch.float16) -> host.ModelPatcher:
    """A MODEL on the meta device, which can be read again."""
    config = unet_config(base)
    config.set_inference_dtype(dtype, None)
    network = config.get_model({}, device="meta")
    with torch.device("meta"):
        with_parameters(network.diffusion_model)
    cpu = torch.device("cpu")
    model = comfy.model_patcher.ModelPatcher(network, load_device=cpu, offload_device=cpu)
    model.cached_patcher_init = (lambda disable_dynamic: model, ())
    return model


class MetaMotionFile(MotionFile):
    """A motion model file whose weights are on the meta device."""

    def another_patcher(self, dtype: torch.dtype, disable_dynamic: bool = False) -> host.ModelPatcher:
        module = MotionModel(self.shape, self.family.norms, layers, device="meta")
        weights = {key: torch.empty(shape, device="meta") for key, shape in tensor_shapes(self.shape).items()}
        return host.new_patcher(module, weights, dtype, disable_dynamic, ())


def meta_motion_file(family_name: str, base: Base) -> MotionFile:
    shape = motion_shape(family_name, base)
    detection = detection_of(family_name, shape, family_name)
    return MetaMotionFile(Path(f"{family_name}.safetensors"), detection, shape, "float32", 0, 0)


class StopError(Exception):
    """Ends a training that has said what it needs."""


def told_memory(base_name: str, stage: str, pixels: int, checkpointing: str, frames: int = FRAMES) -> float:
    """The GB that a training in bf16 says it needs, on a UNet with fp16 weights, as most checkpoints have.

    stage: "MotionLoRA", "motion model" or "domain adapter".
    """

    def report(text: str) -> None:
        raise StopError(text)

    base = BASES[base_name]
    model, motion = meta_model(base), meta_motion_file(FAMILY[base_name], base)
    latents = torch.zeros(frames, 4, pixels // 8, pixels // 8)
    clips = training_clips([{"samples": latents}], [[[torch.zeros(1, 77, base.context), {}]]])
    settings = TrainingSettings(1, 1e-4, average_decay=None)
    session = Session(settings, NoiseSettings(), 0, checkpointing, "bf16", report=report)

    def lora(modules: MotionModel):
        return motion_lora(modules, RANK, LAYERS["attention"], 0)

    def adapter(unet: torch.nn.Module):
        return domain_adapter(unet, host.adapter_names(model), RANK, 0)

    def whole(modules: MotionModel):
        return motion_model(modules, FROM_FILE, 0)

    given = clips, session, lambda *_: None
    stages = {
        "MotionLoRA": lambda: train_motion(model, motion, lora, *given),
        "motion model": lambda: train_motion(model, motion, whole, *given, trains_all=True),
        "domain adapter": lambda: train_stills(model, adapter, *given),
    }
    try:
        stages[stage]()
    except StopError as told:
        return float(re.findall("needs about (.*?) GB", str(told))[0])
    raise AssertionError("the training said nothing")

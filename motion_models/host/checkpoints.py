"""Reading a checkpoint, as ComfyUI's Load Checkpoint node does."""

from pathlib import Path
from typing import Any

import comfy.model_management
import comfy.sd
from comfy.model_patcher import ModelPatcher


def load_checkpoint(path: Path) -> tuple[ModelPatcher, Any, Any]:
    """MODEL, CLIP and VAE. CLIP and VAE are None if the file has none. Raises RuntimeError for other files."""
    loaded: Any = comfy.sd.load_checkpoint_guess_config(str(path), output_vae=True, output_clip=True)
    return loaded[0], loaded[1], loaded[2]


def device_kind() -> str:
    """PyTorch's name for the kind of device that ComfyUI uses, such as cuda or cpu."""
    device = comfy.model_management.get_torch_device()
    return device.type

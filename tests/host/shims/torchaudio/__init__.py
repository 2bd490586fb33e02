"""Stands in for torchaudio where it is not installed: ComfyUI imports it when it starts, and a clip has no sound.

There is no CPU build of torchaudio among the package registries, and its CUDA build fails beside a CPU torch.
"""

from . import functional, transforms

__all__ = ["functional", "transforms"]

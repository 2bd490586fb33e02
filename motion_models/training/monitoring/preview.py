"""A clip of the same prompt and seed, sampled again and again while a training runs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ... import host


@dataclass(frozen=True)
class Preview:
    positive: host.Conditions
    negative: host.Conditions
    vae: Any
    frames: int
    width: int
    height: int
    sampler: host.SamplerSettings
    every: int
    """Steps between two clips."""

    def is_due(self, step: int, steps: int) -> bool:
        """Whether there is a clip after a step, the last of `steps` included. 0: before the first."""
        return step % self.every == 0 or step == steps

    def clip(self, loaded: host.LoadedModel) -> np.ndarray:
        """Frames (f h w 3) in 0..255, with the weights as they are now. The hooks of the training must be open."""
        shape = (self.frames, 4, self.height // host.PIXELS, self.width // host.PIXELS)
        latents = loaded.sample(self.positive, self.negative, shape, self.sampler)
        frames = loaded.decode(self.vae, latents)
        return (frames * 255).round().clamp(0, 255).to(dtype=torch.uint8).numpy()

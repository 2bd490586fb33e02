"""The cost of group norms with statistics over whole clips, which some families need (AnimateDiff v1, HotshotXL).

    python -m benchmarks.norms

It times each norm of an SD1.5 step, over frames and over clips in turn, and compares the sums with the whole step.
Timing only whole steps would not work, because the difference is smaller than the noise of most machines. COMFYUI_PATH
may name a ComfyUI.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path
from statistics import median

from tests.real_models import BASES

from .measure import CALLS, clocked, timed_step
from .models import SETTINGS, conditioning, image_model, motion_file
from .run import machine

# isort: split
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.files.families import FAMILIES
from animatediff_xl.motion_models.files.loading import open_motion_file
from animatediff_xl.motion_models.network.group_norm import over_clips
from animatediff_xl.motion_models.sampling.apply import AUTO_BETA_SCHEDULE, apply_motion_model
from torch import Tensor, nn

BASE, FAMILY = BASES["SD1.5"], FAMILIES["AnimateDiff v3"]
"""A family with norms over one frame."""
PIXELS, DTYPE = (512, torch.float16) if torch.cuda.is_available() else (256, torch.float32)
FRAMES = 16
ROUNDS = 7


def norms_of_a_step(model: host.ModelPatcher, unet: nn.Module) -> tuple[float, Counter]:
    """Seconds of a step, and its calls of each norm for each shape of its input: {(norm, shape): calls}."""
    calls: Counter = Counter()
    hooks = [
        norm.register_forward_pre_hook(lambda norm, inputs: calls.update([(norm, inputs[0].shape)]))
        for norm in host.residual_norms(unet)
    ]
    latents = torch.randn(FRAMES, 4, PIXELS // 8, PIXELS // 8)
    steps = timed_step(model, latents, conditioning(BASE, 1), conditioning(BASE, 2))
    for hook in hooks:
        hook.remove()
    return steps.warm, Counter({call: times // (1 + CALLS) for call, times in calls.items()})


def seconds_of(norm: nn.GroupNorm, x: Tensor) -> tuple[float, float]:
    """Median seconds over frames, and over clips."""
    each, joint = [], []
    for _round in range(ROUNDS):
        each.append(clocked(lambda: norm(x))[0])
        with over_clips([norm], FRAMES):
            joint.append(clocked(lambda: norm(x))[0])
    return median(each), median(joint)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        model = image_model(BASE, DTYPE)
        file = open_motion_file(motion_file(Path(folder), FAMILY, BASE), FAMILY.name)
        unet = model.model.diffusion_model
        step, calls = norms_of_a_step(apply_motion_model(model, file, SETTINGS, AUTO_BETA_SCHEDULE), unet)
        device = next(unet.parameters()).device
        each = joint = 0.0
        for (norm, shape), times in calls.items():
            over_frames, over_clip = seconds_of(norm, torch.randn(shape, dtype=DTYPE, device=device))
            each += times * over_frames
            joint += times * over_clip
    sys.stdout.write(
        f"{machine()}\nSD1.5, {PIXELS} x {PIXELS}, {FRAMES} frames: a step takes {step:.3f} s with {FAMILY.name}, its"
        f" norms over frames {each:.3f}, over clips {joint:.3f}: {(joint - each) / step:+.1%} of the step\n"
    )


if __name__ == "__main__":
    main()

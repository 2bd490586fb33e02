"""The time of a preview: of one frame, as ComfyUI draws it, and of a sheet with all frames.

    python -m benchmarks.previews [PIXELS ...]

It calls ComfyUI's previewers on random latents: latent2rgb, and TAESD with random weights, which take the same time as
trained ones. The page gets the picture as a JPEG, whose time is part of both. On a CPU the times are those of the
process, so that other work on the machine matters less. COMFYUI_PATH may name a ComfyUI.
"""

import sys
import time
from collections.abc import Callable
from io import BytesIO
from statistics import median

from .measure import clocked
from .models import SETTINGS  # noqa: F401 (it starts ComfyUI)

# isort: split
import comfy.latent_formats
import comfy.model_management
import latent_preview
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.previews.sheet import sheet_of, tiled
from comfy.taesd.taesd import TAESD
from PIL import ImageOps

FRAMES = (16, 128)
ROUNDS = 3
TITLES = ("pixels", "frames", "previewer", "picture of a frame", "of a sheet", "ms for a frame", "for a sheet")


def previewers(device: torch.device) -> dict[str, latent_preview.LatentPreviewer]:
    rgb = comfy.latent_formats.SDXL()
    return {
        "latent2rgb": latent_preview.Latent2RGBPreviewer(rgb.latent_rgb_factors, rgb.latent_rgb_factors_bias),
        "TAESD": latent_preview.TAESDPreviewerImpl(TAESD().to(device)),
    }


def timed(draw: Callable[[], torch.Tensor], previewer: latent_preview.LatentPreviewer) -> tuple[str, float]:
    """Size of the picture before ComfyUI scales it, and the milliseconds of a preview."""

    def preview() -> str:
        _, picture, most = previewer.decode_latent_to_preview_image("JPEG", draw())
        ImageOps.contain(picture, (most, most)).save(BytesIO(), format="JPEG", quality=95)
        return "x".join(map(str, picture.size))

    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        seconds, size = clocked(preview)
        rounds.append(seconds if torch.cuda.is_available() else time.process_time() - began)
    return size, 1000 * median(rounds)


def main() -> None:
    device = comfy.model_management.get_torch_device()
    sys.stdout.write(f"| {' | '.join(TITLES)} |\n|{'---|' * len(TITLES)}\n")
    with torch.inference_mode():
        for pixels in map(int, sys.argv[1:] or (512, 1024)):
            for frames in FRAMES:
                latents = torch.randn(frames, 4, pixels // 8, pixels // 8, device=device)
                sheet = sheet_of(frames, frames)
                for name, previewer in previewers(device).items():
                    most = host.preview_side(previewer, pixels // 8)
                    frame = timed(lambda latents=latents: latents, previewer)
                    every = timed(lambda a=latents, b=sheet, c=most: tiled(a, b, c), previewer)
                    cells = (pixels, frames, name, frame[0], every[0], f"{frame[1]:.1f}", f"{every[1]:.1f}")
                    sys.stdout.write(f"| {' | '.join(map(str, cells))} |\n")
                    sys.stdout.flush()


if __name__ == "__main__":
    main()

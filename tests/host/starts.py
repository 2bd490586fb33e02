"""Starts ComfyUI with each of its flags for memory and precision, and measures clips of the tiny model. Any machine.

    python -m tests.host.starts [PART_OF_A_NAME ...]

Prints a Markdown table. Each start samples clips whose prompts name directions and colours, a clip with a MotionLoRA,
and a loop in context windows. Without a GPU every start uses the CPU, and dynamic VRAM, ComfyUI's default on NVIDIA, is
imitated (`tests/host/dynamic_vram`). COMFYUI_PATH may name a ComfyUI.
"""

import argparse
import copy
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image

import tests.conftest  # noqa: F401 - the pack, whose measures are used

from ..tiny.measure import camera_motion, colour_of, direction_of, displacement
from ..tiny.synthetic_dataset import scene_of
from ..workflows.clips import TINY, boxes
from ..workflows.drawing import draw, to_prompt
from .obtain import comfyui_root
from .server import Server, WorkflowError, serving

CLIPS = 6
STEPS = 12
LOOP = 24

WAYS: dict[str, tuple[str, ...]] = {
    name: tuple(name.split())
    for name in (
        "--disable-dynamic-vram",
        "--disable-dynamic-vram --lowvram",
        "--novram",
        "--highvram",
        "--gpu-only",
        "--force-fp16",
        "--bf16-unet",
        "--fp8_e4m3fn-unet",
        "--async-offload",
        "--disable-async-offload",
        "--cpu",
    )
}
BY_ITSELF = "no flags"
NOT_ON_A_CPU = {"--lowvram", "--novram", "--highvram", "--gpu-only"}
"""Flags that ComfyUI does not take together with --cpu."""
HEAD = "\n| started with | direction | colour | pan, pixels a frame | loop | seconds a clip |\n" + "|---" * 6 + "|"


@dataclass(frozen=True)
class Seen:
    """Measurements of the clips of one start."""

    directions: int
    colours: int
    pan: float
    """Pixels a frame by which the MotionLoRA that pans left moves the picture to the right."""
    loop_frames: int
    seconds: float
    """Of a clip, without the first one."""

    @property
    def right(self) -> bool:
        return self.directions == self.colours == CLIPS and self.pan > 0 and self.loop_frames == LOOP


def look(server: Server) -> Seen:
    """Raises WorkflowError if a graph fails."""
    directions = colours = 0
    took = []
    for seed in range(CLIPS):
        wanted, began = scene_of(seed), time.monotonic()
        frames = clip(server, graph(server, seed))
        took.append(time.monotonic() - began)
        directions += direction_of(displacement(frames, wanted.colour)) == wanted.direction
        colours += colour_of(frames) == wanted.colour
    panned = camera_motion(clip(server, with_lora(graph(server, 0))))
    loop = clip(server, in_windows(graph(server, 0)))
    return Seen(directions, colours, panned.right, len(loop), float(np.median(took[1:])))


def graph(server: Server, seed: int, steps: int = STEPS) -> dict[str, Any]:
    """The tiny example workflow. It saves pictures, because a machine may have no video library."""
    prompt = to_prompt(draw(boxes(TINY)), server.get("/object_info"))
    for kind in ("CreateVideo", "SaveVideo"):
        del prompt[node_of(prompt, kind)]
    saved = {"images": [node_of(prompt, "VAEDecode"), 0], "filename_prefix": f"starts/{time.monotonic_ns()}"}
    prompt["save"] = {"class_type": "SaveImage", "inputs": saved}
    prompt[node_of(prompt, "CLIPTextEncode")]["inputs"]["text"] = scene_of(seed).caption
    prompt[node_of(prompt, "KSampler")]["inputs"] |= {"seed": seed, "steps": steps}
    return prompt


def node_of(prompt: dict[str, Any], kind: str) -> str:
    return next(name for name, node in prompt.items() if node["class_type"] == kind)


def with_lora(prompt: dict[str, Any]) -> dict[str, Any]:
    changed = copy.deepcopy(prompt)
    lora = {"lora": "tiny_pan_left.safetensors", "strength": 1.0}
    changed["lora"] = {"class_type": "ADXL_LoadMotionLoRA", "inputs": lora}
    changed[node_of(changed, "ADXL_ApplyMotionModel")]["inputs"]["motion_lora"] = ["lora", 0]
    return changed


def in_windows(prompt: dict[str, Any]) -> dict[str, Any]:
    changed = copy.deepcopy(prompt)
    settings = {
        "model": [node_of(changed, "ADXL_ApplyMotionModel"), 0], "context_length": 16, "context_overlap": 4,
        "context_stride": 1, "context_schedule": "standard_static", "fuse_method": "pyramid", "closed_loop": True,
        "freenoise": True, "windows_per_batch": 0,
    }  # fmt: skip
    changed["windows"] = {"class_type": "ADXL_ContextWindows", "inputs": settings}
    changed[node_of(changed, "KSampler")]["inputs"]["model"] = ["windows", 0]
    changed[node_of(changed, "ADXL_EmptyLatentFrames")]["inputs"]["frames"] = LOOP
    return changed


def clip(server: Server, prompt: dict[str, Any]) -> np.ndarray:
    """Frames (f h w 3) in 0..1."""
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(server.run(prompt).files(server.output))]
    return np.stack(pictures).astype(np.float32) / 255


def row(name: str, comfyui: Path, flags: tuple[str, ...], dynamic_vram: bool) -> tuple[str, bool]:
    """A line of the table, and whether all measurements are right."""
    on_cpu = not torch.cuda.is_available()
    if on_cpu and NOT_ON_A_CPU & set(flags):
        return f"| {name} | not run: needs a GPU | | | | |", True
    flags = flags if "--cpu" in flags or not on_cpu else (*flags, "--cpu")
    try:
        with (
            TemporaryDirectory() as folder,
            serving(comfyui, Path(folder), *flags, dynamic_vram=dynamic_vram) as server,
        ):
            seen = look(server)
    except (RuntimeError, OSError, StopIteration) as error:  # the next start may work
        reason = str(error).strip().splitlines()[-1] if isinstance(error, WorkflowError) else repr(error)
        return f"| {name} | {reason[:300]} | | | | |", False
    cells = (
        name, f"{seen.directions} of {CLIPS}", f"{seen.colours} of {CLIPS}", f"{seen.pan:+.2f}",
        f"{seen.loop_frames} frames", f"{seen.seconds:.1f}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |", seen.right


def ways() -> list[tuple[str, tuple[str, ...], bool]]:
    """Names, flags, and whether dynamic VRAM is imitated."""
    if torch.cuda.is_available():
        return [(BY_ITSELF, (), False), *((name, flags, False) for name, flags in WAYS.items())]
    return [("dynamic VRAM, imitated", (), True), *((name, flags, False) for name, flags in WAYS.items())]


def machine(comfyui: Path) -> str:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{torch.get_num_threads()} CPU threads"
    version = (comfyui / "comfyui_version.py").read_text().split('"')[1]
    return f"{time.strftime('%Y-%m-%d')}, {device}, torch {torch.__version__}, ComfyUI {version}, {platform.system()}"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("parts", nargs="*", default=[""], help="of the names of the ways to try, such as fp8")
    parts = arguments.parse_args().parts
    comfyui = comfyui_root()
    say(machine(comfyui))
    say(HEAD)
    chosen = [way for way in ways() if any(part in way[0] for part in parts)]
    rights = []
    for name, flags, dynamic_vram in chosen:
        line, right = row(name, comfyui, flags, dynamic_vram)
        say(line)
        rights.append(right)
    sys.exit(not all(rights))


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

"""Times before the first sampler step: importing the pack, reading a motion model, applying it with a MotionLoRA."""

import subprocess
import sys
from pathlib import Path
from statistics import median

import torch
from animatediff_xl.motion_models.files.families import FAMILIES
from animatediff_xl.motion_models.files.loading import open_motion_file
from animatediff_xl.motion_models.lora.motion_lora import ChosenLora, open_motion_lora
from animatediff_xl.motion_models.sampling.apply import AUTO_BETA_SCHEDULE, apply_motion_model
from safetensors.torch import load_file

from tests.host.obtain import PACK
from tests.real_models import BASES

from .measure import clocked
from .models import SETTINGS, image_model, motion_file, motion_lora_file, shallow

ROUNDS = 5
IMPORT = """
import sys, time
from tests.host.boot import import_host, import_pack
from tests.host.obtain import comfyui_root
import_host(comfyui_root())
import_pack()
import server, nodes
began = time.perf_counter()
import animatediff_xl
print(time.perf_counter() - began)
"""


def loading_times(folder: Path) -> dict[str, float]:
    """Median seconds of each operation, with the files in the system's cache.

    They stop before ComfyUI would load the weights onto its device.
    """
    family, base = FAMILIES["AnimateDiff SDXL beta"], BASES["SDXL"]
    path = motion_file(folder, family, base)
    lora_path = motion_lora_file(folder, load_file(path))
    model = image_model(shallow(base), torch.float32)
    calls = {
        f"reading {path.stat().st_size / 1e6:.0f} MB": path.read_bytes,
        "opening and loading them as a motion model": lambda: open_motion_file(path).patcher(torch.float32),
    }
    file = open_motion_file(path)
    file.patcher(torch.float32)
    lora = (ChosenLora(open_motion_lora(lora_path), 1.0),)
    calls |= {
        "applying it again": lambda: apply_motion_model(model, file, SETTINGS, AUTO_BETA_SCHEDULE),
        f"with a MotionLoRA of {lora_path.stat().st_size / 1e6:.0f} MB": lambda: apply_motion_model(
            model, file, SETTINGS, AUTO_BETA_SCHEDULE, lora
        ),
    }
    measured: dict[str, list[float]] = {name: [] for name in calls}
    for _round in range(ROUNDS):
        for name, call in calls.items():
            measured[name].append(clocked(call)[0])
    times = {name: median(seconds) for name, seconds in measured.items()}
    return times | {"importing the pack": median(import_seconds() for _ in range(ROUNDS))}


def import_seconds() -> float:
    """Seconds to import the pack in a new process, after ComfyUI's own imports."""
    done = subprocess.run([sys.executable, "-c", IMPORT], cwd=PACK, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])

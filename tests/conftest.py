"""One real ComfyUI for the whole test run, imported into this process; `tests/server` starts another as a server."""

import os

from tests.host.boot import import_host, import_pack
from tests.host.obtain import comfyui_root

os.environ.setdefault("TRITON_INTERPRET", "1")
"""Triton runs its kernels on the CPU. It reads this when it is imported, which ComfyUI may do."""
COMFYUI = comfyui_root()
DYNAMIC_VRAM = bool(os.environ.get("DYNAMIC_VRAM"))
"""Whether the host keeps models as on an NVIDIA GPU in this test run."""

import_host(COMFYUI, dynamic_vram=DYNAMIC_VRAM)
import_pack()

"""One real ComfyUI for the whole test run, imported into this process; `tests/server` starts another as a server."""

import sys

from tests.host.boot import import_host
from tests.host.obtain import CACHE, PACK, comfyui_root

COMFYUI = comfyui_root()

import_host(COMFYUI)

# The pack is imported under a name, as the host does, and not as the nameless root of this repository.
packages = CACHE / "packages"
packages.mkdir(parents=True, exist_ok=True)
if not (packages / "animatediff_xl").exists():
    (packages / "animatediff_xl").symlink_to(PACK)
sys.path.append(str(packages))

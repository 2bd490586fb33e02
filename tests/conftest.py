"""One real ComfyUI for the whole test run, imported into this process; `tests/server` starts another as a server."""

from tests.host.boot import import_host, import_pack
from tests.host.obtain import comfyui_root

COMFYUI = comfyui_root()

import_host(COMFYUI)
import_pack()

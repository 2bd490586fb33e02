"""All pictures of the README, the help pages, the template cards and the registry.

python -m tests.pictures

takes some minutes: it samples about thirty clips of the small model and trains one. It also takes screenshots, for
which it needs Chromium.
"""

from ..host.obtain import CACHE, comfyui_root
from ..host.server import serving
from . import drawn, editor, icon
from .clips import draw_clips
from .help import draw_help
from .training import draw_training

icon.main()
drawn.main()
editor.main()
with serving(comfyui_root(), CACHE / "demo", "--cpu") as server:
    draw_clips(server)
    draw_help(server)
    draw_training(server)

"""Starts a real ComfyUI, in this process or as a server of its own, with this pack in it.

python -m tests.host.boot COMFYUI [flags of ComfyUI]
"""

import contextlib
import runpy
import sys
from pathlib import Path

from . import torch_builds  # noqa: F401 - before ComfyUI is imported
from .dynamic_vram import keep_models_as_on_nvidia
from .obtain import CACHE, PACK
from .tools import manager


def import_host(root: Path, cpu: bool = True, dynamic_vram: bool = False) -> None:
    """Make `comfy` and the host's other modules importable in this process.

    dynamic_vram: models are kept as on an NVIDIA GPU, for the whole process.
    """
    sys.path.insert(0, str(root))
    import comfy.cli_args

    comfy.cli_args.args.cpu = cpu  # before any other import of the host
    comfy.cli_args.args.use_pytorch_cross_attention = True
    import utils.extra_config  # noqa: F401 - the host's package of that name, before its `comfy` folder shadows it

    if dynamic_vram:
        keep_models_as_on_nvidia()


def import_pack() -> None:
    """Make the pack importable as `animatediff_xl`. The root of this repository has no name of its own."""
    packages = CACHE / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):  # from an earlier test run, or from one beside this one
        (packages / "animatediff_xl").symlink_to(PACK)
    sys.path.append(str(packages))


def serve(root: Path, flags: list[str]) -> None:
    sys.argv = ["main.py", *flags]
    if "--enable-manager" in flags:
        sys.path.append(str(manager()))
    sys.path.insert(0, str(root))
    runpy.run_path(str(root / "main.py"), run_name="__main__")


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2:])

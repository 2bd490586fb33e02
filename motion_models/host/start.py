"""Makes ComfyUI importable outside its server. It runs by its path, before the rest of this package is imported."""

import sys
from pathlib import Path


def start(root: Path, flags: list[str]) -> None:
    """root: of a ComfyUI. flags: of its command line, such as --cpu or --bf16-unet."""
    sys.path.insert(0, str(root))
    import comfy.options

    comfy.options.enable_args_parsing()
    sys.argv = [str(root / "main.py"), *flags]
    import comfy.cli_args  # reads the flags, which its other modules need when they are imported

"""Python runs this at its start in processes whose PYTHONPATH has this folder: ComfyUI then knows the tiny SDXL."""

import runpy
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path

TESTS = Path(__file__).parents[2]

runpy.run_path(str(TESTS / "host" / "torch_builds.py"))


class TinyModel(MetaPathFinder):
    """Registers the tiny SDXL before ComfyUI's loaders are imported."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "comfy.sd":
            sys.meta_path.remove(self)
            runpy.run_path(str(TESTS / "tiny" / "host_pack" / "__init__.py"))


sys.meta_path.insert(0, TinyModel())

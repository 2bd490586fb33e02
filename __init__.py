"""AnimateDiff XL: AnimateDiff for SDXL and SD1.5 in ComfyUI. The entry point, and the folders of model files."""

import contextlib
import os

import folder_paths
from comfy_api.latest import ComfyExtension, io

from .nodes import NODES
from .nodes.common.routes import add_route
from .nodes.conversion import route as conversion
from .nodes.conversion.replacements import register_replacements
from .nodes.page import previews, window_plan
from .nodes.timeline import route as timeline

WEB_DIRECTORY = "./js"

# the names AnimateDiff packs have used since 2023, so that people's files are found
for folder in ("animatediff_models", "animatediff_motion_lora"):
    path = os.path.join(folder_paths.models_dir, folder)
    folder_paths.add_model_folder_path(folder, path)
    folder_paths.add_model_folder_path(folder, os.path.join(folder_paths.get_output_directory(), folder))  # trained
    with contextlib.suppress(OSError):  # a place that cannot be written to
        os.makedirs(path, exist_ok=True)


class AnimateDiffXL(ComfyExtension):
    async def on_load(self) -> None:
        for route in (conversion, timeline, previews, window_plan):
            add_route(route.PATH, route.reply)
        await register_replacements()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return NODES


async def comfy_entrypoint() -> AnimateDiffXL:
    return AnimateDiffXL()

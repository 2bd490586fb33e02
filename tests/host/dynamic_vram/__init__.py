"""A ComfyUI on a CPU that keeps models as it does on an NVIDIA GPU, where it starts with dynamic VRAM.

Layers have no parameters until weights are loaded, and every model has a dynamic ModelPatcher. Tensors are read-only
and stay in the mapped file. A layer applies patches to its weights when it is called. Paging, streams and pinned memory
need a GPU, so they are left out.

    keep_models_as_on_nvidia()      in this process: after the import of comfy, before any model is made
    custom_nodes/dynamic_vram       in a server: a link to this folder; custom nodes are loaded before models

Works for ComfyUI 0.16.3, 0.30.0 and 0.33.0, with comfy-aimdo 0.4.11 and 0.4.13.
"""

import ctypes
import mmap
from pathlib import Path
from typing import Any


class UnpinnedBuffer:
    """In place of the host's pinned memory: there is none."""

    size = 0

    def __init__(self, *_sizes: int):
        pass

    def truncate(self, *_args: Any, **_kw: Any) -> None:
        pass


class ReadOnlyFile:
    """In place of comfy_aimdo's mapped file. A write into its memory ends the process."""

    def __init__(self, path: str):
        self._opened = Path(path).open("rb")  # noqa: SIM115 - open as long as its tensors live
        self._mapped = mmap.mmap(self._opened.fileno(), 0, prot=mmap.PROT_READ)
        self._address = address_of(self._mapped)

    def get(self) -> int:
        return self._address

    def get_file_handle(self) -> Any:
        return self._opened


class PyBuffer(ctypes.Structure):
    """CPython's Py_buffer: its first field and padding."""

    _fields_ = (("buf", ctypes.c_void_p), ("room", ctypes.c_char * 72))


def address_of(mapped: mmap.mmap) -> int:
    view = PyBuffer()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(mapped), ctypes.byref(view), 0)
    return view.buf


def keep_models_as_on_nvidia() -> None:
    import comfy.memory_management
    import comfy.model_patcher
    import comfy_aimdo.control
    import comfy_aimdo.host_buffer
    import comfy_aimdo.model_mmap
    import comfy_aimdo.model_vbar

    class ModelPatcherDynamic(comfy.model_patcher.ModelPatcherDynamic):
        def __new__(cls, *_args: Any, **_kw: Any) -> Any:
            return object.__new__(cls)  # the host's own makes a plain ModelPatcher for a CPU

        def load(self, *args: Any, **kw: Any) -> None:
            super().load(*args, **kw)
            for layer in self.model.modules():
                for name in ("weight", "bias"):
                    patch = getattr(layer, f"{name}_lowvram_function", None)
                    if patch is not None and not hasattr(layer, "_v"):  # paging would apply it
                        getattr(layer, f"{name}_function").append(patch)

        def partially_unload(self, *args: Any, **kw: Any) -> int:
            device, self.load_device = self.load_device, None  # the host refuses a CPU here
            try:
                return super().partially_unload(*args, **kw)
            finally:
                self.load_device = device

    comfy.memory_management.aimdo_enabled = True
    comfy.model_patcher.CoreModelPatcher = ModelPatcherDynamic
    comfy_aimdo.host_buffer.HostBuffer = UnpinnedBuffer
    comfy_aimdo.model_mmap.ModelMMAP = ReadOnlyFile
    for module, name in (
        (comfy_aimdo.model_vbar, "vbars_analyze"),
        (comfy_aimdo.model_vbar, "vbars_reset_watermark_limits"),
        (comfy_aimdo.control, "analyze"),
        (comfy_aimdo.control, "get_total_vram_usage"),
    ):
        setattr(module, name, lambda *_args, **_kw: 0)


NODE_CLASS_MAPPINGS: dict[str, type] = {}
"""Makes this folder a custom node of the host."""

if Path(__file__).parents[1].name == "custom_nodes":
    keep_models_as_on_nvidia()

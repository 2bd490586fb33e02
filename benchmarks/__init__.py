"""Measurements. Importing this package also imports ComfyUI, on the GPU if there is one, and the pack."""

import torch

from tests.host.boot import import_host, import_pack
from tests.host.obtain import comfyui_root

import_host(comfyui_root(), cpu=not torch.cuda.is_available())
import_pack()

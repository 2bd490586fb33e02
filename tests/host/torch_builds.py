"""Lets ComfyUI start with a CPU build of torch: torchaudio may be missing, and torchvision may be built for CUDA."""

import sys
from pathlib import Path

import torch
from torch import library

SHIMS = Path(__file__).parent / "shims"
sys.path.append(str(SHIMS))  # last, so that installed packages take precedence

# With a CPU build of torch and a torchvision built for CUDA, torchvision's operators are missing, and its import fails
# without them. Other builds have them, and a second declaration aborts the process.
if torch.version.cuda is None and torch.version.hip is None:
    for operator in ("nms", "qnms"):
        library.define(f"torchvision::{operator}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

"""Videos that the host saved, as frames and as a contact sheet."""

from pathlib import Path

import av
import numpy as np
from PIL import Image


def frames_of(path: Path) -> np.ndarray:
    """(f h w 3) in 0..1."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(frames).astype(np.float32) / 255


def contact_sheet(frames: np.ndarray, columns: int = 4, margin: int = 4) -> Image.Image:
    """All frames in one picture, in reading order."""
    count, height, width = frames.shape[:3]
    rows = -(-count // columns)
    sheet = Image.new("RGB", (columns * (width + margin) - margin, rows * (height + margin) - margin), "white")
    for index, frame in enumerate(frames):
        place = (index % columns * (width + margin), index // columns * (height + margin))
        sheet.paste(Image.fromarray((frame * 255).round().astype(np.uint8)), place)
    return sheet

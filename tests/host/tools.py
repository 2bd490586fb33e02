"""Tools of people who publish and install packs, each fetched once below `.comfyui/tools`.

They need packages that the tests must not have, so each has a place of its own.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from .obtain import CACHE, PACK

COMFY_CLI = "comfy-cli==1.23.0"
MANAGER = ("comfyui-manager==4.2.2", "GitPython==3.2.1", "gitdb==4.0.12", "smmap==5.0.3", "toml==0.10.2")
"""ComfyUI-Manager, and what it needs beside the packages of the tests."""


def comfy(folder: Path, *command: str) -> str:
    """Run comfy-cli on the pack in a folder; gives what it printed."""
    run = [python_of(COMFY_CLI), "-m", "comfy_cli", "--skip-prompt", "--no-enable-telemetry", *command]
    with tempfile.TemporaryDirectory() as home:
        alone = os.environ | {"HOME": home, "DO_NOT_TRACK": "1", "PYTHONUTF8": "1"}
        done = subprocess.run(run, cwd=folder, env=alone, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(f"comfy {' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def node_zip(folder: Path) -> Path:
    """What the registry gets: `comfy node pack` of the files of this repository, copied to an empty folder."""
    git = ["git", "-C", str(PACK), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(git, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (PACK / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PACK / name, folder / name)
    for command in (("init", "--quiet"), ("add", "--all", "--force")):  # comfy-cli packs what git has
        subprocess.run(["git", *command], cwd=folder, check=True)
    comfy(folder, "node", "validate")
    comfy(folder, "node", "pack")
    return folder / "node.zip"


def python_of(requirement: str) -> str:
    """The Python of a virtual environment with one tool in it."""
    folder = CACHE / "tools" / requirement.replace("==", "-")
    if not folder.is_dir():
        partial = folder.with_name(f"{folder.name}.partial")
        venv.create(partial, clear=True, with_pip=True)
        pip_install(str(partial / "bin" / "python"), requirement)
        partial.rename(folder)
    return str(folder / "bin" / "python")


def manager() -> Path:
    """A folder with ComfyUI-Manager, for the path of imports."""
    folder = CACHE / "tools" / MANAGER[0].replace("==", "-")
    if not folder.is_dir():
        partial = folder.with_name(f"{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        pip_install(sys.executable, "--no-deps", "--target", str(partial), *MANAGER)
        partial.rename(folder)
    return folder


def pip_install(python: str, *arguments: str) -> None:
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(pip, check=True, stdout=sys.stderr)

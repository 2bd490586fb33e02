"""The kernels compile. The interpreter runs what Triton's compiler may refuse."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.host.obtain import PACK

KERNELS = {"_group_statistics", "_group_norm", "_add_norm", "_attention", "_geglu", "_add_motion"}
SHARED_MEMORY = 99 * 1024
"""Bytes of a program on GeForce RTX 30 and 40. Others have more."""


def shared_memory(folder: Path, *arguments: int) -> dict[str, int]:
    """Bytes of shared memory that each kernel takes, compiled in a process of its own."""
    environment = os.environ | {"TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(folder)}
    command = [sys.executable, "-m", "tests.motion_models.network.kernels.compile_kernels", *map(str, arguments)]
    done = subprocess.run(command, env=environment, cwd=PACK, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_every_kernel_compiles_for_the_oldest_gpu(tmp_path: Path) -> None:
    shared = shared_memory(tmp_path, 80, 320, 16)
    assert set(shared) == KERNELS
    assert max(shared.values()) <= SHARED_MEMORY


@pytest.mark.nightly
@pytest.mark.parametrize("capability", [80, 86, 89, 90, 120])
def test_every_kernel_compiles_for_every_width_and_gpu(capability: int, tmp_path: Path) -> None:
    """With the most frames too, which take the most memory."""
    sizes = [(channels, frames) for channels in (320, 640, 1280) for frames in (1, 8, 16, 24, 32, 64)]
    shared = shared_memory(tmp_path, capability, *(number for pair in sizes for number in pair))
    assert set(shared) == KERNELS
    assert max(shared.values()) <= SHARED_MEMORY

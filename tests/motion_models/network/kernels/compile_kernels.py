"""Compiles every kernel for NVIDIA GPUs that need not be there. Its test starts it, because it needs no interpreter.

python -m tests.motion_models.network.kernels.compile_kernels CAPABILITY CHANNELS FRAMES [...]
"""

import json
import sys
from typing import Any

from tests.host.boot import import_host, import_pack
from tests.host.obtain import comfyui_root

import_host(comfyui_root())
import_pack()

import torch  # noqa: E402
import triton  # noqa: E402
from animatediff_xl.motion_models.network.kernels import (  # noqa: E402
    add_motion,
    add_norm,
    attention,
    checks,
    geglu,
    group_norm,
    group_statistics,
)
from triton.backends.compiler import GPUTarget  # noqa: E402
from triton.compiler import ASTSource  # noqa: E402

TYPES = {torch.float16: "*fp16", torch.bfloat16: "*bf16", torch.float32: "*fp32"}
WARP = 32
DIVISIBLE = [["tt.divisibility", 16]]

Launch = tuple[Any, tuple[Any, ...], dict[str, Any]]


def launches_of(case: checks.Case) -> list[Launch]:
    """Kernel, arguments and constants of each launch in the self-checks of a case."""
    seen: list[Launch] = []

    def launch(kernel: Any, _grid: tuple[int, ...], *arguments: Any, **constants: Any) -> None:
        seen.append((kernel, arguments, constants))

    for module in (add_motion, add_norm, attention, geglu, group_norm, group_statistics):
        module.launch = launch
    for _name, kernel, _plain in checks.comparisons(case):
        kernel()
    return seen


def compiled(launch: Launch, capability: int) -> int:
    """Compile as Triton does for such arguments. Bytes of shared memory of a program."""
    kernel, arguments, constants = launch
    warps = constants.pop("num_warps")
    signature, attributes = dict.fromkeys(constants, "constexpr"), {}
    for place, (name, value) in enumerate(zip(kernel.arg_names, arguments, strict=False)):
        if isinstance(value, torch.Tensor):
            signature[name] = TYPES[value.dtype]
        else:
            signature[name] = "fp32" if isinstance(value, float) else "i32"
        if signature[name] == "i32" and value == 1:
            signature[name], constants[name] = "constexpr", 1
        elif signature[name] != "fp32" and (isinstance(value, torch.Tensor) or value % 16 == 0):
            attributes[(place,)] = DIVISIBLE
    ordered = {name: signature[name] for name in kernel.arg_names}
    source = ASTSource(kernel, signature=ordered, constexprs=constants, attrs=attributes)
    result = triton.compile(source, target=GPUTarget("cuda", capability, WARP), options={"num_warps": warps})
    assert result.asm["cubin"]
    return result.metadata.shared


def main(capability: int, *sizes: int) -> None:
    shared: dict[str, int] = {}
    for channels, frames in zip(sizes[::2], sizes[1::2], strict=True):
        case = checks.Case(torch.device("cpu"), torch.float16, channels, frames, 8, 32, True, 16, 1, 1)
        for launch in launches_of(case):
            name = launch[0].__name__
            shared[name] = max(shared.get(name, 0), compiled(launch, capability))
    sys.stdout.write(json.dumps(shared))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

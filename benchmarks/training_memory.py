"""The memory that a training of SDXL or SD1.5 needs, as a node says before the first step.

    python -m benchmarks.training_memory

It counts tensors on torch's meta device, so it needs neither model files nor a GPU.
"""

import sys

from animatediff_xl.motion_models.training.memory import LESS_MEMORY

from tests.meta_models import told_memory

SIZES = {"SDXL": (512, 768, 1024), "SD1.5": (512,)}
STAGES = ("MotionLoRA", "motion model", "domain adapter")


def row(*cells: object) -> None:
    sys.stdout.write(f"| {' | '.join(map(str, cells))} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    row("base", "trained", "pixels", *LESS_MEMORY)
    row(*["---"] * (3 + len(LESS_MEMORY)))
    for base, sizes in SIZES.items():
        for stage in STAGES:
            for pixels in sizes:
                row(base, stage, pixels, *(told_memory(base, stage, pixels, kind) for kind in LESS_MEMORY))

"""The time of a step by operator, and the bytes that operators read and write.

    python -m benchmarks.operators [--evolved CHECKOUT]

It uses the first shape of `benchmarks/run.py`, and shows the step without motion and the part that motion adds. An
operator that only creates a view moves no bytes. If an operator reads its inputs twice, they count once.
For a convolution or a copy, the seconds are those of the kernel below it. The bytes are those of the operator above
it, which has no row.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from .measure import CALLS, Run
from .run import CPU_CASES, GPU_CASES, PLAIN, contenders, machine

# isort: split
import torch
from torch.profiler import ProfilerActivity, profile

from tests.counting import Writes

SHOWN = 12
MEGABYTE = 2**20


def seconds_by_operator(step: Run) -> Counter[str]:
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if torch.cuda.is_available() else [])]
    with profile(activities=activities) as profiled:
        step()
    on_gpu = torch.cuda.is_available()
    return Counter(
        {
            event.key: (event.self_device_time_total if on_gpu else event.self_cpu_time_total) / 1e6
            for event in profiled.key_averages()
        }
    )


def bytes_by_operator(step: Run) -> Counter[str]:
    moved: Counter[str] = Counter()
    with Writes() as writes:
        step()
    for write in writes.seen:
        name, _overload = write.operation.rsplit(".", 1)
        moved[name.replace(".", "::")] += write.bytes_moved  # the profiler's name for it
    return moved


def operator_table(name: str, seconds: Counter[str], moved: Counter[str]) -> str:
    rows = [f"\n**{name}**\n", "| operator | seconds | MB moved |", "|---|---|---|"]
    for operator, spent in [*seconds.most_common(SHOWN), ("all", seconds.total())]:
        bytes_of = moved.total() if operator == "all" else moved[operator]
        rows.append(f"| {operator} | {spent:.3f} | {bytes_of / MEGABYTE:.0f} |")
    return "\n".join(rows) + "\n"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--evolved", type=Path, help="a checkout of ComfyUI-AnimateDiff-Evolved")
    given = arguments.parse_args()
    case = (GPU_CASES if torch.cuda.is_available() else CPU_CASES)[0]
    sys.stdout.write(f"{machine()}\n{case}; sums over {CALLS + 1} steps, including one warm-up step\n")
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        steps = dict(list(contenders(case, Path(folder), given.evolved))[: 3 if given.evolved else 2])
        plain = seconds_by_operator(steps[PLAIN]), bytes_by_operator(steps[PLAIN])
        sys.stdout.write(operator_table(PLAIN, *plain))
        for name in [name for name in steps if name != PLAIN]:
            seconds, moved = seconds_by_operator(steps[name]), bytes_by_operator(steps[name])
            sys.stdout.write(operator_table(f"added by {name}", seconds - plain[0], moved - plain[1]))
            sys.stdout.flush()


if __name__ == "__main__":
    main()

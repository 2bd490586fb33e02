"""The cost of motion, compared with other implementations.

    python benchmarks/run.py [--evolved CHECKOUT] [--compiled] [--rounds N] [--json FILE]

It builds SDXL and SD1.5 at their real shapes with random weights, and measures a sampler step of a clip. A step runs
with and without the prompt, as at any cfg above 1. The contenders are:

- the step without motion, and with each family of motion models
- AnimateDiff-Evolved, if --evolved names a checkout of it
- diffusers' UNetMotionModel, if diffusers is installed
- with --compiled, the steps through ComfyUI's TorchCompileModel

Contenders take turns, and ratios are taken within a turn. Then it measures loading and applying, and prints Markdown
tables. COMFYUI_PATH may name a ComfyUI. Without a GPU the pictures are small and SDXL has fewer layers, so that it
takes only minutes.
"""

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

if not __package__:  # started as a file
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.loading import loading_times
from benchmarks.measure import Measured, Run, in_turn, ratio, timed_step
from benchmarks.models import SETTINGS, conditioning, image_model, motion_file, shallow
from benchmarks.peers import diffusers_step, evolved
from tests.real_models import BASES

# isort: split
import comfyui_version
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.files.families import FAMILIES
from animatediff_xl.motion_models.files.loading import open_motion_file
from animatediff_xl.motion_models.sampling.apply import AUTO_BETA_SCHEDULE, apply_motion_model
from comfy_extras.nodes_torch_compile import TorchCompileModel

PLAIN = "without motion"
DIFFUSERS = "diffusers' UNetMotionModel"


@dataclass(frozen=True)
class Case:
    """A base model, and the shape of its latents."""

    base: str
    pixels: int
    frames: int
    dtype: torch.dtype
    shallow: bool = False

    def __str__(self) -> str:
        dtype = str(self.dtype).removeprefix("torch.")
        depth = ", one layer a transformer" if self.shallow else ""
        return f"{self.base}, {self.pixels} x {self.pixels}, {self.frames} frames, {dtype}{depth}"


GPU_CASES = (
    Case("SDXL", 1024, 16, torch.float16),
    Case("SDXL", 1024, 16, torch.bfloat16),
    Case("SDXL", 512, 16, torch.float16),
    Case("SD1.5", 512, 16, torch.float16),
)
CPU_CASES = (Case("SDXL", 96, 16, torch.float32, shallow=True), Case("SD1.5", 64, 16, torch.float32))


def contenders(case: Case, folder: Path, checkout: Path | None, compile_too: bool = False) -> Iterator[tuple[str, Run]]:
    """Names and runs of everything that can be measured."""
    base = shallow(BASES[case.base]) if case.shallow else BASES[case.base]
    model = image_model(base, case.dtype)
    latents = torch.randn(case.frames, 4, case.pixels // 8, case.pixels // 8)
    positive, negative = conditioning(base, 1), conditioning(base, 2)

    def step_of(patcher: host.ModelPatcher) -> Run:
        return lambda: timed_step(patcher, latents, positive, negative)

    yield PLAIN, step_of(model)
    # one family for each combination of modules and norms, because others cost the same
    families = {
        (family.mid, family.norms): family
        for family in reversed(FAMILIES.values())
        if family.base == case.base and not family.requires
    }
    for index, family in enumerate(reversed(families.values())):
        path = motion_file(folder, family, base)
        file = open_motion_file(path, family.name)
        animated = apply_motion_model(model, file, SETTINGS, AUTO_BETA_SCHEDULE)
        yield family.name, step_of(animated)
        if checkout and index == 0:
            yield f"{family.name}, AnimateDiff-Evolved", lambda path=path: step_of(evolved(checkout, model, path))()
        if compile_too and index == 0:
            yield f"{PLAIN}, compiled", step_of(compiled(model))
            yield f"{family.name}, compiled", step_of(compiled(animated))
    try:
        yield DIFFUSERS, diffusers_step(base, case.frames, case.pixels // 8, case.dtype)
    except ImportError:
        return


def working(contenders: dict[str, Run]) -> dict[str, Run]:
    """The contenders that can run a step here. The errors of the others are printed.

    AnimateDiff-Evolved 1.5.7, for example, fails in bf16.
    """
    able = {}
    for name, run in contenders.items():
        try:
            run()
        except Exception as error:  # another project can raise any error
            say(f"{name} is left out: {error!r:.300}")
        else:
            able[name] = run
    return able


def compiled(model: host.ModelPatcher) -> host.ModelPatcher:
    return TorchCompileModel.execute(model, "inductor")[0]


def table(case: Case, results: dict[str, Measured]) -> str:
    plain = results[PLAIN]
    lines = [f"\n**{case}**\n", "| step | seconds | of the step without motion | the first one | memory |",
             "|---|---|---|---|---|"]  # fmt: skip
    for name, measured in results.items():
        middle, low, high = ratio(measured, plain)
        against = "" if measured is plain else f"{middle:.3f} ({low:.3f} to {high:.3f})"
        memory = f"{measured.peak / 2**20:.0f} MB"
        lines.append(f"| {name} | {median(measured.seconds):.3f} | {against} | {measured.cold:.3f} | {memory} |")
    return "\n".join(lines) + "\n"


def machine() -> str:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{torch.get_num_threads()} CPU threads"
    version = comfyui_version.__version__
    return f"{time.strftime('%Y-%m-%d')}, {device}, torch {torch.__version__}, ComfyUI {version}, {platform.system()}"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--evolved", type=Path, help="a checkout of ComfyUI-AnimateDiff-Evolved")
    arguments.add_argument("--compiled", action="store_true", help="also measure compiled models, which takes minutes")
    arguments.add_argument("--rounds", type=int, default=5, help="turns of each contender")
    arguments.add_argument("--json", type=Path, help="a file for the measurements, in addition to the tables")
    given = arguments.parse_args()
    cases = GPU_CASES if torch.cuda.is_available() else CPU_CASES
    say(machine())
    if cases is CPU_CASES:
        say("No GPU found: pictures are small, and SDXL has fewer layers. The results hold for CPUs only.")
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            with torch.inference_mode():
                able = working(dict(contenders(case, Path(folder), given.evolved, given.compiled)))
                measured = in_turn(able, given.rounds)
            say(table(case, measured))
            results[str(case)] = {name: asdict(contender) for name, contender in measured.items()}
        loading = loading_times(Path(folder))
    say("| loading, in full size | seconds |\n|---|---|")
    for name, seconds in loading.items():
        say(f"| {name} | {seconds:.3f} |")
    if given.json:
        given.json.write_text(json.dumps({"machine": machine(), "steps": results, "loading": loading}, indent=1))


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

"""Compares the losses of a MotionLoRA's training: which teaches a camera move best in the same steps.

    python -m tests.tiny.compare_losses DIR

trains with each of them on three moves and two seeds. It prints by how many percent the loss of held-out clips changes,
forwards and backwards. The better the MotionLoRA knows the move, the further the two are apart: the look is the same in
both. Results are kept in DIR as they come, and another run goes on. It takes 40 minutes on one quiet core.
"""

import json
import statistics
import sys
import time
from itertools import product
from pathlib import Path

import tests.conftest  # noqa: F401 - the host and the pack

# isort: split
import torch
from animatediff_xl.motion_models.training.dataset import TrainingClips
from animatediff_xl.motion_models.training.engine import TrainingSettings
from animatediff_xl.motion_models.training.losses import LOSSES, NoiseSettings
from animatediff_xl.motion_models.training.session import Session, train_motion
from animatediff_xl.motion_models.training.stages import LAYERS, motion_lora
from safetensors.torch import save_file
from torch import Tensor

from tests.tiny.camera import MOVES
from tests.tiny.data import NOISE
from tests.tiny.evaluation import Tiny, backwards, camera_clips, fixed_losses, tiny_models, with_motion

CAMERAS = MOVES | {"tilt_up": (0.0, 1.5, 0.0)}
FRAMES = {0: 12, 1: 8}
"""Length of the clips, by seed."""
CHOICES = tuple(product(LOSSES, (1.0, 100.0)))
"""(loss, max_noise_weight)"""

CLIPS, HELD_OUT = 24, 6
STEPS, RANK = 120, 16
SETTINGS = TrainingSettings(STEPS, learning_rate=4e-3, warmup_steps=STEPS // 10, average_decay=None)

Losses = dict[str, list[float]]
"""The loss of held-out clips at each timestep of `fixed_losses`, forwards and backwards."""


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "results.json"
    results: dict[str, Losses] = json.loads(kept.read_text()) if kept.exists() else {}
    with torch.inference_mode():
        tiny = tiny_models()
        for (seed, move), choice in product(product(FRAMES, CAMERAS), (None, *CHOICES)):
            name = name_of(move, seed, choice)
            if name not in results:
                lora = trained_lora(tiny, move, seed, choice) if choice else {}
                save_file(lora, folder / f"{name}.safetensors")
                results[name] = held_out_losses(tiny, move, seed, lora)
                kept.write_text(json.dumps(results, indent=1))
                print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)  # noqa: T201
    print(table(results))  # noqa: T201


def name_of(move: str, seed: int, choice: tuple[str, float] | None) -> str:
    """The name of a training, or of the model before it."""
    return ", ".join([move, str(seed), *((choice[0], f"{choice[1]:g}") if choice else ())])


def trained_lora(tiny: Tiny, move: str, seed: int, choice: tuple[str, float]) -> dict[str, Tensor]:
    """The tensors of a MotionLoRA file."""
    loss, weight = choice
    training, trained = train_motion(
        tiny.model,
        tiny.motion,
        lambda modules: motion_lora(modules, RANK, LAYERS["attention and feed-forward"], seed),
        camera_clips(tiny, CAMERAS[move], CLIPS, FRAMES[seed], seed),
        Session(SETTINGS, NoiseSettings(loss, NOISE.offset, weight), seed, "off"),
        lambda *_: None,
    )
    return trained.tensors(training.weights())


def held_out_losses(tiny: Tiny, move: str, seed: int, lora: dict[str, Tensor]) -> Losses:
    model = with_motion(tiny, lora)
    forwards = camera_clips(tiny, CAMERAS[move], HELD_OUT, FRAMES[seed], 1000 + seed)
    ways: dict[str, TrainingClips] = {"forwards": forwards, "backwards": backwards(forwards)}
    return {way: fixed_losses(model, clips).mean(0).tolist() for way, clips in ways.items()}


def table(results: dict[str, Losses]) -> str:
    """Markdown: the mean changes over moves and seeds, and the gap between the two ways in each training."""

    def change(move: str, seed: int, choice: tuple[str, float], way: str) -> float:
        before, after = (sum(results[name_of(move, seed, each)][way]) for each in (None, choice))
        return 100 * (after / before - 1)

    runs = list(product(CAMERAS, FRAMES))
    lines = [f"| loss | max_noise_weight | forwards | backwards | apart | {' | '.join(f'{m}, {s}' for m, s in runs)} |"]
    lines.append("|---" * (5 + len(runs)) + "|")
    for choice in CHOICES:
        ways = [[change(*run, choice, way) for run in runs] for way in ("forwards", "backwards")]
        gaps = [after - before for before, after in zip(*ways, strict=True)]
        means = (f"{statistics.mean(way):+.1f} %" for way in ways)
        cells = [choice[0], f"{choice[1]:g}", *means, f"{statistics.mean(gaps):.1f}", *(f"{gap:.1f}" for gap in gaps)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

"""One small model with its motion modules for all tests of this folder."""

from collections.abc import Callable, Iterator

import pytest
import torch
from animatediff_xl.motion_models.conditioning.curves import FRAMES as OVER_FRAMES
from animatediff_xl.motion_models.conditioning.curves import from_values
from animatediff_xl.motion_models.files.loading import MotionFile, open_motion_file
from animatediff_xl.motion_models.lora.motion_lora import ChosenLora, open_motion_lora
from animatediff_xl.motion_models.sampling.apply import KEEP_BETA_SCHEDULE, apply_motion_model
from animatediff_xl.motion_models.sampling.motion_config import MotionSettings

from tests.small import Pair, save, small_pair

SETTINGS = MotionSettings(strength=1.0, start_percent=0.0, end_percent=1.0, clip_frames=0)


@pytest.fixture(autouse=True)
def inference() -> Iterator[None]:
    """The host runs its nodes in inference mode."""
    with torch.inference_mode():
        yield


@pytest.fixture(scope="session")
def pair() -> Pair:
    return small_pair()


@pytest.fixture(scope="session")
def motion(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> MotionFile:
    return open_motion_file(save(pair.motion, tmp_path_factory.mktemp("motion") / "random.safetensors"))


@pytest.fixture(scope="session")
def still(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> MotionFile:
    """The same motion model with every `proj_out` zero. It runs, but changes nothing."""
    weights = {key: value * (".proj_out." not in key) for key, value in pair.motion.items()}
    return open_motion_file(save(weights, tmp_path_factory.mktemp("motion") / "still.safetensors"))


@pytest.fixture(scope="session")
def animate(motion: MotionFile) -> Callable:
    """(MODEL, motion file) -> MODEL that animates, with everything else at its default."""

    def apply(
        model,
        file: MotionFile = motion,
        settings: MotionSettings = SETTINGS,
        schedule: str = KEEP_BETA_SCHEDULE,
        loras: tuple[ChosenLora, ...] = (),
    ):
        return apply_motion_model(model, file, settings, schedule, loras)

    return apply


@pytest.fixture(scope="module")
def rising_lora(pair, tmp_path_factory) -> ChosenLora:
    """A MotionLoRA whose strength rises over ten frames."""
    generator, weights = torch.Generator().manual_seed(4), {}
    for key, weight in pair.motion.items():
        if key.endswith("to_q.weight"):
            name = key.replace("to_q.weight", "processor.to_q_lora")
            weights[f"{name}.down.weight"] = 0.2 * torch.randn(4, weight.shape[1], generator=generator)
            weights[f"{name}.up.weight"] = 0.2 * torch.randn(weight.shape[0], 4, generator=generator)
    path = save(weights, tmp_path_factory.mktemp("lora") / "rising.safetensors")
    curve = (from_values([0.2 * frame for frame in range(10)], OVER_FRAMES),)
    return ChosenLora(open_motion_lora(path), 1.0, curve)

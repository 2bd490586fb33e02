"""Training in a real ComfyUI: a graph that trains a MotionLoRA, samples with it, and goes on after a stop."""

import io
import time
from collections.abc import Callable

import pytest
from animatediff_xl.motion_models.version import VERSION
from PIL import Image
from safetensors import safe_open

from tests.host.server import Server, WorkflowError
from tests.server.conftest import Prompt, node_of

SETTINGS = {
    "steps": 3, "learning_rate": 1e-3, "loss": "debiased", "max_noise_weight": 1.0,
    "clips_per_step": 1, "seed": 0, "precision": "auto", "checkpointing": "on", "save_every": 100, "resume": "auto",
}  # fmt: skip
STAGES = {
    "ADXL_TrainMotionLoRA": (
        {"rank": 4, "layers": "attention", "key_format": "AnimateDiff"},
        "motion_lora",
        "animatediff_motion_lora",
    ),
    "ADXL_TrainMotionModel": ({"start": "nothing"}, "motion_model", "animatediff_models"),
    "ADXL_TrainDomainAdapter": ({"rank": 4}, "model", "loras"),
}
"""Their own inputs, the input of Apply Motion Model that takes their result, and the folder of their files."""


@pytest.fixture
def training(tiny_prompt: Callable[..., Prompt]) -> Callable[..., Prompt]:
    """The tiny graph, with a training whose result the sampler uses."""

    def make(
        name: str, stage: str = "ADXL_TrainMotionLoRA", preview: dict[str, object] | None = None, **changes: object
    ) -> Prompt:
        own, applied, _ = STAGES[stage]
        prompt = tiny_prompt(ADXL_EmptyLatentFrames={"frames": 4}, KSampler={"steps": 1})
        apply = prompt[node_of(prompt, "ADXL_ApplyMotionModel")]["inputs"]
        prompt["train"] = {
            "class_type": stage,
            "inputs": SETTINGS
            | own
            | {
                "model": apply["model"],
                "motion_model": apply["motion_model"],
                "latents": [node_of(prompt, "ADXL_EmptyLatentFrames"), 0],
                "conditioning": [node_of(prompt, "CLIPTextEncode"), 0],
                "name": name,
            }
            | changes,
        }
        if preview is not None:
            sampler = prompt[node_of(prompt, "KSampler")]["inputs"]
            decoder = prompt[node_of(prompt, "VAEDecode")]["inputs"]
            shared = {name: sampler[name] for name in ("positive", "negative", "cfg", "sampler_name", "scheduler")}
            inputs = {"vae": decoder["vae"], "frames": 4, "width": 64, "height": 64, "steps": 2, "seed": 1, "every": 2}
            prompt["preview"] = {"class_type": "ADXL_TrainingPreview", "inputs": shared | inputs | preview}
            prompt["train"]["inputs"]["preview"] = ["preview", 0]
        apply[applied] = ["train", 3]
        prompt["save"] = {"class_type": "SaveLoRA", "inputs": {"lora": ["train", 0], "prefix": f"loras/{name}"}}
        prompt["plot"] = {"class_type": "LossGraphNode", "inputs": {"loss": ["train", 1], "filename_prefix": name}}
        return prompt

    return make


LOADED_BY = {
    "ADXL_TrainMotionLoRA": ("ADXL_LoadMotionLoRA", "lora"),
    "ADXL_TrainMotionModel": ("ADXL_LoadMotionModel", "motion_model"),
    "ADXL_TrainDomainAdapter": ("LoraLoader", "lora_name"),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_graph_trains_a_stage_and_uses_it(server: Server, training: Callable[..., Prompt], stage: str) -> None:
    result = server.run(training(stage, stage))
    assert result.files(server.output)
    name = f"{stage}_3.safetensors"
    assert f"{name} is saved" in result.texts["train"]
    with safe_open(server.output / STAGES[stage][2] / name, "pt") as file:
        facts = file.metadata()
    assert (facts["base"], facts["steps"], facts["version"]) == ("SDXL", "3", VERSION)
    loader, field = LOADED_BY[stage]
    assert name in str(server.get(f"/object_info/{loader}")[loader]["input"]["required"][field])
    assert list((server.output / "loras").glob(f"{stage}_0*.safetensors"))


def test_a_stopped_training_goes_on(server: Server, training: Callable[..., Prompt]) -> None:
    folder = server.output / "animatediff_motion_lora"
    queued = server.queue(training("stopped", steps=12, save_every=2))
    interrupted = False
    for event in server.events(queued):
        if event["type"] == "progress" and event["data"]["value"] == 4 and not interrupted:
            began, interrupted = time.monotonic(), True
            server.post("/interrupt", {})
    assert event["type"] == "execution_interrupted" and time.monotonic() - began < 10
    stopped = max(int(path.stem.split("_")[1]) for path in folder.glob("stopped_*.safetensors"))
    assert 4 <= stopped < 12
    first: list[int] = []
    server.run(training("stopped", steps=12, save_every=2), lambda value, maximum: first.append(value))
    assert first[0] == stopped + 1
    assert (folder / "stopped_12.safetensors").exists()


@pytest.mark.parametrize("stage", STAGES)
def test_previews_and_the_curve_arrive_while_it_trains(server: Server, training: Callable, stage: str) -> None:
    server.pictures.clear()
    name = f"watched_{stage}"
    result = server.run(training(name, stage, preview={}))
    folder = server.output / "adxl_training" / name
    sizes = [Image.open(io.BytesIO(picture)).size for picture in server.pictures]
    assert len(sizes) >= 3  # before the first step, after the second, after the last
    assert all(width >= 596 for width, _ in sizes) and sizes[0][1] < sizes[-1][1]
    previews = [path.name for path in sorted(folder.glob("*.webp"))]
    assert previews == ["preview_000000.webp", "preview_000002.webp", "preview_000003.webp"]
    with Image.open(folder / previews[-1]) as clip:
        assert clip.size == (64, 64) and clip.n_frames == 4
    with Image.open(folder / "preview.png") as strip, Image.open(folder / "loss.png") as curve:
        assert sizes[-1] == (curve.width, strip.height + curve.height)
    assert f"{name}_3.safetensors is saved" in result.texts["train"]


def test_a_stop_in_a_preview_keeps_the_last_whole_step(server: Server, training: Callable[..., Prompt]) -> None:
    prompt = training("preview_stopped", preview={"steps": 60}, steps=12)
    queued, began = server.queue(prompt), 0.0
    for event in server.events(queued):
        if event["type"] == "progress" and event["data"]["value"] == 2 and not began:
            time.sleep(0.3)  # the preview has begun
            began = time.monotonic()
            server.post("/interrupt", {})
    assert event["type"] == "execution_interrupted" and time.monotonic() - began < 2
    folder = server.output / "adxl_training/preview_stopped"
    assert [path.name for path in folder.glob("*.webp")] == ["preview_000000.webp"]
    assert (folder / "loss.png").exists() and (folder / "preview.png").exists()
    assert [path.name for path in server.output.rglob("preview_stopped_*")] == ["preview_stopped_2.safetensors"]
    with safe_open(folder / "state.safetensors", "pt") as state:
        assert len(state.get_tensor("losses")) == 2


def test_other_settings_under_the_same_name_are_refused(server: Server, training: Callable[..., Prompt]) -> None:
    server.run(training("twice"))
    with pytest.raises(
        WorkflowError, match="twice was trained with other settings or other clips: choose another name"
    ):
        server.run(training("twice", learning_rate=2e-3))
    server.run(training("twice", learning_rate=2e-3, resume="start again"))


@pytest.mark.parametrize("name", ["", "../pan", "a/b", "pan?", "CON", "pan.", "a" * 201])
def test_a_name_that_is_not_a_file_name_is_refused(server: Server, training: Callable, name: str) -> None:
    with pytest.raises(WorkflowError, match="write a file name without folders"):
        server.run(training(name))

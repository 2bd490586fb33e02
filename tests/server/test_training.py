"""Training in a real ComfyUI: a graph that trains a MotionLoRA, samples with it, and goes on after a stop."""

import time
from collections.abc import Callable

import pytest
from animatediff_xl.motion_models.version import VERSION
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

    def make(name: str, stage: str = "ADXL_TrainMotionLoRA", **changes: object) -> Prompt:
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


def test_other_settings_under_the_same_name_are_refused(server: Server, training: Callable[..., Prompt]) -> None:
    server.run(training("twice"))
    with pytest.raises(
        WorkflowError, match="twice was trained with other settings or other clips: choose another name"
    ):
        server.run(training("twice", learning_rate=2e-3))
    server.run(training("twice", learning_rate=2e-3, resume="start again"))


@pytest.mark.parametrize("name", ["", "../pan", "a/b", "pan?"])
def test_a_name_that_is_not_a_file_name_is_refused(server: Server, training: Callable, name: str) -> None:
    with pytest.raises(WorkflowError, match="write a file name without folders"):
        server.run(training(name))

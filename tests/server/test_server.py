"""The pack in a running ComfyUI: its files are served, its graphs are valid, its errors reach the dialog."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from tests.host.server import Server, WorkflowError
from tests.host.starts import clip, graph, in_windows, with_lora
from tests.motion_models.files.test_unsupported_files import BROKEN
from tests.server.conftest import node_of
from tests.small import SD15, Pair, save, small_pair
from tests.test_pack import INPUTS
from tests.workflows.drawing import FRONT_END_ONLY, to_prompt
from tests.workflows.files import FILES, TEMPLATES

FEW_STEPS = {"steps": 2}


def test_the_nodes_are_registered(object_info: dict[str, Any]) -> None:
    ours = {name: info for name, info in object_info.items() if name.startswith("ADXL_")}
    assert set(ours) == set(INPUTS)
    assert "tiny_motion.safetensors" in str(ours["ADXL_LoadMotionModel"]["input"]["required"]["motion_model"])


FILE_FIELDS = ("_name", "_model", "lora", "folder", "image", "file")
"""Ends of the names of inputs that name a file or folder."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_example_workflows_are_valid_in_the_host(object_info: dict[str, Any], path: Path) -> None:
    """Every node, input and value is one that this host knows; only the model files may be missing."""
    workflow = json.loads(path.read_text())
    assert [node["type"] for node in workflow["nodes"] if node["type"] not in object_info] == list(FRONT_END_ONLY)
    for node in to_prompt(workflow, object_info).values():
        definition = object_info[node["class_type"]]["input"]
        known = definition["required"] | definition.get("optional", {})
        assert set(definition["required"]) <= set(node["inputs"])
        for field, value in node["inputs"].items():
            kind, options = known[field][0], known[field][1] if len(known[field]) > 1 else {}
            choices = kind if isinstance(kind, list) else options.get("options", [])
            if choices and all(isinstance(choice, str) for choice in choices) and not field.endswith(FILE_FIELDS):
                assert value in choices
            if kind in ("INT", "FLOAT") and not isinstance(value, list):
                assert options["min"] <= value <= options["max"]


def test_example_workflows_are_in_the_template_browser(server: Server) -> None:
    assert sorted(server.get("/workflow_templates")["animatediff_xl"]) == sorted(
        path.stem for path in FILES if path.parent == TEMPLATES
    )


def test_translations_and_help_pages_are_served(server: Server) -> None:
    texts = server.get("/i18n")
    assert texts["zh"]["nodeDefs"]["ADXL_ApplyMotionModel"]["display_name"] == "应用 AnimateDiff 运动模型"
    page = server.text("/extensions/animatediff_xl/docs/ADXL_ApplyMotionModel/zh.md")
    assert page.startswith("# 应用 AnimateDiff 运动模型")
    assert server.text("/extensions/animatediff_xl/docs/ADXL_ApplyMotionModel.md").startswith(
        "# Apply AnimateDiff Motion Model"
    )


def test_a_repeated_graph_is_cached(server: Server, tiny_prompt: Callable) -> None:
    prompt = tiny_prompt(KSampler=FEW_STEPS)
    server.run(prompt)
    again = server.run(prompt)
    assert set(again.cached) >= {node_of(prompt, kind) for kind in ("ADXL_LoadMotionModel", "KSampler")}


def test_the_server_sends_reports_and_warnings(server: Server, tiny_prompt: Callable) -> None:
    prompt = tiny_prompt(ADXL_EmptyLatentFrames={"frames": 5}, KSampler={"seed": 9, "steps": 1})
    load, apply = (node_of(prompt, kind) for kind in ("ADXL_LoadMotionModel", "ADXL_ApplyMotionModel"))
    texts = server.run(prompt).texts
    assert texts[apply].splitlines() == [
        "AnimateDiff SDXL beta animates this MODEL. Beta schedule: AnimateDiff SDXL.",
        "tiny_motion.safetensors: 5 frames are too few to move well; it was trained on 16.",
    ]
    prompt[load]["inputs"]["family"] = "HotshotXL"
    assert server.run(prompt).texts[load].splitlines() == [
        "HotshotXL for SDXL.",
        "Best with 8 frames, at most 32 at once.",
        "Its authors' sampler: euler_ancestral, 30 steps, cfg 5, 8 frames of about 512 x 512.",
        "float16, 420 tensors used, 0 not.",
    ]


def test_an_interrupt_ends_the_run_and_the_next_one_works(server: Server, tiny_prompt: Callable) -> None:
    prompt_id = server.queue(tiny_prompt(KSampler={"seed": 1, "steps": 500}))
    types = []
    for event in server.events(prompt_id):
        types.append(event["type"])
        if event["type"] == "progress" and types.count("progress") == 2:
            server.post("/interrupt", {})
    assert types[-1] == "execution_interrupted"
    assert server.run(tiny_prompt(KSampler=FEW_STEPS)).files(server.output)


def test_prompts_in_turn_give_the_same_clips_as_alone(server: Server) -> None:
    """With and without motion, a MotionLoRA, windows, another family; models are unloaded once in the middle."""
    moving = graph(server, 3, steps=2)
    moving[node_of(moving, "ADXL_EmptyLatentFrames")]["inputs"] |= {"width": 64, "height": 64}
    still, hotshot = copy.deepcopy(moving), copy.deepcopy(moving)
    still[node_of(still, "KSampler")]["inputs"]["model"] = [node_of(still, "CheckpointLoaderSimple"), 0]
    hotshot[node_of(hotshot, "ADXL_LoadMotionModel")]["inputs"]["family"] = "HotshotXL"
    prompts = [still, moving, with_lora(moving), hotshot, in_windows(moving)]
    first = []
    for _ in range(len(prompts)):
        server.post("/free", {"unload_models": True, "free_memory": True})
        first.append(clip(server, prompts[len(first)]))
    assert len({frames.tobytes() for frames in first}) == len(prompts)
    for index in range(10):
        if index == 5:
            server.post("/free", {"unload_models": True, "free_memory": True})
        kind = index * 3 % len(prompts)
        assert np.array_equal(clip(server, prompts[kind]), first[kind]), (index, kind)


def refusal(server: Server, prompt: dict[str, Any]) -> str:
    with pytest.raises(WorkflowError) as raised:
        server.run(prompt)
    return str(raised.value)


@pytest.fixture(scope="module")
def pair() -> Pair:
    return small_pair()


@pytest.mark.parametrize("kind", BROKEN)
def test_the_dialog_explains_a_broken_file(server: Server, tiny_prompt: Callable, pair: Pair, kind: str) -> None:
    name, make, _ = BROKEN[kind]
    path = server.folder / "models" / "animatediff_models" / f"{quote(kind)} {name}"
    make(path, pair)
    message = refusal(server, tiny_prompt(ADXL_LoadMotionModel={"motion_model": path.name}))
    assert path.name in message
    assert len(message.splitlines()) == 1


def test_the_dialog_explains_a_motion_model_for_another_base(server: Server, tiny_prompt: Callable) -> None:
    path = server.folder / "models" / "animatediff_models" / "mm_sd_v15_v2.safetensors"
    save(small_pair(base=SD15, mid=True).motion, path)
    message = refusal(server, tiny_prompt(ADXL_LoadMotionModel={"motion_model": path.name}))
    assert "mm_sd_v15_v2.safetensors is for SD1.5, but" in message and "The file has 21 motion modules" in message
    assert "this MODEL is TinySDXL" in message and "load an SD1.5 checkpoint" in message


def test_the_dialog_explains_a_missing_motion_model(server: Server, tiny_prompt: Callable) -> None:
    message = refusal(server, tiny_prompt(ADXL_LoadMotionModel={"motion_model": "no motion model found"}))
    assert "There is no motion model 'no motion model found'" in message


def test_the_dialog_explains_too_many_frames(server: Server, tiny_prompt: Callable) -> None:
    message = refusal(server, tiny_prompt(ADXL_EmptyLatentFrames={"frames": 33}, KSampler=FEW_STEPS))
    assert "33 frames run at once" in message and "put AnimateDiff Context Windows of 16 frames" in message
    assert server.run(tiny_prompt(KSampler=FEW_STEPS)).files(server.output)

"""Prompt schedules become Prompt Travel, with their text as it was."""

from collections.abc import Callable
from typing import Any

from .graphs import CHECKPOINT, Converted, Graph, box, link, page

Convert = Callable[[Graph], Converted]
TRAVEL = "ADXL_PromptTravel"
TEXT = '0. = "a forest in spring", .66 = "a forest in autumn"'
CLIP = link("checkpoint", "CLIP", 1)


def with_latents(**inputs: Any) -> Graph:
    return {
        "checkpoint": CHECKPOINT,
        "latents": box("EmptyLatentImage", width=512, height=512, batch_size=24),
        "before": box("PrimitiveStringMultiline", value="a photo of"),
        "prompts": box(
            "ADE_PromptSchedulingLatents",
            prompts=TEXT,
            clip=CLIP,
            latent=link("latents", "LATENT"),
            prepend_text=link("before", "STRING"),
            print_schedule=False,
            tensor_interp="lerp",
            **inputs,
        ),
        "sampler": box(
            "KSampler", seed=1, positive=link("prompts", "CONDITIONING"), latent_image=link("prompts", "LATENT", 1)
        ),
    }


def test_a_prompt_schedule_becomes_prompt_travel(converted: Convert) -> None:
    result = converted(with_latents())
    travel = result.inputs(TRAVEL)
    assert (travel["prompts"], travel["frames"]) == (TEXT, 24)
    assert travel["clip"] == ("CheckpointLoaderSimple", 1)
    assert travel["before"] == ("PrimitiveStringMultiline", 0) and travel["after"] == ""
    assert (travel["interpolation"], travel["mix"], travel["closed_loop"]) == ("linear", "text", False)
    sampler = result.inputs("KSampler")
    assert (sampler["positive"], sampler["latent_image"]) == ((TRAVEL, 0), ("EmptyLatentImage", 0))
    assert "change is even now" in result.said("ADE_PromptSchedulingLatents")


def test_frames_are_the_length_or_follow_from_the_last_prompt(converted: Convert) -> None:
    graph = {"checkpoint": CHECKPOINT, "sampler": box("KSampler", seed=1, positive=link("prompts", "CONDITIONING"))}
    text = '"0": "a cat", "31": "a dog"'
    prompts = {"prompts": text, "print_schedule": False, "max_length": 48, "tensor_interp": "slerp"}
    graph["prompts"] = box("ADE_PromptScheduling", **prompts, clip=CLIP)
    result = converted(graph)
    assert result.inputs(TRAVEL)["frames"] == 48
    assert "slerp" in result.said("ADE_PromptScheduling")
    graph["prompts"].values["max_length"] = 0
    assert converted(graph).inputs(TRAVEL)["frames"] == 32


def test_older_prompt_schedules_have_their_texts_as_widgets() -> None:
    graph = with_latents()
    del graph["prompts"].links["prepend_text"]
    graph = page(graph)
    node = next(node for node in graph["nodes"] if node["type"] == "ADE_PromptSchedulingLatents")
    node["widgets_values"] = [TEXT, "a photo of", "4k", False, "lerp"]
    travel = Converted(graph).inputs(TRAVEL)
    assert (travel["before"], travel["after"]) == ("a photo of", "4k")

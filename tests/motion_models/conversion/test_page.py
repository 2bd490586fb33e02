"""What only graphs of the page have: reroutes, bypassed and muted nodes, subgraphs, places, ids, and older formats."""

import copy
from typing import Any

import pytest
from animatediff_xl.motion_models.conversion.convert import convert

from .graphs import Box, Converted, box, gen2, link, page, with_settings

LOAD, APPLY, LORA, WINDOWS = (
    "ADXL_LoadMotionModel",
    "ADXL_ApplyMotionModel",
    "ADXL_LoadMotionLoRA",
    "ADXL_ContextWindows",
)
BYPASSED, MUTED = 4, 2


def test_reroutes_and_named_links_are_followed() -> None:
    graph = gen2()
    graph["reroute"] = box("Reroute", **{"": link("load", "MOTION_MODEL_ADE")})
    graph["set"] = box("SetNode", MOTION_MODEL_ADE=link("reroute", "*"), name="motion")
    graph["get"] = box("GetNode", name="motion")
    graph["apply"] = Box(graph["apply"].kind, {}, {"motion_model": link("get", "MOTION_MODEL_ADE")})
    result = Converted(page(graph))
    assert result.inputs(APPLY)["motion_model"] == (LOAD, 0)


def test_bypassed_options_pass_on_and_muted_ones_are_gone() -> None:
    graph = gen2(motion_lora=link("second", "MOTION_LORA"))
    graph["first"] = box("ADE_AnimateDiffLoRALoader", name="pan.ckpt", strength=1.0)
    graph["second"] = box(
        "ADE_AnimateDiffLoRALoader",
        mode=BYPASSED,
        name="zoom.ckpt",
        strength=1.0,
        prev_motion_lora=link("first", "MOTION_LORA"),
    )
    result = Converted(page(graph))
    assert [inputs["lora"] for kind, inputs in result.nodes.values() if kind == LORA] == ["pan.ckpt"]
    assert result.said("ADE_AnimateDiffLoRALoader").count("was bypassed or muted") == 1
    muted = {**graph, "second": Box(graph["second"].kind, graph["second"].values, graph["second"].links, MUTED)}
    assert LORA not in Converted(page(muted)).kinds


def test_a_bypassed_loader_gives_bypassed_nodes() -> None:
    graph = gen2()
    graph["use"] = Box(graph["use"].kind, graph["use"].values, graph["use"].links, BYPASSED)
    nodes = convert(page(graph))["graph"]["nodes"]
    assert [node["mode"] for node in nodes if node["type"] == APPLY] == [BYPASSED]


def test_the_rest_of_a_graph_stays_as_it_is() -> None:
    graph = page(gen2())
    graph |= {"groups": [{"title": "motion"}], "extra": {"ds": {"scale": 1}}, "id": "a-b"}
    before = copy.deepcopy(graph)
    result = convert(graph)["graph"]
    assert graph == before
    assert (result["groups"], result["extra"], result["id"]) == (graph["groups"], graph["extra"], "a-b")
    (sampler,) = [node for node in result["nodes"] if node["type"] == "KSampler"]
    (original,) = [node for node in graph["nodes"] if node["type"] == "KSampler"]
    assert {**sampler, "inputs": []} == {**original, "inputs": []}


def test_new_nodes_stand_where_theirs_stood() -> None:
    graph = page(gen2())
    places = {node["type"]: node["pos"] for node in graph["nodes"]}
    made = {node["type"]: node["pos"] for node in convert(graph)["graph"]["nodes"]}
    assert made[LOAD] == places["ADE_LoadAnimateDiffModel"]
    assert made[APPLY] == places["ADE_UseEvolvedSampling"]


DRIFT = {
    "a value of a hidden widget at the end": ("ADE_LoadAnimateDiffModel", ["file.ckpt", ""]),
    "values by name": ("ADE_LoadAnimateDiffModel", {"model_name": "file.ckpt"}),
}


@pytest.mark.parametrize("drift", DRIFT)
def test_values_are_read_however_they_were_saved(drift: str) -> None:
    kind, values = DRIFT[drift]
    graph = page(gen2())
    next(node for node in graph["nodes"] if node["type"] == kind)["widgets_values"] = values
    assert Converted(graph).inputs(LOAD)["motion_model"] == "file.ckpt"


def test_older_names_of_inputs_are_known() -> None:
    graph = gen2()
    graph["use"] = box(
        "ADE_AnimateDiffLoaderWithContext",
        model_name="mm.ckpt",
        beta_schedule="autoselect",
        motion_scale=1.0,
        apply_v2_models_properly=False,
        model=link("checkpoint", "MODEL"),
        motion_model_settings=link("settings", "MOTION_MODEL_SETTINGS"),
    )
    graph["settings"] = box("ADE_AnimateDiffModelSettings_Release", min_motion_scale=1.0, max_motion_scale=1.2)
    del graph["apply"], graph["load"]
    assert Converted(page(graph)).inputs("ADXL_MotionOptions")["sharpness"] == 1.2


def test_a_file_from_another_system_is_found_by_its_name() -> None:
    graph = page(gen2())
    graph["nodes"][1]["widgets_values"] = ["sd15\\mm.ckpt"]
    files = {"animatediff_models": ["other.ckpt", "motion/mm.ckpt"]}
    made = convert(graph, files)["graph"]["nodes"]
    assert next(node for node in made if node["type"] == LOAD)["widgets_values"][0] == "motion/mm.ckpt"


def subgraph(
    nodes: dict[str, Any], inputs: list[Any], outputs: list[Any], extra: list[dict[str, Any]]
) -> dict[str, Any]:
    """A subgraph as the page saves it. nodes: a page. extra: links to the border."""
    names = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    links = [dict(zip(names, fields, strict=True)) for fields in nodes["links"]] + extra
    for fields in extra:
        for node in nodes["nodes"]:
            if node["id"] == fields["target_id"]:
                node["inputs"][fields["target_slot"]]["link"] = fields["id"]
            if node["id"] == fields["origin_id"]:
                node["outputs"][fields["origin_slot"]]["links"].append(fields["id"])
    sides = {
        side: [{"name": name, "type": kind, "linkIds": ids} for name, kind, ids in sockets]
        for side, sockets in (("inputs", inputs), ("outputs", outputs))
    }
    return {
        "id": "the-subgraph",
        "name": "Motion",
        "nodes": nodes["nodes"],
        "links": links,
        **sides,
        "inputNode": {"id": -10},
        "outputNode": {"id": -20},
        "state": {"lastNodeId": 20, "lastLinkId": 60},
    }


def border(number: int, origin: tuple[int, int], target: tuple[int, int], kind: str) -> dict[str, Any]:
    return {
        "id": number,
        "origin_id": origin[0],
        "origin_slot": origin[1],
        "target_id": target[0],
        "target_slot": target[1],
        "type": kind,
    }


def in_root(level: dict[str, Any], **links: tuple[str, int, str]) -> dict[str, Any]:
    graph = {
        "checkpoint": box("CheckpointLoaderSimple", ckpt_name="a.safetensors"),
        "motion": box("the-subgraph", **links),
        "sampler": box("KSampler", seed=1, model=link("motion", "MODEL")),
    }
    return page(graph, first=30) | {"definitions": {"subgraphs": [level]}}


def test_nodes_in_a_subgraph_are_converted_there() -> None:
    inner = {
        "use": box(
            "ADE_AnimateDiffLoaderGen1", model_name="mm.ckpt", beta_schedule="autoselect", model=link("use", "MODEL")
        ),
        "extra": box("OtherPack", value=link("use", "MODEL")),
    }
    nodes = page(inner)
    nodes["links"] = nodes["links"][1:]
    extra = [border(50, (-10, 0), (1, 0), "MODEL"), border(51, (1, 0), (-20, 0), "MODEL")]
    level = subgraph(nodes, [("model", "MODEL", [50])], [("MODEL", "MODEL", [51])], extra)
    graph = in_root(level, model=link("checkpoint", "MODEL"))
    result = convert(graph)
    (made,) = result["graph"]["definitions"]["subgraphs"]
    kinds = {node["id"]: node["type"] for node in made["nodes"]}
    assert sorted(kinds.values()) == [APPLY, LOAD, "OtherPack"]
    ends = {(fields["origin_id"], fields["target_id"]) for fields in made["links"]}
    applied = next(number for number, kind in kinds.items() if kind == APPLY)
    assert {(-10, applied), (applied, -20)} <= ends
    assert result["report"][0]["id"].startswith("Motion/")
    assert made["state"]["lastNodeId"] >= max(kinds)
    assert len({node["id"] for node in [*result["graph"]["nodes"], *made["nodes"]]}) == 6
    numbers = {fields["origin_id"]: fields["id"] for fields in made["links"] if fields["target_id"] != 2}
    assert made["inputs"][0]["linkIds"] == [numbers[-10]] and made["outputs"][0]["linkIds"] == [numbers[applied]]


def test_a_subgraph_whose_border_their_links_cross_is_unpacked() -> None:
    inner = page(
        {
            "load": box("ADE_LoadAnimateDiffModel", model_name="mm.ckpt"),
            "apply": box(
                "ADE_ApplyAnimateDiffModelSimple",
                motion_model=link("load", "MOTION_MODEL_ADE"),
                motion_lora=link("load", "MOTION_LORA"),
            ),
            "out": box("OtherPack", value=link("apply", "M_MODELS")),
        }
    )
    inner["links"] = [fields for fields in inner["links"] if fields[5] != "MOTION_LORA"]
    extra = [border(50, (-10, 0), (2, 1), "MOTION_LORA"), border(51, (2, 0), (-20, 0), "M_MODELS")]
    level = subgraph(inner, [("lora", "MOTION_LORA", [50])], [("M_MODELS", "M_MODELS", [51])], extra)
    graph = {
        "checkpoint": box("CheckpointLoaderSimple", ckpt_name="a.safetensors"),
        "pan": box("ADE_AnimateDiffLoRALoader", name="pan.ckpt", strength=0.5),
        "motion": box("the-subgraph", lora=link("pan", "MOTION_LORA")),
        "use": box(
            "ADE_UseEvolvedSampling",
            beta_schedule="autoselect",
            model=link("checkpoint", "MODEL"),
            m_models=link("motion", "M_MODELS"),
        ),
        "sampler": box("KSampler", seed=1, model=link("use", "MODEL")),
    }
    root = page(graph, first=30) | {"definitions": {"subgraphs": [level]}}
    result = Converted(root)
    applied = result.inputs(APPLY)
    assert (applied["motion_model"], applied["motion_lora"]) == ((LOAD, 0), (LORA, 0))
    assert result.inputs("KSampler")["model"] == (APPLY, 0)
    assert "the-subgraph" not in result.kinds and not result.graph["definitions"]["subgraphs"]
    assert "unpacked" in result.said("Motion")


def test_their_nodes_in_old_node_groups_are_named() -> None:
    graph = page({"checkpoint": box("CheckpointLoaderSimple", ckpt_name="a")})
    graph["extra"] = {"groupNodes": {"motion": {"nodes": [{"type": "ADE_UseEvolvedSampling"}]}}}
    (entry,) = convert(graph)["report"]
    assert entry["node"] == "ADE_UseEvolvedSampling" and "motion" in entry["what"]


def test_only_the_first_of_two_context_options_is_used() -> None:
    graph = with_settings(gen2(), context_options=link("late", "CONTEXT_OPTIONS"))
    graph["early"] = box("ADE_StandardStaticContextOptions", context_length=16, context_overlap=4)
    graph["late"] = box(
        "ADE_StandardUniformContextOptions",
        context_length=24,
        context_stride=1,
        context_overlap=6,
        fuse_method="pyramid",
        use_on_equal_length=False,
        start_percent=0.5,
        guarantee_steps=1,
        prev_context=link("early", "CONTEXT_OPTIONS"),
    )
    result = Converted(page(graph))
    assert result.inputs(WINDOWS)["context_length"] == 16
    assert "left out" in result.said("ADE_StandardUniformContextOptions")

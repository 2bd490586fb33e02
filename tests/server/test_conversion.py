"""Graphs of AnimateDiff-Evolved in a running ComfyUI: the route, and ComfyUI's own replacement."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from animatediff_xl.motion_models.conversion.tables.made_nodes import MADE, OURS

from tests.host.server import Server
from tests.motion_models.conversion.graphs import api, box, gen2, page
from tests.server.conftest import node_of

ROUTE = "/animatediff_xl/convert"


def post(server: Server, content: bytes) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(server.address + ROUTE, content, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


@pytest.mark.parametrize("kind", MADE)
def test_nodes_that_are_made_are_those_of_the_host(object_info: dict[str, Any], kind: str) -> None:
    """Names, types and orders, by which the page reads the values of a graph. There can be more, at the end."""
    made, info = MADE[kind], object_info[kind]
    fields = info["input"].get("required", {}) | info["input"].get("optional", {})
    order = [name for part in ("required", "optional") for name in info["input_order"].get(part, [])]
    assert made.sockets.items() <= {name: field[0] for name, field in fields.items()}.items()
    assert [name for name in order if name not in made.sockets][: len(made.widgets)] == list(made.widgets)
    outputs = [kind for _, kind in made.outputs]
    assert info["output"][: len(outputs)] == outputs
    if made.pack == OURS:
        assert info["display_name"] == made.title
        choices = {name: field[1].get("default") for name, field in fields.items() if len(field) > 1}
        defaults = {name: value for name, value in made.widgets.items() if value != ""}
        assert defaults == {name: choices[name] for name in defaults}


def test_the_route_converts_both_formats(server: Server) -> None:
    for graph in (page(gen2()), api(gen2())):
        status, reply = post(server, json.dumps({"graph": graph}).encode())
        assert status == 200 and set(reply) == {"graph", "report"}
        assert "ADXL_ApplyMotionModel" in json.dumps(reply["graph"])
        assert {entry["node"] for entry in reply["report"]} == {
            "ADE_UseEvolvedSampling",
            "ADE_LoadAnimateDiffModel",
            "ADE_ApplyAnimateDiffModelSimple",
        }


@pytest.mark.parametrize("content", [b"", b"[]", b'{"graph": 3}', b'{"graph": {"nodes": [1]}}', b"[" * 100_000])
def test_the_route_refuses_with_a_sentence(server: Server, content: bytes) -> None:
    status, reply = post(server, content)
    assert status == 400
    assert set(reply) == {"error"} and reply["error"][0].isupper() and "Traceback" not in reply["error"]


def test_a_converted_graph_runs(server: Server, tiny_prompt: Any) -> None:
    prompt = tiny_prompt(KSampler={"steps": 1})
    apply = node_of(prompt, "ADXL_ApplyMotionModel")
    model = prompt[apply]["inputs"]["model"]
    file = prompt[node_of(prompt, "ADXL_LoadMotionModel")]["inputs"]["motion_model"]
    theirs = api(gen2() | {"context": box("ADE_StandardStaticContextOptions", context_length=8, context_overlap=2)})
    names = dict(zip(gen2(), theirs, strict=False))
    theirs = {f"1{number}": theirs[number] for number in (names["load"], names["apply"], "6")}
    theirs[f"1{names['load']}"]["inputs"]["model_name"] = f"somewhere\\{file}"
    theirs[f"1{names['apply']}"]["inputs"] = {"motion_model": [f"1{names['load']}", 0]}
    prompt |= theirs
    prompt[apply] = {
        "class_type": "ADE_UseEvolvedSampling",
        "inputs": {
            "model": model,
            "beta_schedule": "autoselect",
            "m_models": [f"1{names['apply']}", 0],
            "context_options": ["16", 0],
        },
    }
    status, reply = post(server, json.dumps({"graph": prompt}).encode())
    assert status == 200
    assert reply["graph"][node_of(reply["graph"], "ADXL_ContextWindows")]["inputs"]["context_length"] == 8
    assert server.run(reply["graph"]).outputs


def test_comfyui_replaces_large_empty_latents_itself(server: Server) -> None:
    prompt = {
        "1": {
            "class_type": "ADE_EmptyLatentImageLarge",
            "inputs": {"width": 64, "height": 64, "batch_size": 3},
            "_meta": {"title": ""},
        },
        "2": {
            "class_type": "SaveLatent",
            "inputs": {"samples": ["1", 0], "filename_prefix": "large"},
            "_meta": {"title": ""},
        },
    }
    assert server.run(prompt).outputs
    assert server.get("/node_replacements")["ADE_EmptyLatentImageLarge"][0]["new_node_id"] == "EmptyLatentImage"

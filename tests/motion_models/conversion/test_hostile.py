"""Any JSON gives a graph with a report, or one clear sentence, within a second."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from animatediff_xl.motion_models.conversion.convert import MOST_OF_THEIRS, convert
from animatediff_xl.motion_models.conversion.formats.graph import MOST_NODES
from animatediff_xl.motion_models.conversion.rules.rules import RULES
from animatediff_xl.motion_models.conversion.tables.their_nodes import THEIR_WIDGETS
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.json_text import MOST_BYTES, json_of, read_json
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .graphs import api, box, gen2, link, page, with_settings

CASES, NIGHTLY = 300, 5_000
SECONDS = 5.0

NAMES = st.sampled_from(
    sorted({name for widgets in THEIR_WIDGETS.values() for name in widgets})
    + [
        "model",
        "m_models",
        "motion_model",
        "prev_m_models",
        "context_options",
        "prev_context",
        "context_opts",
        "motion_lora",
        "prev_motion_lora",
        "effect_multival",
        "scale_multival",
        "floats",
        "FLOAT",
        "ad_keyframes",
        "prev_ad_keyframes",
        "sample_settings",
        "custom_cfg",
        "prev_custom_cfg",
        "cfg_multival",
        "cfg_extras",
        "prev_extras",
        "iteration_opts",
        "per_block",
        "down",
        "effect",
        "latent",
        "latents",
        "clip",
        "images",
        "sigma_schedule",
        "ad_settings",
        "pe_adjust",
        "mask",
        "mask_optional",
        "",
        "x",
    ]
)
KINDS = st.sampled_from(
    [*RULES, *THEIR_WIDGETS, "KSampler", "Reroute", "GetNode", "SetNode", "ADE_New", "the-subgraph"]
)
SMALL = st.integers(-2, 8)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | SMALL,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6) | NAMES, inner, max_size=4),
    max_leaves=8,
)
ID = SMALL | st.text(max_size=2)
TYPES = st.sampled_from(["MODEL", "M_MODELS", "MULTIVAL", "CONTEXT_OPTIONS", "*"])
SOCKETS = st.lists(
    st.fixed_dictionaries({"name": NAMES, "type": TYPES, "link": SMALL | ANY}, optional={"links": ANY}) | ANY,
    max_size=4,
)
NODE = st.fixed_dictionaries(
    {"id": ID, "type": KINDS | ANY},
    optional={
        "inputs": SOCKETS | ANY,
        "outputs": SOCKETS | ANY,
        "widgets_values": ANY | st.lists(ANY, max_size=8),
        "mode": SMALL | ANY,
        "pos": ANY,
        "order": ANY,
    },
)
LINK = st.tuples(SMALL, ID, SMALL, ID, SMALL, TYPES).map(list) | ANY
LEVEL = {"nodes": st.lists(NODE | ANY, max_size=8), "links": st.lists(LINK, max_size=8) | ANY}
SUBGRAPH = st.fixed_dictionaries(
    LEVEL | {"id": st.just("the-subgraph")}, optional={"inputs": SOCKETS, "outputs": SOCKETS}
)
PAGE = st.fixed_dictionaries(
    LEVEL,
    optional={
        "definitions": st.fixed_dictionaries({"subgraphs": st.lists(SUBGRAPH | ANY, max_size=2)}) | ANY,
        "extra": ANY,
        "last_node_id": ANY,
        "state": ANY,
    },
)
NUMBERS = st.sampled_from([str(number) for number in range(8)])
INPUTS = st.dictionaries(NAMES, st.tuples(NUMBERS, st.integers(0, 2)).map(list) | ANY, max_size=6)
API = st.dictionaries(
    NUMBERS | st.text(max_size=3),
    st.fixed_dictionaries({"class_type": KINDS, "inputs": INPUTS})
    | st.fixed_dictionaries({"class_type": KINDS, "inputs": ANY}),
    max_size=8,
)


def check(graph: Any) -> None:
    before = repr(graph)
    started = time.perf_counter()
    try:
        result = convert(graph)
    except MotionError as error:
        assert "Traceback" not in str(error) and len(str(error)) < 2000
        assert str(error)[0].isupper() and str(error).rstrip()[-1] in ".)"
    else:
        assert set(result) == {"graph", "report"}
        assert all(set(entry) == {"node", "id", "what", "advice"} for entry in result["report"])
        assert all(isinstance(text, str) for entry in result["report"] for text in entry.values())
    assert time.perf_counter() - started < SECONDS
    assert repr(graph) == before


@settings(
    max_examples=CASES, deadline=timedelta(seconds=SECONDS), derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(PAGE | API | ANY)
def test_any_json_gives_a_graph_or_a_sentence(graph: Any) -> None:
    check(graph)


@pytest.mark.nightly
@settings(max_examples=NIGHTLY, deadline=timedelta(seconds=SECONDS), suppress_health_check=list(HealthCheck))
@given(PAGE | API | ANY)
def test_any_of_many_json_gives_a_graph_or_a_sentence(graph: Any) -> None:
    check(graph)


CIRCLES = {
    "motion models": {
        "apply": box(
            "ADE_ApplyAnimateDiffModel",
            motion_model=link("load", "MOTION_MODEL_ADE"),
            prev_m_models=link("apply", "M_MODELS"),
        )
    },
    "reroutes": {"apply": box("Reroute", x=link("apply", "M_MODELS"))},
    "MotionLoRAs": {
        "apply": box(
            "ADE_ApplyAnimateDiffModelSimple",
            motion_model=link("load", "MOTION_MODEL_ADE"),
            motion_lora=link("lora", "MOTION_LORA"),
        ),
        "lora": box("ADE_AnimateDiffLoRALoader", name="a", strength=1.0, prev_motion_lora=link("lora", "MOTION_LORA")),
    },
}


@pytest.mark.parametrize("circle", CIRCLES)
@pytest.mark.parametrize("written", [page, api])
def test_nodes_in_a_circle_are_refused(circle: str, written: Any) -> None:
    with pytest.raises(MotionError, match="connected in a circle"):
        convert(written(gen2() | CIRCLES[circle]))


def test_a_subgraph_within_itself_is_refused() -> None:
    level = {
        "id": "the-subgraph",
        "nodes": [{"id": 1, "type": "the-subgraph"}],
        "links": [],
        "inputs": [{"name": "motion", "type": "M_MODELS"}],
    }
    graph = {"nodes": [{"id": 2, "type": "the-subgraph"}], "links": [], "definitions": {"subgraphs": [level]}}
    with pytest.raises(MotionError, match="nested too deeply"):
        convert(graph)


LARGE = {
    "nodes": {"nodes": [{"id": number, "type": "KSampler"} for number in range(MOST_NODES + 1)], "links": []},
    "links": {"nodes": [], "links": [[number, 1, 0, 2, 0, "*"] for number in range(60_000)]},
    "their nodes": {str(n): {"class_type": "ADE_UseEvolvedSampling", "inputs": {}} for n in range(MOST_OF_THEIRS + 1)},
}


@pytest.mark.parametrize("large", LARGE)
def test_a_graph_that_is_too_large_is_refused(large: str) -> None:
    with pytest.raises(MotionError, match="too large"):
        convert(LARGE[large])


@pytest.mark.parametrize("written", [page, api])
def test_the_largest_graph_takes_seconds(written: Any) -> None:
    """As many of their nodes as are possible, in one chain of MotionLoRAs, beside as many others."""
    graph = gen2(motion_lora=link("lora 900", "MOTION_LORA"))
    for number in range(901):
        previous = {"prev_motion_lora": link(f"lora {number - 1}", "MOTION_LORA")} if number else {}
        graph[f"lora {number}"] = box("ADE_AnimateDiffLoRALoader", name="a", strength=1.0, **previous)
    for number in range(8_000):
        graph[f"note {number}"] = box("Note", text="")
    plain = written(graph)
    started = time.perf_counter()
    assert len(convert(plain)["report"]) > 900
    assert time.perf_counter() - started < 2 * SECONDS


def test_long_texts_take_no_time() -> None:
    graph = with_settings(gen2(effect_multival=link("effect", "MULTIVAL")), beta_schedule="x" * 100_000)
    graph["effect"] = box("ADE_MultivalDynamicFloats", floats=link("values", "FLOATS", 1))
    for text in (" " * 300_000 + "x", "0 = 1," * 60_000, '"' * 300_000, "9" * 300_000, "0:999999 = 1, " * 20_000):
        graph["values"] = box("ADE_ValueScheduling", values=text, print_schedule=False, max_length=0)
        check(api(graph))


BROKEN = [b"", b"{", b"[" * 200_000, b'{"a": NaN}', b"\xff\xfe", b'{"a": Infinity}', b" " * (MOST_BYTES + 1)]


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_broken_json_is_refused(content: bytes) -> None:
    with pytest.raises(MotionError):
        read_json(content)


def test_deep_values_come_back_or_are_refused() -> None:
    deep: Any = []
    for _ in range(5_000):
        deep = [deep]
    graph = page(gen2())
    graph["nodes"][0]["properties"] = deep
    result = convert(graph)
    with pytest.raises(MotionError, match="nested too deeply"):
        json_of(result["graph"])
    assert json.loads(json_of(convert(page(gen2()))["graph"]))

"""Templates: they open whole, as their files say, and have a picture."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.host.server import Server
from tests.workflows.drawing import to_prompt
from tests.workflows.files import TEMPLATES

from .graph import Graph
from .page import ComfyPage

NAMES = sorted(path.stem for path in TEMPLATES.glob("*.json"))
SERVED = "/api/workflow_templates/animatediff_xl"


def test_the_server_lists_the_templates(server: Server) -> None:
    assert sorted(server.get("/workflow_templates")["animatediff_xl"]) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_template_opens_with_the_values_of_its_file(
    comfy: ComfyPage, graph: Graph, server: Server, object_info: dict[str, Any], name: str
) -> None:
    served = server.get(f"{SERVED}/{quote(name)}.json")
    graph.load(served)
    known = comfy.evaluate("() => Object.keys(LiteGraph.registered_node_types)")
    assert [kind for kind in graph.kinds() if kind not in known] == []
    sent = graph.prompt()
    for number, node in to_prompt(json.loads((TEMPLATES / f"{name}.json").read_text()), object_info).items():
        assert sent[number]["class_type"] == node["class_type"]
        assert node["inputs"].items() <= sent[number]["inputs"].items()


@pytest.mark.parametrize("name", NAMES)
def test_a_template_has_a_picture(comfy: ComfyPage, name: str) -> None:
    width = comfy.evaluate(
        """async address => {
            const picture = new Image()
            picture.src = address
            await picture.decode().catch(() => {})
            return picture.naturalWidth
        }""",
        f"{SERVED}/{quote(name)}.jpg",
    )
    assert width >= 200


def test_a_template_opens_from_the_template_dialog(comfy: ComfyPage, graph: Graph) -> None:
    comfy.command("Comfy.BrowseTemplates")
    dialog = comfy.page.get_by_role("dialog")
    dialog.get_by_text("animatediff_xl", exact=True).first.click()
    dialog.get_by_test_id(f"template-workflow-{NAMES[0]}").click()
    comfy.until(lambda: "ADXL_ApplyMotionModel" in graph.kinds(), "the template does not open")

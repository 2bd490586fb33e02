"""One ComfyUI server for all tests of this folder."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import COMFYUI, DYNAMIC_VRAM
from tests.host.server import Server, serving
from tests.workflows.drawing import to_prompt
from tests.workflows.files import TINY_WORKFLOW

Prompt = dict[str, dict[str, Any]]
Report = Callable[[str], None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run server tests last, and mark them."""
    here = Path(__file__).parent
    ours = [item for item in items if here in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.server)
    items.sort(key=lambda item: here in item.path.parents)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(COMFYUI, tmp_path_factory.mktemp("comfyui"), "--cpu", dynamic_vram=DYNAMIC_VRAM) as running:
        yield running


@pytest.fixture(scope="session")
def object_info(server: Server) -> dict[str, Any]:
    return server.get("/object_info")


@pytest.fixture(scope="session")
def tiny_prompt(object_info: dict[str, Any]) -> Callable[..., Prompt]:
    """Makes the prompt of the tiny example workflow, with changed inputs: `class type=dict of inputs`.

    CLIPTextEncode means the positive one.
    """
    original = to_prompt(json.loads(TINY_WORKFLOW.read_text()), object_info)

    def make(**changes: dict[str, Any]) -> Prompt:
        prompt = copy.deepcopy(original)
        for kind, inputs in changes.items():
            changed = next(node for node in prompt.values() if node["class_type"] == kind)
            changed["inputs"] |= inputs
        return prompt

    return make


def node_of(prompt: Prompt, kind: str) -> str:
    """The id of the node of a class."""
    return next(name for name, node in prompt.items() if node["class_type"] == kind)

"""One ComfyUI with its own front end and one Chromium for all tests of this folder, and a fresh page for each file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.conftest import COMFYUI, DYNAMIC_VRAM
from tests.host.front_end import front_end
from tests.host.server import Server, serving

from .chromium import NONE, chromium
from .graph import Graph
from .page import ComfyPage, Renderer
from .runs import Runs

SETTINGS = {
    "Comfy.Locale": "en",
    "Comfy.TutorialCompleted": True,  # else the page opens its templates by itself
    "Comfy.Window.UnloadConfirmation": False,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browsers come last, and carry their mark."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
    items.sort(key=lambda item: here in item.path.parents)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("comfyui")
    settings = folder / "user" / "default" / "comfy.settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps(SETTINGS))
    flags = ("--cpu", "--front-end-root", str(front_end(COMFYUI)))
    with serving(COMFYUI, folder, *flags, dynamic_vram=DYNAMIC_VRAM) as running:
        yield running


@pytest.fixture
def object_info(server: Server) -> dict[str, Any]:
    """What the page lists when it opens: a training before may have added files."""
    return server.get("/object_info")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = chromium(playwright)
        if not path:
            pytest.fail(NONE, pytrace=False)
        running = playwright.chromium.launch(executable_path=path)
        yield running
        running.close()


@pytest.fixture(scope="module")
def opened(browser: Browser, server: Server) -> Iterator[ComfyPage]:
    """The page, opened once for a file of tests."""
    comfy = ComfyPage(browser, server.address)
    comfy.open()
    yield comfy
    comfy.context.close()


@pytest.fixture
def comfy(opened: ComfyPage) -> ComfyPage:
    """The page with an empty graph."""
    opened.blank()
    opened.use("classic")
    return opened


@pytest.fixture
def graph(comfy: ComfyPage) -> Graph:
    return Graph(comfy)


@pytest.fixture
def runs(comfy: ComfyPage, server: Server) -> Runs:
    return Runs(comfy, server)


@pytest.fixture(params=["classic", "vue"])
def renderer(request: pytest.FixtureRequest, comfy: ComfyPage) -> Renderer:
    """The test runs with each renderer of nodes."""
    comfy.use(request.param)
    return request.param

"""The page of ComfyUI in a browser: opening it, its settings and commands, and what it complains about."""

import re
from collections.abc import Callable
from typing import Any, Literal

from playwright.sync_api import Browser, ConsoleMessage, Page, Response

Renderer = Literal["classic", "vue"]

WAIT_MS = 60_000
POLL_MS = 50
SIZE = {"width": 1600, "height": 1000}
READY = "id => Boolean(window.app?.extensionManager && window.LiteGraph?.registered_node_types[id])"
DIALOGS = "[role=dialog]:visible"
OF_THE_PACK = re.compile("adxl|animatediff", re.IGNORECASE)


class ComfyPage:
    def __init__(self, browser: Browser, address: str):
        self.context = browser.new_context(viewport=SIZE, locale="en-US")
        self.context.set_default_timeout(WAIT_MS)
        self.page: Page = self.context.new_page()
        self.address = address
        self.complaints: list[str] = []
        """Errors of the console and of the server that name this pack."""
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self._complain(f"{error} {error.stack}"))
        self.page.on("response", self._reply)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._complain(f"{message.text} {message.location.get('url')}")

    def _reply(self, response: Response) -> None:
        if response.status >= 400:
            self._complain(f"{response.status} {response.url}")

    def _complain(self, text: str) -> None:
        if OF_THE_PACK.search(text):
            self.complaints.append(text)

    def open(self) -> None:
        """Open the page, or open it again as a reload does."""
        self.page.goto(self.address, wait_until="domcontentloaded")
        self.page.wait_for_function(READY, arg="ADXL_LoadMotionModel")
        self.page.get_by_test_id("queue-button").wait_for()
        self.until(lambda: self.evaluate("() => Boolean(app.extensionManager.workflow.activeWorkflow)"), "no workflow")

    def evaluate(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(script, argument)

    def until(self, condition: Callable[[], Any], otherwise: str, milliseconds: int = WAIT_MS) -> Any:
        """Wait until a condition gives something true, and give that. Fail with a sentence if it never does."""
        for _ in range(milliseconds // POLL_MS):
            found = condition()
            if found:
                return found
            self.page.wait_for_timeout(POLL_MS)
        raise AssertionError(otherwise)

    def set_setting(self, name: str, value: Any) -> None:
        self.evaluate("([name, value]) => app.extensionManager.setting.set(name, value)", [name, value])

    def use(self, renderer: Renderer) -> None:
        """Draw nodes on the canvas, or as Vue components."""
        self.set_setting("Comfy.VueNodes.Enabled", renderer == "vue")
        self.until(lambda: self.evaluate("() => Boolean(LiteGraph.vueNodesMode)") == (renderer == "vue"), renderer)

    def command(self, name: str) -> None:
        """Start a command of the page's menus. It may go on when this returns."""
        self.evaluate("name => { app.extensionManager.command.execute(name) }", name)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def close_dialogs(self) -> None:
        """Close what lies over the page and would take every click."""

        def closed() -> bool:
            if not self.page.locator(DIALOGS).count():
                return True
            self.press("Escape")
            return False

        self.until(closed, "a dialog does not close")

    def blank(self) -> None:
        """An empty graph in a new tab, with no dialog in the way."""
        self.close_dialogs()
        self.evaluate("() => app.extensionManager.command.execute('Comfy.NewBlankWorkflow')")
        self.until(lambda: self.evaluate("() => app.graph.nodes.length === 0"), "the graph is not empty")

"""The timeline of a node in the page: its keys, and what a person does with them."""

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator

from .graph import Graph
from .page import ComfyPage

PROMPTS, STRENGTHS = "ADXL_PromptTravel", "ADXL_StrengthSchedule"
TEXTS = {PROMPTS: "prompts", STRENGTHS: "points"}


@dataclass
class Timeline:
    comfy: ComfyPage
    graph: Graph
    kind: str

    @property
    def root(self) -> Locator:
        return self.comfy.page.locator("[data-testid=animatediff-timeline]:visible")

    @property
    def keys(self) -> Locator:
        return self.root.get_by_role("slider")

    def positions(self) -> list[float]:
        return self.keys.evaluate_all("keys => keys.map(key => Number(key.getAttribute('aria-valuenow')))")

    def until_drawn(self, *positions: float) -> None:
        self.comfy.until(lambda: self.positions() == list(positions), f"the keys {positions} are not drawn")

    def write(self, text: str, *positions: float) -> None:
        """Write the text of the node, and wait for the keys that are drawn."""
        self.graph.set(self.kind, **{TEXTS[self.kind]: text})
        self.until_drawn(*positions)

    def text(self) -> Any:
        return self.graph.sent(self.kind)[TEXTS[self.kind]]

    def until_text(self, text: str) -> None:
        self.comfy.until(lambda: self.text() == text, f"{text!r} is not sent, but {self.text()!r}")

    def message(self) -> str:
        return self.root.get_by_role("status").inner_text()

    def middle(self, key: int) -> tuple[float, float]:
        box = self.keys.nth(key).bounding_box()
        assert box
        return box["x"] + box["width"] / 2, box["y"] + min(box["height"] / 2, 8)

    def column(self) -> float:
        """Width of a frame on the page."""
        box = self.root.locator(".adxl-track").bounding_box()
        end = float(self.keys.first.get_attribute("aria-valuemax") or "nan")
        assert box
        return box["width"] / (end + 1)

    def drag(self, key: int, frames: float, pixels: float = 0, touch: bool = False) -> None:
        x, y = self.middle(key)
        far = (x + frames * self.column(), y + pixels)
        if touch:
            session = self.comfy.context.new_cdp_session(self.comfy.page)
            for kind, places in (("touchStart", [(x, y)]), ("touchMove", [far]), ("touchEnd", [])):
                points = [{"x": across, "y": down} for across, down in places]
                session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
            return
        mouse = self.comfy.page.mouse
        mouse.move(x, y)
        mouse.down()
        mouse.move(*far, steps=3)
        mouse.up()

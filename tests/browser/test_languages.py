"""Messages on nodes in the language of the page. The server sends English, and the page translates it."""

import re
import time
from collections.abc import Iterator

import pytest
from animatediff_xl.motion_models.errors import LONGEST_VALUE

from tests.host.server import Server
from tests.test_messages import CHINESE, PLACEHOLDER

from .graph import Graph
from .page import ComfyPage
from .runs import Runs, tiny
from .test_errors import ask_for_too_many_frames

LOAD, APPLY = "ADXL_LoadMotionModel", "ADXL_ApplyMotionModel"
TRANSLATE = """async texts => {
    const { translate } = await import('/extensions/animatediff_xl/lib/messages.mjs')
    const { zh } = await (await fetch('/api/i18n')).json()
    return texts.map(text => translate(text, zh.animatediffXl))
}"""
SHOW = """async text => {
    const { showReport } = await import('/extensions/animatediff_xl/lib/reports.mjs')
    showReport(app.graph.nodes[0], text, 'report')
}"""


def translate(comfy: ComfyPage, *texts: str) -> list[str]:
    """What the page shows in Chinese for texts of the server."""
    return comfy.evaluate(TRANSLATE, list(texts))


def samples() -> Iterator[tuple[str, str]]:
    """Every message in English and Chinese, with values: once with any, and once with each that has a translation."""
    for english, chinese in CHINESE["messages"].items():
        some = {name: f"some {name}" for name in PLACEHOLDER.findall(english)}
        yield english.format(**some), chinese.format(**some)
        for name in some:
            for value, translated in CHINESE["values"].get(name, {}).items():
                limits = {limit: f"a {limit}" for limit in PLACEHOLDER.findall(value)}
                yield (
                    english.format(**some | {name: value.format(**limits)}),
                    chinese.format(**some | {name: translated.format(**limits)}),
                )


def test_every_message_is_translated_with_its_values(comfy: ComfyPage) -> None:
    english, chinese = zip(*samples(), strict=True)
    assert translate(comfy, *english) == list(chinese)


def test_lines_are_translated_one_by_one(comfy: ComfyPage) -> None:
    shown = translate(comfy, "HotshotXL for SDXL.\nan unknown line\n16 frames fit into one window: nothing is cut.")
    assert shown == ["HotshotXL，用于 SDXL。\nan unknown line\n16 帧能放进一个窗口，不会切分。"]


def test_a_name_that_reads_like_our_words_stays(comfy: ComfyPage) -> None:
    file = "one of a LoRA is mine.ckpt"
    (shown,) = translate(comfy, f"{file} is a picture, not a model: choose a motion model.")
    assert shown == f"{file} 是图片，不是模型：请选择运动模型。"


def test_hostile_values_do_not_hold_up_the_page(comfy: ComfyPage) -> None:
    """Each value repeats a text that stands between values, as long as a value can be."""
    hostile = []
    for template in CHINESE["messages"]:
        between = min(re.split(r"\{\w+\}", template), key=lambda text: (len(text) < 2, len(text)))
        hostile.append(PLACEHOLDER.sub((between * LONGEST_VALUE)[:LONGEST_VALUE], template) + "!")
    start = time.monotonic()
    assert translate(comfy, *hostile) == hostile
    assert time.monotonic() - start < 10


def test_a_long_chinese_report_is_shown_whole(comfy: ComfyPage, graph: Graph) -> None:
    graph.add(APPLY)
    comfy.evaluate(SHOW, "帧" * 600)
    graph.select(APPLY)
    report = comfy.page.get_by_test_id("animatediff-report").first
    fits = "area => area.clientHeight > 0 && area.scrollHeight <= area.clientHeight"
    comfy.until(lambda: report.evaluate(fits), "the report needs a scroll bar")


@pytest.fixture
def chinese(opened: ComfyPage, server: Server) -> Iterator[None]:
    """The page in Chinese. Nothing is cached, or older hosts report nothing."""
    server.post("/free", {"free_memory": True, "unload_models": True})
    opened.set_setting("Comfy.Locale", "zh")
    opened.open()
    yield
    opened.set_setting("Comfy.Locale", "en")
    opened.open()


def test_a_run_reports_in_chinese(chinese: None, comfy: ComfyPage, graph: Graph, runs: Runs) -> None:
    graph.load(tiny(steps=1))
    runs.succeed()
    comfy.until(lambda: "AnimateDiff SDXL beta，用于 SDXL。" in graph.text(LOAD), "no report in Chinese")
    comfy.until(lambda: "4 帧太少" in graph.text(APPLY), "no warning in Chinese")
    comfy.use("vue")
    comfy.page.locator("[data-node-id]").get_by_text("报告", exact=True).first.wait_for()
    assert not comfy.complaints


def test_an_error_is_shown_in_chinese(
    chinese: None, comfy: ComfyPage, graph: Graph, runs: Runs, server: Server
) -> None:
    graph.load(tiny(steps=1))
    ask_for_too_many_frames(graph, server)
    assert runs.run()["status"]["status_str"] == "error"
    comfy.until(lambda: "错误：一次运行 40 帧" in graph.text(APPLY), "no error in Chinese")


def test_kept_reports_follow_the_language_after_a_reload(
    chinese: None, comfy: ComfyPage, graph: Graph, runs: Runs
) -> None:
    graph.load(tiny(frames=1, steps=1))
    runs.succeed()
    comfy.until(lambda: "静止图像" in graph.text(APPLY), "no report in Chinese")
    comfy.set_setting("Comfy.Locale", "en")
    comfy.open()
    comfy.until(lambda: "still picture" in graph.text(APPLY), "no report in English")

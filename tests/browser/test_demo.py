"""The page that `make demo` leaves, with small clips."""

import base64
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageSequence
from playwright.sync_api import Browser, Page

from tests.demo.clips import CLIPS, LOOP_FRAMES, graphs, measure, sample
from tests.demo.page import Run, page
from tests.host import demo
from tests.host.server import Server
from tests.pictures.saving import MILLISECONDS
from tests.workflows.clips import TINY, boxes
from tests.workflows.drawing import draw, to_prompt

HOSTILE = '<img src=x onerror="alert(1)"> & $icon ${icon} "a" \'red\' </p><script>alert(2)</script>'
COLOURS = "() => { const style = getComputedStyle(document.body); return [style.color, style.backgroundColor] }"
MOST_BYTES = 3_000_000


@pytest.fixture(scope="module")
def made(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, of clips of one step."""
    small = draw(boxes(replace(TINY, size=64, steps=1)))
    template = to_prompt(small, server.get("/object_info"))
    prompts = graphs(template, HOSTILE)
    clips = list(sample(server, prompts, lambda value, maximum: None))
    path = tmp_path_factory.mktemp("demo") / "index.html"
    path.write_text(page(clips, measure(server, template, prompts), Run("0.0.0", 7.0, 46.0)), encoding="utf-8")
    return path


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def heard() -> list[str]:
    """What the page complains about, and what it asks the network for."""
    return []


@pytest.fixture(params=[1280, 320])
def opened_demo(
    request: pytest.FixtureRequest, browser: Browser, made: Path, scheme: Any, heard: list[str]
) -> Iterator[Page]:
    """The page from the disk, in a wide and a narrow window."""
    context = browser.new_context(viewport={"width": request.param, "height": 800}, color_scheme=scheme)
    opened = context.new_page()
    opened.on("console", lambda message: heard.append(message.text))
    opened.on("pageerror", lambda error: heard.append(str(error)))
    opened.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
    opened.on("request", lambda asked: asked.url.startswith("data:") or heard.append(asked.url))
    opened.goto(made.as_uri(), wait_until="load")
    yield opened
    context.close()


def test_the_demo_page_opens_from_the_disk(opened_demo: Page, heard: list[str], made: Path, scheme: str) -> None:
    widths = opened_demo.locator("img").evaluate_all("pictures => pictures.map(picture => picture.naturalWidth)")
    assert len(widths) >= len(CLIPS) + 4 and all(widths)  # icon, given picture, windows, figures
    assert heard == [made.as_uri()]
    assert opened_demo.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    ink, paper = (luminance(colour) for colour in opened_demo.evaluate(COLOURS))
    lighter, darker = max(ink, paper), min(ink, paper)
    assert (lighter + 0.05) / (darker + 0.05) > 10
    assert (paper > ink) == (scheme == "light")
    assert opened_demo.locator(".prompt").first.inner_text() == HOSTILE


def luminance(colour: str) -> float:
    """Of "rgb(r, g, b)", in 0..1, as WCAG 2 defines it."""
    channels = [int(number) / 255 for number in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_demo_page_shows_clips_and_figures(made: Path) -> None:
    text = made.read_text(encoding="utf-8")
    moving = [io.BytesIO(base64.b64decode(data)) for data in re.findall(r"image/webp;base64,([^\"]+)", text)]
    assert [duration(Image.open(file)) // MILLISECONDS for file in moving] == [16, 16, LOOP_FRAMES, 16, 16]
    rows = (re.findall(r"<td>(.+?)</td>", row) for row in re.findall(r"<tr>(.+?)</tr>", text, re.DOTALL))
    figures = {name: values for name, *values in filter(None, rows)}
    assert [len(list(map(float, figures[clip.title]))) for clip in CLIPS] == [8] * len(CLIPS)
    assert "models/animatediff_models" in text and "GB of GPU memory" in text  # of the README
    assert made.stat().st_size < MOST_BYTES


def duration(picture: Image.Image) -> int:
    """Milliseconds. Frames that are alike are stored as one, which stands longer."""
    return sum(frame.info["duration"] for frame in ImageSequence.Iterator(picture) if frame.load())


@pytest.mark.parametrize("blocked", ["", "animatediff"])
def test_a_demo_that_cannot_write_says_so_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocked: str) -> None:
    """Here a file is where a folder should be."""
    output = tmp_path / "output"
    (output / blocked).parent.mkdir(exist_ok=True)
    (output / blocked).touch()
    monkeypatch.setattr(demo, "OUTPUT", output)
    with pytest.raises(SystemExit, match=f"The demo cannot write to {output}"):
        demo.prepare()

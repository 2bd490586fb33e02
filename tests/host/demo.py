"""`make demo`: a real ComfyUI with this pack makes clips with the tiny SDXL, and a page that shows them.

python -m tests.host.demo [PROMPT]
"""

import sys
import time
from pathlib import Path

from ..demo.clips import CLIPS, graphs, measure, sample
from ..demo.page import Run, page
from ..pictures.sampling import tiny_prompt
from ..workflows.clips import TINY
from .obtain import CACHE, PACK, comfyui_root
from .server import WorkflowError, serving

OUTPUT = PACK / "output"
PAGE = OUTPUT / "index.html"
BAR = 30


def main(text: str = TINY.positive) -> None:
    began = time.monotonic()
    prepare()
    comfyui = comfyui_root()
    say(f"Starting ComfyUI ({comfyui})")
    flags = ("--cpu", "--output-directory", str(OUTPUT), "--cache-lru", "200")  # keeps frames until they are measured
    with serving(comfyui, CACHE / "demo", *flags) as server:
        start = time.monotonic() - began
        version = server.get("/system_stats")["system"]["comfyui_version"]
        say(f'ComfyUI {version} makes {len(CLIPS)} clips, the first of "{text}"')
        template = tiny_prompt(server)
        prompts = graphs(template, text)
        clips = []
        for clip in sample(server, prompts, show_progress):
            line = f"{clip.clip.title}: {len(clip.frames)} frames in {clip.seconds:.1f} s"
            say(f"\r{line:<{BAR + 10}}")  # over the bar
            clips.append(clip)
        measured = measure(server, template, prompts)
        PAGE.write_text(page(clips, measured, Run(version, start, time.monotonic() - began)), encoding="utf-8")
    say(f"Done in {time.monotonic() - began:.0f} s")
    say(f"Page    {shown(PAGE)}\nVideos  {shown(OUTPUT / 'animatediff')}")


def prepare() -> None:
    """Ends with a sentence if the page or the videos could not be written in the end."""
    try:
        (OUTPUT / "animatediff").mkdir(parents=True, exist_ok=True)
        PAGE.touch()
    except OSError as error:
        sys.exit(f"The demo cannot write to {error.filename}: {error.strerror}.")


def shown(path: Path) -> str:
    return str(path.relative_to(PACK))


def show_progress(value: int, maximum: int) -> None:
    done = BAR * value // maximum
    sys.stdout.write(f"\r[{'#' * done}{'.' * (BAR - done)}] {value}/{maximum}")
    sys.stdout.flush()


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:2])
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
    except WorkflowError as error:
        sys.exit(f"\n{error}")

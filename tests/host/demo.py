"""`make demo`: a real ComfyUI with this pack makes a clip with the tiny SDXL, from the example workflow.

python -m tests.host.demo [PROMPT]
"""

import json
import sys
import time
from pathlib import Path

from ..workflows.drawing import to_prompt
from ..workflows.files import TINY_WORKFLOW
from .obtain import CACHE, PACK, comfyui_root
from .server import serving
from .video import contact_sheet, frames_of

BAR = 30


def main(prompt_text: str | None = None) -> None:
    began = time.monotonic()
    output = PACK / "output"
    comfyui = comfyui_root()
    say(f"Starting ComfyUI ({comfyui})")
    with serving(comfyui, CACHE / "demo", "--cpu", "--output-directory", str(output)) as server:
        version = server.get("/system_stats")["system"]["comfyui_version"]
        prompt = to_prompt(json.loads(TINY_WORKFLOW.read_text()), server.get("/object_info"))
        text = next(node["inputs"] for node in prompt.values() if node["_meta"]["title"] == "What the clip shows")
        text["text"] = prompt_text or text["text"]
        say(f'ComfyUI {version} samples "{text["text"]}"')
        (video,) = server.run(prompt, show_progress).files(output)
    sheet = video.with_suffix(".png")
    contact_sheet(frames_of(video)).save(sheet)
    say(f"Done in {time.monotonic() - began:.0f} s")
    say(f"Video          {shown(video)}\nContact sheet  {shown(sheet)}")


def shown(path: Path) -> str:
    return str(path.relative_to(PACK))


def show_progress(value: int, maximum: int) -> None:
    done = BAR * value // maximum
    end = "\n" if value == maximum else ""
    sys.stdout.write(f"\r[{'#' * done}{'.' * (BAR - done)}] {value}/{maximum}{end}")
    sys.stdout.flush()


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:2])

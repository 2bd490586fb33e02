"""The page of the demo: one HTML file with all of its pictures inside."""

import os
from base64 import b64encode
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

from ..host.obtain import PACK
from ..pictures.clips import WIDTH
from ..pictures.saving import animated, enlarged
from .clips import Measured, Sampled
from .markdown import LIST, MARKDOWN, TABLE, first_part, section

TEMPLATE = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
CLIP = Template(
    """<figure class="clip">
  <div class="screen">
    <img src="$source" alt="$alt" width="$width" height="$width">$given
  </div>
  <figcaption>
    <h3>$title</h3>
    <p>$about</p>
    <p class="prompt">$prompt</p>
    <p class="facts">$nodes<br>$frames frames in $seconds s</p>
  </figcaption>
</figure>"""
)
GIVEN = '\n    <img class="given" src="{}" alt="The picture that was given" width="128" height="128">'


@dataclass(frozen=True)
class Run:
    """How the clips were made."""

    comfyui: str
    """Its version."""
    start_seconds: float
    """From the start of ComfyUI until it answered."""
    seconds: float
    """All in all."""


def page(clips: list[Sampled], measured: Measured, run: Run) -> str:
    readme = (PACK / "README.md").read_text(encoding="utf-8")
    first, *others = (clip_html(clip) for clip in clips)
    return TEMPLATE.substitute(
        icon=data_url((PACK / "docs" / "icon.png").read_bytes(), "png"),
        first=first,
        others="\n".join(others),
        plan=data_url(measured.plan.read_bytes(), "png"),
        cost=escape(measured.cost),
        measured=data_url(measured.picture.read_bytes(), "png"),
        figures=MARKDOWN.render(measured.table),
        needs=first_part(LIST, section(readme, "First clip")),
        files=first_part(TABLE, section(readme, "Files")),
        comfyui=escape(run.comfyui),
        start=f"{run.start_seconds:.0f}",
        seconds=f"{run.seconds:.0f}",
        cores=os.cpu_count(),
    )


def clip_html(sampled: Sampled) -> str:
    clip = sampled.clip
    return CLIP.substitute(
        source=data_url(animated([enlarged(frame, WIDTH) for frame in sampled.frames]), "webp"),
        width=WIDTH,
        alt=escape(f"{clip.title}: {sampled.prompt}", quote=True),
        given=GIVEN.format(data_url(sampled.given.read_bytes(), "png")) if sampled.given else "",
        title=escape(clip.title),
        about=escape(clip.about),
        prompt=escape(sampled.prompt),
        nodes=escape(", ".join(clip.nodes)),
        frames=len(sampled.frames),
        seconds=f"{sampled.seconds:.1f}",
    )


def data_url(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{b64encode(content).decode()}"

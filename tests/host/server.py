"""A real ComfyUI as a server of its own, with this pack in it, driven over HTTP and websocket like its web page."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import websocket

from .obtain import PACK

TINY = PACK / "tests" / "tiny"
START_SECONDS = 120
FLAGS = ("--disable-api-nodes", "--use-pytorch-cross-attention")

Progress = Callable[[int, int], None]

PICTURE_HEADER = 8
"""Bytes before a picture: the kinds of message and of picture."""
REPORT_EVENT = "animatediff_xl.report"


class WorkflowError(RuntimeError):
    """The text of the host's error dialog."""


@dataclass(frozen=True)
class Result:
    """A finished run."""

    outputs: dict[str, dict[str, list[dict[str, Any]]]]
    cached: list[str]
    """Ids of the nodes that did not have to run again."""
    texts: dict[str, str]
    """The last text that each node showed below its widgets, by node id."""

    def files(self, folder: Path) -> list[Path]:
        """The files that the run saved, below the output folder."""
        items = [item for node in self.outputs.values() for entries in node.values() for item in entries]
        return [folder / i["subfolder"] / i["filename"] for i in items if isinstance(i, dict) and "filename" in i]


class Server:
    def __init__(self, port: int, folder: Path):
        self.address = f"http://127.0.0.1:{port}"
        self.client = uuid.uuid4().hex
        self.folder = folder
        self.output = folder / "output"
        self.pictures: list[bytes] = []
        """Files of the pictures that came with the progress of runs."""
        self.socket = websocket.create_connection(f"ws://127.0.0.1:{port}/ws?clientId={self.client}", timeout=600)

    def text(self, path: str) -> str:
        with urllib.request.urlopen(self.address + path) as reply:
            return reply.read().decode()

    def get(self, path: str) -> Any:
        return json.loads(self.text(path))

    def post(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(
            self.address + path, json.dumps(content).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request) as reply:
                text = reply.read()
        except urllib.error.HTTPError as error:
            text = error.read()
        return json.loads(text or b"{}")

    def queue(self, prompt: dict[str, Any]) -> str:
        """Queue an API-format graph; gives its id. Raises WorkflowError if the host refuses any part of it."""
        reply = self.post("/prompt", {"prompt": prompt, "client_id": self.client})
        if reply.get("node_errors") or "prompt_id" not in reply:
            details = [e["details"] or e["message"] for n in reply["node_errors"].values() for e in n["errors"]]
            raise WorkflowError("; ".join(details) or json.dumps(reply))
        return reply["prompt_id"]

    def events(self, prompt_id: str) -> Iterator[dict[str, Any]]:
        """The host's messages about a run, the last one included."""
        while True:
            message = self.socket.recv()
            if isinstance(message, bytes):
                self.pictures.append(message[PICTURE_HEADER:])
                continue
            event = json.loads(message)
            if event["data"].get("prompt_id", prompt_id) != prompt_id:
                continue
            yield event
            if event["type"] in ("execution_success", "execution_error", "execution_interrupted"):
                return

    def run(self, prompt: dict[str, Any], on_progress: Progress | None = None) -> Result:
        """Queue a graph and wait for it. Raises WorkflowError with the host's message if it fails."""
        prompt_id = self.queue(prompt)
        cached: list[str] = []
        texts: dict[str, str] = {}
        for event in self.events(prompt_id):
            if event["type"] == "progress" and on_progress:
                on_progress(event["data"]["value"], event["data"]["max"])
            elif event["type"] == "execution_cached":
                cached = event["data"]["nodes"]
            elif event["type"] == "executed":
                texts |= {event["data"]["node"]: "\n".join((event["data"]["output"] or {}).get("text", ()))}
            elif event["type"] == REPORT_EVENT:
                texts[event["data"]["node"]] = event["data"]["text"]
            elif event["type"] == "execution_error":
                raise WorkflowError(event["data"]["exception_message"].strip())
            elif event["type"] == "execution_interrupted":
                raise WorkflowError("interrupted")
        return Result(self.history(prompt_id)["outputs"], cached, texts)

    def history(self, prompt_id: str) -> dict[str, Any]:
        for _ in range(200):  # it is written a moment after the last message
            entry = self.get(f"/history/{prompt_id}").get(prompt_id)
            if entry:
                return entry
            time.sleep(0.05)
        raise TimeoutError(f"no history of run {prompt_id}")


def prepare_folder(folder: Path, dynamic_vram: bool, node_zip: Path | None = None) -> None:
    """Everything ComfyUI keeps beside its own tree: this pack, the pack of the tiny SDXL, its files, a front page.

    node_zip: the pack as the registry has it. It is unpacked, and there are no model files yet.
    """
    links = {folder / "custom_nodes" / "tiny_sdxl": TINY / "host_pack"}
    if node_zip:
        install(node_zip, folder / "custom_nodes" / "animatediff-xl")
    else:
        links[folder / "custom_nodes" / "animatediff_xl"] = PACK
        put_tiny_models(folder)
    if dynamic_vram:
        links[folder / "custom_nodes" / "dynamic_vram"] = PACK / "tests" / "host" / "dynamic_vram"
    make_links(links)
    (folder / "web").mkdir(exist_ok=True)
    (folder / "web" / "index.html").write_text("<!doctype html><title>ComfyUI without its front end</title>")


def put_tiny_models(folder: Path) -> None:
    """Put the files of the tiny SDXL into the model folders."""
    files = {
        "tiny_sdxl.safetensors": "checkpoints",
        "tiny_motion.safetensors": "animatediff_models",
        "tiny_pan_left.safetensors": "animatediff_motion_lora",
        "tiny_zoom_in.safetensors": "animatediff_motion_lora",
    }
    make_links({folder / "models" / kind / name: TINY / name for name, kind in files.items()})


def make_links(links: dict[Path, Path]) -> None:
    for link, target in links.items():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def install(node_zip: Path, folder: Path) -> None:
    """Unpack a pack as ComfyUI-Manager does, with its list of what came from the registry."""
    with zipfile.ZipFile(node_zip) as packed:
        packed.extractall(folder)
        (folder / ".tracking").write_text("\n".join(packed.namelist()))


@contextmanager
def serving(
    comfyui: Path, folder: Path, *flags: str, dynamic_vram: bool = False, node_zip: Path | None = None
) -> Iterator[Server]:
    """A running server that keeps its files in `folder`; it is stopped at the end of the block.

    flags: of ComfyUI. dynamic_vram: on a CPU, models are kept as on an NVIDIA GPU. node_zip: see `prepare_folder`.
    """
    prepare_folder(folder, dynamic_vram, node_zip)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.host.boot", str(comfyui), *FLAGS, "--port", str(port)]
    command += ["--base-directory", str(folder), "--front-end-root", str(folder / "web")]
    command += ["--database-url", f"sqlite:///{folder / 'host.db'}", *flags]
    log_path = folder / "comfyui.log"
    with log_path.open("w") as log:
        process = subprocess.Popen(
            command, cwd=PACK, stdout=log, stderr=subprocess.STDOUT, env=os.environ | QUIET | KEEPING_MEMORY | PATIENT
        )
    try:
        wait_until_up(port, process, log_path)
        server = Server(port, folder)
        yield server
        server.socket.close()
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


QUIET = {"PYTHONUNBUFFERED": "1", "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}
KEEPING_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**30)}
"""For glibc. By default it returns the memory of every tensor to the system, and new memory takes a tenth of the time
of a tiny clip. 2**25 bytes is the largest value that it accepts."""

PATIENT = {"OMP_WAIT_POLICY": "passive"}
"""Threads sleep while they wait for each other. On a busy machine they otherwise take the cores from those that they
wait for: with five other processes on two cores, the demo took 585 seconds instead of 94."""


def wait_until_up(port: int, process: subprocess.Popen, log_path: Path) -> None:
    for _ in range(START_SECONDS * 5):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/system_stats"):
                return
        except OSError:
            time.sleep(0.2)
    process.kill()
    raise RuntimeError(f"ComfyUI did not start. The end of its log:\n{log_path.read_text()[-3000:]}")

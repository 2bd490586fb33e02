"""The pack as people install it: what `comfy node pack` makes, unpacked by ComfyUI-Manager into a fresh ComfyUI."""

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from tests.conftest import COMFYUI, DYNAMIC_VRAM
from tests.host.server import Server, put_tiny_models, serving
from tests.host.starts import clip, graph, node_of, with_lora
from tests.host.tools import node_zip
from tests.test_pack import INPUTS, METADATA
from tests.workflows.drawing import FRONT_END_ONLY, to_prompt
from tests.workflows.files import TEMPLATES

MANAGER_SETTINGS = "[default]\nnetwork_mode = offline\n"
LANGUAGES = ("en", "zh")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return node_zip(tmp_path_factory.mktemp("packed"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, packed: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("installed")
    settings = folder / "user" / "__manager" / "config.ini"
    settings.parent.mkdir(parents=True)
    settings.write_text(MANAGER_SETTINGS)
    flags = ("--cpu", "--enable-manager")
    with serving(COMFYUI, folder, *flags, dynamic_vram=DYNAMIC_VRAM, node_zip=packed) as running:
        yield running


@pytest.fixture(scope="module")
def nodes(installed: Server) -> dict[str, Any]:
    return installed.get("/object_info")


def test_the_package_has_only_what_people_run(packed: Path) -> None:
    names = zipfile.ZipFile(packed).namelist()
    assert {name.split("/")[0] for name in names if "/" in name} == {
        "example_workflows", "js", "locales", "motion_models", "nodes",
    }  # fmt: skip
    assert sum(len(zipfile.ZipFile(packed).read(name)) for name in names) < 3e6  # half of it is pictures


def test_the_installed_nodes_are_there(nodes: dict[str, Any]) -> None:
    assert {name for name in nodes if name.startswith("ADXL_")} == set(INPUTS)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("node_id", INPUTS)
def test_installed_help_is_where_the_page_asks(
    installed: Server, nodes: dict[str, Any], node_id: str, language: str
) -> None:
    """The page takes the name of the folder from `python_module`."""
    _, folder = nodes[node_id]["python_module"].split(".")
    docs = f"/extensions/{folder}/docs"
    pictures = re.findall(r"!\[.+\]\((.+)\)", installed.text(f"{docs}/{node_id}/{language}.md"))
    assert pictures and all(status(installed, f"{docs}/{picture}") == 200 for picture in pictures)


def status(server: Server, path: str) -> int:
    with urlopen(server.address + path) as reply:
        return reply.status


def test_installed_scripts_and_texts_are_served(installed: Server) -> None:
    scripts = [path for path in installed.get("/extensions") if path.startswith("/extensions/animatediff-xl/")]
    assert sorted(scripts) == [
        f"/extensions/animatediff-xl/{name}.js" for name in ("conversion", "main", "plan", "preview", "timeline")
    ]
    imported = [path for script in scripts for path in re.findall(r'from "\./(.+)"', installed.text(script))]
    assert imported and all(status(installed, f"/extensions/animatediff-xl/{path}") == 200 for path in imported)
    assert set(installed.get("/i18n")["zh"]["nodeDefs"]) == set(INPUTS)


def test_installed_templates_are_listed_and_open(installed: Server, nodes: dict[str, Any]) -> None:
    names = installed.get("/workflow_templates")["animatediff-xl"]
    assert sorted(names) == sorted(path.stem for path in TEMPLATES.glob("*.json"))
    for name in names:
        address = f"/api/workflow_templates/animatediff-xl/{quote(name)}"
        workflow = json.loads(installed.text(f"{address}.json"))
        assert {node["type"] for node in workflow["nodes"]} <= {*nodes, *FRONT_END_ONLY}
        assert to_prompt(workflow, nodes)
        assert status(installed, f"{address}.jpg") == 200


def test_files_put_into_the_new_folders_make_a_clip(installed: Server) -> None:
    for kind in ("animatediff_models", "animatediff_motion_lora"):
        assert (installed.folder / "models" / kind).is_dir()
    put_tiny_models(installed.folder)
    prompt = with_lora(graph(installed, 0, steps=2))
    prompt[node_of(prompt, "ADXL_EmptyLatentFrames")]["inputs"] |= {"width": 64, "height": 64}
    frames = clip(installed, prompt)
    assert len(frames) == 16 and frames.std() > 0.01


def test_the_manager_lists_the_installed_pack(installed: Server) -> None:
    project = METADATA["project"]
    (pack,) = (pack for name, pack in installed.get("/v2/customnode/installed").items() if name == project["name"])
    assert (pack["cnr_id"], pack["ver"], pack["enabled"]) == (project["name"], project["version"], True)

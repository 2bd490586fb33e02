"""Rules for node ids, inputs, translations, help pages, metadata and imports."""

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.version import VERSION
from animatediff_xl.nodes import NODES
from comfy_api.latest import io
from PIL import Image

from tests.host.obtain import PACK
from tests.workflows.files import FILES, serialised

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

METADATA = tomllib.loads((PACK / "pyproject.toml").read_text())
SCHEMAS = {schema.node_id: schema for schema in (node.define_schema() for node in NODES)}
CODE = [PACK / "__init__.py", *(PACK / "nodes").rglob("*.py"), *(PACK / "motion_models").rglob("*.py")]
CLASSIFIERS = {
    "Operating System :: OS Independent",
    "Environment :: GPU :: NVIDIA CUDA",
    "Environment :: GPU :: AMD ROCm",
    "Environment :: GPU :: Intel Arc",
    "Environment :: GPU :: Apple Metal",
    "Environment :: NPU :: Huawei Ascend",
}


def test_the_node_ids_are_the_public_ones() -> None:
    assert set(SCHEMAS) == set(INPUTS)
    written = re.findall(r'node_id="(\w+)"', "".join(path.read_text() for path in CODE))
    assert sorted(written) == sorted(SCHEMAS)  # literal, so that the registry's scanner finds them


def test_the_version_is_that_of_the_package() -> None:
    assert METADATA["project"]["version"] == VERSION


@pytest.mark.parametrize("node_id", SCHEMAS)
def test_every_node_can_show_its_errors(node_id: str) -> None:
    """It must know its id in the graph."""
    assert io.Hidden.unique_id in SCHEMAS[node_id].hidden


INPUTS = {
    "ADXL_LoadMotionModel": ["motion_model", "family"],
    "ADXL_ApplyMotionModel": [
        "model", "motion_model", "beta_schedule", "strength", "start_percent", "end_percent", "clip_frames",
        "motion_lora", "schedule", "mask", "negative_strength",
    ],
    "ADXL_MotionGuidance": ["model", "scale", "strength", "start_percent", "end_percent"],
    "ADXL_LoadMotionLoRA": ["lora", "strength", "schedule", "previous"],
    "ADXL_ApplyDomainAdapter": ["model", "adapter", "alpha"],
    "ADXL_StrengthSchedule": ["points", "interpolation", "over", "length", "values", "curve", "multiply_by"],
    "ADXL_PromptTravel": ["clip", "prompts", "frames", "interpolation", "mix", "closed_loop", "before", "after"],
    "ADXL_GuidanceSchedule": ["model", "schedule"],
    "ADXL_EmptyLatentFrames": ["width", "height", "frames"],
    "ADXL_PicturesInClip": [
        "model", "vae", "pictures", "at", "frames", "width", "height", "hold", "latent", "closed_loop",
    ],
    "ADXL_ClipNoise": ["model", "kind", "share", "seed_step"],
    "ADXL_StepCache": ["model", "threshold", "start_percent", "end_percent"],
    "ADXL_MotionOptions": [
        "model", "block_strengths", "stretch", "sharpness", "freeinit_rounds", "freeinit_filter", "freeinit_spatial",
        "freeinit_temporal", "freeinit_coarse_to_fine", "freeinit_sigma",
    ],
    "ADXL_TrainMotionLoRA": [
        "model", "motion_model", "latents", "conditioning", "name", "steps", "learning_rate", "rank", "layers", "loss",
        "max_noise_weight", "clips_per_step", "seed", "precision", "checkpointing", "save_every", "resume",
        "key_format", "preview",
    ],
    "ADXL_TrainMotionModel": [
        "model", "motion_model", "start", "latents", "conditioning", "name", "steps", "learning_rate", "loss",
        "max_noise_weight", "clips_per_step", "seed", "precision", "checkpointing", "save_every", "resume", "preview",
    ],
    "ADXL_TrainDomainAdapter": [
        "model", "latents", "conditioning", "name", "steps", "learning_rate", "rank", "loss", "max_noise_weight",
        "clips_per_step", "seed", "precision", "checkpointing", "save_every", "resume", "preview",
    ],
    "ADXL_TrainingPreview": [
        "positive", "negative", "vae", "frames", "width", "height", "steps", "cfg", "sampler_name", "scheduler", "seed",
        "every",
    ],
    "ADXL_ContextWindows": [
        "model", "context_length", "context_overlap", "context_stride", "context_schedule", "fuse_method",
        "closed_loop", "freenoise", "windows_per_batch", "reference_weight", "reference_frame", "windows_in",
    ],
    "ADXL_WindowPlan": [
        "frames", "context_length", "context_overlap", "context_stride", "context_schedule", "fuse_method",
        "closed_loop", "steps", "model",
    ],
    "ADXL_MeasureMotion": ["images", "reference", "fps", "closed_loop", "clip_frames", "labels"],
    "ADXL_EncodeClips": [
        "folder", "vae", "clip", "frames", "fps", "width", "height", "windows", "mirror", "camera", "caption",
    ],
}  # fmt: skip


@pytest.mark.parametrize("node_id", SCHEMAS)
def test_inputs_have_public_names_and_tooltips(node_id: str) -> None:
    schema = SCHEMAS[node_id]
    assert [field.id for field in schema.inputs] == INPUTS[node_id]
    for field in (*schema.inputs, *schema.outputs):
        assert field.tooltip and field.tooltip.endswith("."), field
    assert schema.description and schema.display_name.isascii()
    assert schema.category.startswith("AnimateDiff XL")


@pytest.mark.parametrize("node_id", SCHEMAS)
def test_required_inputs_come_before_optional_ones(node_id: str) -> None:
    """The front end shows required inputs first, and saves the values of widgets by their position."""
    optional = [field.optional for field in SCHEMAS[node_id].inputs]
    assert optional == sorted(optional)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_translations_match_the_nodes(language: str) -> None:
    texts = json.loads((PACK / "locales" / language / "nodeDefs.json").read_text(encoding="utf-8"))
    assert set(texts) == set(SCHEMAS)
    for node_id, schema in SCHEMAS.items():
        text = texts[node_id]
        assert set(text["inputs"]) == {field.id for field in schema.inputs}
        assert set(text["outputs"]) == {str(index) for index in range(len(schema.outputs))}
        entries = [text, *text["inputs"].values(), *text["outputs"].values()]
        assert all(entry.get("tooltip") or entry.get("description") for entry in entries)
        if language == "en":
            assert (text["display_name"], text["description"]) == (schema.display_name, schema.description)
            assert [text["inputs"][field.id]["tooltip"] for field in schema.inputs] == [
                f.tooltip for f in schema.inputs
            ]
            assert [o["tooltip"] for o in text["outputs"].values()] == [o.tooltip for o in schema.outputs]


@pytest.mark.parametrize("node_id", SCHEMAS)
@pytest.mark.parametrize("page", ["{}/en.md", "{}/zh.md"])
def test_every_node_has_a_help_page_with_a_picture(node_id: str, page: str) -> None:
    folder = PACK / "js" / "docs"
    text = (folder / page.format(node_id)).read_text(encoding="utf-8")
    pictures = re.findall(r"!\[.+\]\((.+)\)", text)
    # the front end resolves them against this folder, wherever the page lies
    assert pictures and all((folder / picture).is_file() for picture in pictures)
    assert all(f"**{field.id}**" in text for field in SCHEMAS[node_id].inputs)


@pytest.mark.parametrize("node_id", SCHEMAS)
def test_help_in_other_languages_is_the_english_one(node_id: str) -> None:
    """The page asks for `<node>/<language>.md` first, and for `<node>.md` if there is none. Copy en.md there."""
    folder = PACK / "js" / "docs"
    assert (folder / f"{node_id}.md").read_bytes() == (folder / node_id / "en.md").read_bytes()


@pytest.mark.parametrize("node_id", SCHEMAS)
def test_every_choice_is_explained(node_id: str) -> None:
    """In the help pages. Files, model families and ComfyUI's samplers have no fixed list there."""
    for field in SCHEMAS[node_id].inputs:
        if isinstance(field, io.Combo.Input) and field.id not in FILE_INPUTS:
            for page in ("{}/en.md", "{}/zh.md"):
                text = (PACK / "js" / "docs" / page.format(node_id)).read_text(encoding="utf-8")
                shared = "上下文窗口" in text or "AnimateDiff Context Windows" in text
                missing = [choice for choice in field.options if f"`{choice}`" not in text]
                assert not missing or (node_id == "ADXL_WindowPlan" and shared), (field.id, page)


FILE_INPUTS = ("motion_model", "family", "lora", "adapter", "folder", "sampler_name", "scheduler")


def test_the_metadata_meets_the_rules_of_the_registry() -> None:
    project, comfy = METADATA["project"], METADATA["tool"]["comfy"]
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", project["name"]) and "comfyui" not in project["name"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", project["version"])
    assert project["license"] == {"file": "LICENSE"}
    assert "Apache License" in (PACK / "LICENSE").read_text()
    assert set(project["classifiers"]) == CLASSIFIERS
    assert {"Repository", "Documentation", "Bug Tracker"} <= set(project["urls"])
    assert comfy["requires-comfyui"] == ">=0.16.3"
    assert comfy["PublisherId"] and comfy["DisplayName"]
    assert "web" not in comfy  # WEB_DIRECTORY serves it; both would load every script twice


@pytest.mark.parametrize(("field", "file", "proportion"), [("Icon", "icon.png", 1), ("Banner", "banner.png", 21 / 9)])
def test_the_registry_finds_icon_and_banner(field: str, file: str, proportion: float) -> None:
    """Beside the code, in shapes that the registry shows uncut."""
    repository = METADATA["project"]["urls"]["Repository"].removeprefix("https://github.com/")
    raw = f"https://raw.githubusercontent.com/{repository}/main/docs/"
    assert METADATA["tool"]["comfy"][field] == raw + file
    with Image.open(PACK / "docs" / file) as picture:
        assert picture.width / picture.height == pytest.approx(proportion)
    assert (PACK / "docs" / file).stat().st_size < 100_000


def test_the_registry_gets_every_file_that_runs() -> None:
    left_out = subprocess.run(
        ["git", "ls-files", "--cached", "--ignored", "--exclude-from=.comfyignore"],
        cwd=PACK, capture_output=True, text=True, check=True,
    ).stdout.split("\n")  # fmt: skip
    folders = {path.split("/")[0] for path in left_out if path}
    assert folders == {"tests", "docs", "benchmarks", ".ci", ".github", "Makefile"}


def test_the_pack_has_no_dependencies() -> None:
    listed = [line for line in (PACK / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert METADATA["project"]["dependencies"] == listed == []


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level]
    return names | {str(node.module) for node in froms}


def test_only_the_host_package_imports_comfy() -> None:
    inside = {path.parent for path in CODE if any(name.split(".")[0] == "comfy" for name in imports(path))}
    assert inside == {PACK / "motion_models" / "host"}


FILES_BEFORE = ("errors", "json_text", "version")
PACKAGES = (
    "drawing", "conversion", "host", "network", "files", "conditioning", "prompts", "timeline", "lora",
    "sampling", "previews", "predictions", "noise", "pictures", "context", "measures", "training",
)  # fmt: skip
"""Packages of motion_models. Each imports only FILES_BEFORE and earlier packages; nodes/ imports all."""


def packages_imported(path: Path) -> set[str]:
    """Other packages of motion_models that a file there imports."""
    dots = len(path.relative_to(PACK / "motion_models").parts)
    relative = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom) and n.level == dots]
    return {name.split(".")[0] for node in relative for name in ([node.module] if node.module else _names(node))}


def _names(node: ast.ImportFrom) -> list[str]:
    return [alias.name for alias in node.names]


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_only_earlier_packages(package: str) -> None:
    before = {*FILES_BEFORE, *PACKAGES[: PACKAGES.index(package)]}
    files = list((PACK / "motion_models" / package).rglob("*.py"))
    assert files and all(packages_imported(path) <= before for path in files)


def test_files_are_short_and_folders_small() -> None:
    for path in CODE:
        assert len(path.read_text().splitlines()) <= 400, path
        assert len(list(path.parent.glob("*.py"))) <= 11, path.parent


def test_motion_models_never_imports_nodes_or_the_hosts_server() -> None:
    for path in (PACK / "motion_models").rglob("*.py"):
        relative = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom) and n.level]
        inside = len(path.relative_to(PACK).parts) - 1  # dots that stay within motion_models
        assert all(node.level <= inside for node in relative), path
        assert not imports(path) & {"folder_paths", "comfy_api", "comfy_api.latest"}


@pytest.mark.parametrize("path", CODE, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_code_is_ascii_and_uses_no_network(path: Path) -> None:
    text = path.read_text()
    assert text.isascii()  # messages reach consoles with old code pages
    network = {"requests", "urllib", "urllib.request", "aiohttp", "socket", "subprocess", "nodes"}
    answers = {"aiohttp"} if path == PACK / "nodes" / "common" / "routes.py" else set()  # ComfyUI's server asks it
    assert not imports(path) & network - answers
    assert not re.search(r"\bprint\(", text)


def test_test_names_are_short_and_unique() -> None:
    """CONTRIBUTING.md names tests for `pytest -k`."""
    nodes = [node for path in (PACK / "tests").rglob("*.py") for node in ast.walk(ast.parse(path.read_text("utf-8")))]
    names = [n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and n.name[:5] == "test_"]
    assert names
    assert [name for name in names if len(name.split("_")) > 11] == []  # "test" and ten words
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_example_workflows_match_their_source() -> None:
    for path, drawing in FILES.items():
        assert path.read_text() == serialised(drawing)


def test_notes_of_templates_have_no_inline_code() -> None:
    """The page draws it light on light in Vue nodes."""
    notes = [text for path in FILES for text in notes_in(path)]
    assert notes and not any("`" in text for text in notes)


def notes_in(path: Path) -> list[str]:
    nodes = json.loads(path.read_text())["nodes"]
    return [node["widgets_values"][0] for node in nodes if node["type"] == "MarkdownNote"]


def test_every_host_name_exists() -> None:
    """A name that a new ComfyUI has moved fails here, and not in a user's graph."""
    for path in Path(host.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            name = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
            if name.startswith("comfy."):
                assert eval_path(name) is not None, name


def eval_path(name: str) -> object:
    value: object = sys.modules["comfy"]
    for part in name.split(".")[1:]:
        value = getattr(value, part)
    return value

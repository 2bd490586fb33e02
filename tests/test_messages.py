"""Messages and their Chinese. js/lib/messages.mjs looks up templates, so each stands in the code as a literal."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from animatediff_xl.motion_models.context.windows import MOVING
from animatediff_xl.motion_models.conversion.tables.made_nodes import MADE, OURS
from animatediff_xl.motion_models.files.families import FAMILIES, examples, levels_of_bases
from animatediff_xl.motion_models.files.reading import NOT_MODELS
from animatediff_xl.motion_models.files.unsupported_files import KNOWN_FILES
from animatediff_xl.motion_models.lora.pairs import UNSUPPORTED_METHODS
from animatediff_xl.motion_models.measures.report import (
    DIRECTIONS,
    JUMP,
    MANY_WAYS,
    NO_SEAM,
    PAN,
    ROLL,
    STANDSTILL,
    TILT,
    ZOOM,
)
from animatediff_xl.motion_models.prompts.grammar import GRAMMARS
from animatediff_xl.motion_models.prompts.quoted import EXPECTED
from animatediff_xl.motion_models.sampling.apply import KEEP_BETA_SCHEDULE
from animatediff_xl.nodes import NODES
from animatediff_xl.nodes.common.files import DOMAIN_ADAPTER, MOTION_LORA, MOTION_MODEL
from animatediff_xl.nodes.common.inputs import CHECKS

ROOT = Path(__file__).parent.parent
CODE = sorted(path for folder in ("nodes", "motion_models") for path in (ROOT / folder).rglob("*.py"))
CHINESE = json.loads((ROOT / "locales/zh/main.json").read_text(encoding="utf-8"))["animatediffXl"]
PLACEHOLDER = re.compile(r"\{(\w+)\}")


def literals(function: str, position: int) -> Iterator[str]:
    """What the code passes to a function at a position: the text of a literal or of a constant, else the expression."""
    for path in CODE:
        tree = ast.parse(path.read_text())
        constants = {ast.unparse(node.targets[0]): node.value for node in tree.body if isinstance(node, ast.Assign)}
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == function:
                argument = call.args[position]
                literal = constants.get(ast.unparse(argument), argument)
                yield literal.value if isinstance(literal, ast.Constant) else ast.unparse(argument)


def is_checked(node, field) -> bool:
    """Whether an input can be refused by its name."""
    return field.get_io_type() in CHECKS and field.id not in node.own_checks


TEMPLATES = {*literals("MotionError", 0), *literals("sentence", 0)} - {"template"}  # MotionError passes on its own
VALUES = {
    "accepted": set(literals("refusal", 2)),
    "bases": {levels_of_bases()},
    "beta_schedule": {KEEP_BETA_SCHEDULE},
    "direction": {*DIRECTIONS, MANY_WAYS},
    "description": {description for _, description, _ in NOT_MODELS},
    "examples": {examples()},
    "expected": set(EXPECTED),
    "grammar": set(GRAMMARS),
    "input": {field.id for node in NODES for field in node.define_schema().inputs if is_checked(node, field)},
    "kind": {kind.description for kind in KNOWN_FILES}
    | {kind.name for kind in (MOTION_MODEL, MOTION_LORA, DOMAIN_ADAPTER)},
    "method": set(UNSUPPORTED_METHODS),
    "moving": {" or ".join(MOVING)},
    "pan": set(PAN),
    "roll": set(ROLL),
    "tilt": set(TILT),
    "verdict": {NO_SEAM, STANDSTILL, JUMP},
    "zoom": set(ZOOM),
    "node": {made.title for made in MADE.values() if made.pack == OURS},
    "place": {"file", "folder"},
    "remedy": {remedy for _, _, remedy in NOT_MODELS} | {kind.remedy for kind in KNOWN_FILES},
    "requires": {family.requires for family in FAMILIES.values()} - {""},
    "settings": {family.sampler_hint for family in FAMILIES.values()},
}
"""Values that are words of ours, by their placeholders."""


def test_every_message_has_a_chinese_one() -> None:
    assert set(CHINESE["messages"]) == TEMPLATES


def test_every_value_of_ours_has_a_chinese_one() -> None:
    assert {name: set(values) for name, values in CHINESE["values"].items()} == VALUES


def test_texts_and_commands_of_the_page_have_chinese_ones() -> None:
    script = (ROOT / "js/lib/texts.mjs").read_text()
    groups = re.findall(r"^  (\w+): \{\n(.*?)^  \}", script, re.MULTILINE | re.DOTALL)
    assert [group for group, _ in groups] == ["conversion", "plan", "timeline"]
    for group, english in groups:
        assert set(CHINESE[group]) == set(re.findall(r"^    (\w+): ", english, re.MULTILINE))
    command = re.findall(r'"(AnimateDiffXL\.\w+)"', (ROOT / "js/conversion.js").read_text())
    setting = re.findall(r'"(AnimateDiffXL\.\w+)"', (ROOT / "js/preview.js").read_text())
    setting += re.findall(r'"(AnimateDiffXL\.\w+)"', (ROOT / "js/plan.js").read_text())
    for language in ("en", "zh"):
        texts = json.loads((ROOT / "locales" / language / "settings.json").read_text(encoding="utf-8"))
        assert list(texts) == [name.replace(".", "_") for name in setting]
        labels = json.loads((ROOT / "locales" / language / "commands.json").read_text(encoding="utf-8"))
        assert list(labels) == [name.replace(".", "_") for name in command] and all(labels.values())


@pytest.mark.parametrize("texts", [CHINESE["messages"], *CHINESE["values"].values()])
def test_chinese_messages_have_the_same_placeholders(texts: dict[str, str]) -> None:
    for english, chinese in texts.items():
        assert sorted(set(PLACEHOLDER.findall(chinese))) == sorted(set(PLACEHOLDER.findall(english))), english


@pytest.mark.parametrize("node", NODES)
def test_chinese_messages_name_nodes_and_inputs_as_the_page(node) -> None:
    schema = node.define_schema()
    shown = json.loads((ROOT / "locales/zh/nodeDefs.json").read_text(encoding="utf-8"))[schema.node_id]
    for texts in (CHINESE["messages"], *CHINESE["values"].values()):
        assert all(shown["display_name"] in texts[english] for english in texts if schema.display_name in english)
    names = {field.id: shown["inputs"][field.id]["name"] for field in schema.inputs if is_checked(node, field)}
    assert names.items() <= CHINESE["values"]["input"].items()

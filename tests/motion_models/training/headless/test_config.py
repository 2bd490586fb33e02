"""The TOML file of a training has the settings of the nodes."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.training.headless.config import CLIPS, STAGES, read_config, toml_reader
from animatediff_xl.nodes.training.clips import EncodeClips
from animatediff_xl.nodes.training.stages import TrainDomainAdapter, TrainMotionLoRA, TrainMotionModel
from comfy_api.latest import io

from tests.host.obtain import PACK

NODES = {"motion_lora": TrainMotionLoRA, "motion_model": TrainMotionModel, "domain_adapter": TrainDomainAdapter}
SOCKETS = {"model", "motion_model", "latents", "conditioning", "folder", "vae", "clip", "preview"}
"""Inputs that are files or folders in a TOML file, and the preview, which is for the page."""


@pytest.mark.parametrize(
    ("node", "keys"), [(NODES[stage], keys) for stage, keys in STAGES.items()] + [(EncodeClips, CLIPS)]
)
def test_keys_have_the_defaults_and_limits_of_the_nodes(node, keys) -> None:
    for field in node.define_schema().inputs:
        if field.id in SOCKETS:
            continue
        key = keys[field.id]
        default = field.default if field.default is not None else field.options[0]
        assert key.default == default and type(key.default) is type(default), field.id
        if isinstance(field, io.Combo.Input):
            assert all(key.accepts(option) for option in field.options)
            assert not key.accepts("something else")
        elif isinstance(field, io.Int.Input | io.Float.Input):
            assert key.accepts(field.min) and not key.accepts(field.min - 1)
            assert not isinstance(field, io.Int.Input) or not key.accepts(1.5)


def test_a_config_has_all_values_and_relative_paths(write_config: Callable[..., Path]) -> None:
    config = read_config(write_config(steps=7, motion_model="here.safetensors", clips={"frames": 24}))
    (config.path.parent / "here.safetensors").touch()
    assert config.file("motion_model") == config.path.parent / "here.safetensors"
    loop, clips = config.loop(), config.clip_settings()
    assert (loop.steps, loop.save_every, loop.session().training.warmup_steps) == (7, 500, 1)
    assert (clips.frames, clips.fps, clips.camera) == (24, 8.0, "none")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stage": "module"}, "stage in small.toml is 'module', and must be one of 'motion_lora', 'motion_model'"),
        ({"step": 5}, "small.toml has the key step, which is unknown there: .* nearest: steps"),
        ({"rank": 5}, "small.toml has the key rank, which is unknown there"),
        ({"checkpoint": None}, "small.toml has no key checkpoint: write checkpoint = and a text"),
        ({"steps": 0}, "steps in small.toml is 0, and must be a whole number from 1 to 1000000"),
        ({"steps": 2.5}, "steps in small.toml is 2.5, and must be a whole number"),
        ({"steps": True}, "steps in small.toml is True, and must be a whole number"),
        ({"resume": "yes"}, "resume in small.toml is 'yes', and must be one of 'auto', 'start again'"),
        ({"clips": {"fps": "8"}}, "fps in small.toml is '8', and must be a number from 0.0 to 120.0"),
        ({"data": [1]}, "data in small.toml is \\[1\\], and must be a text, or a list of texts"),
    ],
)
def test_a_wrong_key_is_named(write_config: Callable[..., Path], changes: dict, message: str) -> None:
    with pytest.raises(MotionError, match=message):
        read_config(write_config(**changes))


@pytest.mark.parametrize("content", [b"stage = ", b"\xff", None])
def test_what_is_not_toml_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MotionError, match="a.toml cannot be read: it must be a TOML file in UTF-8"):
        read_config(path)


def test_the_page_lists_every_key_with_its_default(tmp_path: Path) -> None:
    page = (PACK / "docs/training.md").read_text()
    path = tmp_path / "page.toml"
    path.write_text(page.split("```toml\n")[1].split("```")[0])
    listed, keys = toml_reader()(path.read_text()), STAGES["motion_model"]
    config = read_config(path)
    assert listed.keys() - {"stage"} == keys.keys() and listed["clips"].keys() == CLIPS.keys()
    assert config.clips == {name: key.default for name, key in CLIPS.items()}
    changed = {name for name, key in keys.items() if config.values[name] != key.default}
    assert changed == {"checkpoint", "motion_model", "data", "clips"}


def test_python_310_needs_a_package(write_config: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tomllib", "tomli"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MotionError, match="install the package tomli, or use Python 3.11"):
        read_config(write_config())


def test_a_file_that_a_key_names_must_exist(write_config: Callable[..., Path]) -> None:
    with pytest.raises(MotionError, match="checkpoint in small.toml is .*gone.ckpt, and there is no such file"):
        read_config(write_config(checkpoint="gone.ckpt")).file("checkpoint")

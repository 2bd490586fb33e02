"""Any content of a file gives a motion model that runs, or a MotionError: no other error, no hang, no unbounded memory,
and no partly patched MODEL."""

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.files.loading import open_motion_file
from animatediff_xl.motion_models.sampling.apply import KEEP_BETA_SCHEDULE, apply_motion_model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save as as_safetensors
from torch import Tensor

from tests.memory import peak_growth
from tests.motion_models.conftest import SETTINGS
from tests.small import host_model, random_motion

pytestmark = pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # from changed bytes

FREQUENT, NIGHTLY = 500, 10_000  # cases of each of the two tests
LONGEST = timedelta(seconds=20)
SLACK = 16 << 20  # bytes for Python and the allocator


def fuzzed(cases: int, derandomize: bool) -> Callable:
    return settings(
        max_examples=cases,
        deadline=LONGEST,
        derandomize=derandomize,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def base():
    """A MODEL of 32 channels on each level, like the fuzzed motion model."""
    with torch.inference_mode():
        return host_model(None, channel_mult=[1, 1, 1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


MOTION = random_motion((32, 32, 32))
KEYS = sorted(MOTION)
ONE_MODULE = {key: value for key, value in MOTION.items() if key.startswith("down_blocks.0.motion_modules.0.")}


def open_and_join(path: Path, base) -> None:
    """Does the same as the nodes Load and Apply, and checks the result or the error."""
    size = path.stat().st_size
    with peak_growth() as grown, torch.inference_mode():
        try:
            motion = open_motion_file(path)
            animated = apply_motion_model(base, motion, SETTINGS, KEEP_BETA_SCHEDULE)
        except MotionError as error:
            message = str(error)
            assert message.endswith(".") and "\n" not in message and message.isprintable()
            assert len(message) < 1000
        else:
            (patcher,) = animated.get_additional_models()
            assert all(value.isfinite().all() for value in patcher.model.state_dict().values())
            assert motion.report()
    assert grown[0] <= 3 * size + SLACK
    assert not base.get_additional_models() and not base.model_options["transformer_options"] and not base.attachments
    assert not base.object_patches and not base.patches


# Tensors


WIDE_NAMES = st.text(max_size=40) | st.sampled_from(
    [
        "down_blocks.99.motion_modules.0.temporal_transformer.norm.weight",
        "down_blocks.0.motion_modules.99999999999999999999.temporal_transformer.norm.weight",
        "down_blocks.-1.motion_modules.0.temporal_transformer.norm.weight",
        "mid_block.motion_modules.0.temporal_transformer.norm.weight",
        "up_blocks.0.temporal_attentions.0.norm.weight",
        "down_blocks.0.motion_modules.0.norm.weight",
        "down_blocks.0.motion_modules.0.temporal_transformer.\nnorm.weight",
        "conv_in.weight",
        "img_encoder.",
        "x.lora_up.weight",
        "__proto__",
        "state_dict",
        "module.",
    ]
)
SHAPES = st.lists(st.integers(0, 40), max_size=5).map(tuple)
TYPES = st.sampled_from(
    [
        torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.int8, torch.int64, torch.bool,
        torch.complex64,
    ]
)  # fmt: skip
NUMBERS = st.sampled_from([float("nan"), float("inf"), -float("inf"), 1e38, 0.0])
OTHERS = st.one_of(st.none(), st.integers(), st.text(max_size=5), st.binary(max_size=5), st.lists(st.integers()))


@st.composite
def changed_tensors(draw: st.DrawFn) -> dict[str, Any]:
    """A motion model with some tensors dropped, renamed, reshaped, cast, made non-finite or added."""
    tensors: dict[str, Any] = dict(MOTION)
    for _ in range(draw(st.integers(0, 4))):
        key = draw(st.sampled_from(KEYS))
        value = tensors.pop(key, None)
        match draw(st.integers(0, 7)):
            case 0:
                tensors[draw(WIDE_NAMES)] = torch.zeros(draw(SHAPES))
            case 1 if value is not None:
                tensors[draw(WIDE_NAMES)] = value
            case 2:
                tensors[key] = torch.zeros(draw(SHAPES))
            case 3 if isinstance(value, Tensor):
                tensors[key] = value.to(draw(TYPES))
            case 4 if isinstance(value, Tensor):
                tensors[key] = torch.full_like(value, draw(NUMBERS), dtype=torch.float32)
            case 5:
                tensors[key] = draw(OTHERS)
            case 6:
                part = draw(st.sampled_from(["norm", "attention_blocks", "up_blocks.", ".pe", "temporal_transformer."]))
                other = draw(st.sampled_from(["", "x", "down_blocks."]))
                tensors = {name.replace(part, other): value for name, value in tensors.items()}
            case 7:
                tensors = {key: value for key, value in tensors.items() if len(key) % 3}
    return tensors


@st.composite
def files(draw: st.DrawFn) -> tuple[str, bytes]:
    """A suffix and the bytes of a file with such tensors, nested or not."""
    tensors = draw(changed_tensors())
    if draw(st.booleans()):
        plain = {key: value.contiguous().clone() for key, value in tensors.items() if isinstance(value, Tensor)}
        return ".safetensors", as_safetensors(plain)
    content: Any = tensors
    for name in draw(st.lists(st.sampled_from(["state_dict", "module", "model", "controlnet", "x"]), max_size=3)):
        content = {name: content} | ({"epoch": 1} if draw(st.booleans()) else {})
    if draw(st.integers(0, 20)) == 0:
        content["itself"] = content
    written = io.BytesIO()
    torch.save(content, written, _use_new_zipfile_serialization=draw(st.booleans()))
    return ".ckpt", written.getvalue()


def any_tensors(base, folder: Path, file: tuple[str, bytes]) -> None:
    suffix, content = file
    path = folder / f"fuzzed{suffix}"
    path.write_bytes(content)
    open_and_join(path, base)


@fuzzed(FREQUENT, derandomize=True)
@given(file=files())
def test_any_tensors_load_or_raise_a_motion_error(base, folder: Path, file: tuple[str, bytes]) -> None:
    any_tensors(base, folder, file)


@pytest.mark.nightly
@fuzzed(NIGHTLY, derandomize=False)
@given(file=files())
def test_more_tensors_load_or_raise_a_motion_error(base, folder: Path, file: tuple[str, bytes]) -> None:
    any_tensors(base, folder, file)


# Bytes


def pickled(zipped: bool) -> bytes:
    written = io.BytesIO()
    torch.save({"state_dict": ONE_MODULE, "epoch": 1}, written, _use_new_zipfile_serialization=zipped)
    return written.getvalue()


WHOLE = [(".safetensors", as_safetensors(ONE_MODULE)), (".ckpt", pickled(True)), (".ckpt", pickled(False))]


@st.composite
def changed_bytes(draw: st.DrawFn) -> tuple[str, bytes]:
    """A small real file with bytes changed, removed, inserted or repeated, mostly near its ends."""
    suffix, whole = draw(st.sampled_from(WHOLE))
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, 6))):
        near = draw(st.sampled_from([0, max(0, len(content) - 6000), None]))
        start = draw(st.integers(0, len(content))) if near is None else near + draw(st.integers(0, 6000))
        length = draw(st.integers(1, 64))
        match draw(st.integers(0, 4)):
            case 0:
                content[start : start + length] = draw(st.binary(max_size=64))
            case 1:
                del content[start : start + length]
            case 2:
                del content[start:]
            case 3:
                content[start:start] = content[start : start + length] * draw(st.integers(1, 20))
            case 4 if start < len(content):
                content[start] ^= 1 << draw(st.integers(0, 7))
    return suffix, bytes(content)


@fuzzed(FREQUENT, derandomize=True)
@given(file=changed_bytes())
def test_any_bytes_load_or_raise_a_motion_error(base, folder: Path, file: tuple[str, bytes]) -> None:
    any_tensors(base, folder, file)


@pytest.mark.nightly
@fuzzed(NIGHTLY, derandomize=False)
@given(file=changed_bytes())
def test_more_bytes_load_or_raise_a_motion_error(base, folder: Path, file: tuple[str, bytes]) -> None:
    any_tensors(base, folder, file)

"""Reading: files that are gone or replaced, good files with any header, and files that are far too large."""

import io
import json
import re
import zipfile
from pathlib import Path

import pytest
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.files import reading
from animatediff_xl.motion_models.files.loading import open_motion_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save as as_safetensors
from torch import Tensor

from tests.memory import peak_growth
from tests.small import random_motion, save


def refused(path: Path) -> str:
    with pytest.raises(MotionError) as raised:
        reading.read(path)
    message = str(raised.value)
    assert message.startswith(path.name) and message.endswith(".") and message.isprintable()
    return message


def gone(path: Path) -> None:
    pass


def dangling(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere.safetensors")


def looping(path: Path) -> None:
    path.symlink_to(path)


UNREACHABLE = {
    "gone": (gone, "does not exist: it was moved or deleted"),
    "a dangling link": (dangling, "does not exist.* its link is broken"),
    "a link to itself": (looping, "cannot be read: check its permissions and its drive"),
    "a folder": (Path.mkdir, "is a folder or a device, not a model file"),
}


@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
@pytest.mark.parametrize("kind", UNREACHABLE)
def test_a_file_that_cannot_be_reached_is_explained(tmp_path: Path, kind: str, suffix: str) -> None:
    make, sentence = UNREACHABLE[kind]
    path = tmp_path / f"x{suffix}"
    make(path)
    assert re.search(sentence, refused(path))


@pytest.mark.parametrize("reader", ["open", "host"])
def test_an_error_of_the_drive_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str) -> None:
    path = save({"x": torch.zeros(1)}, tmp_path / "x.safetensors")

    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(*((Path, "open", broken) if reader == "open" else (host, "read_tensors", broken)))
    assert refused(path).endswith("The system reports: Input/output error.")


REPLACEMENTS = {
    "gone": (lambda path: path.unlink(), "does not exist"),
    "of another width": (lambda path: save(random_motion((64, 64, 64)), path), "was replaced by another file"),
    "of another base": (lambda path: save(random_motion((32, 64, 128, 128)), path), "was replaced by another file"),
    "of another kind": (lambda path: save({"x": torch.zeros(1)}, path), "was replaced by another file"),
    "of whole numbers": (
        lambda path: save({key: value.int() for key, value in random_motion((32, 64, 128)).items()}, path),
        "was replaced by another file",
    ),
}


@pytest.mark.parametrize("kind", REPLACEMENTS)
def test_a_file_replaced_after_loading_is_explained(pair, tmp_path: Path, kind: str) -> None:
    replace, sentence = REPLACEMENTS[kind]
    path = save(pair.motion, tmp_path / "x.ckpt")
    motion = open_motion_file(path)
    replace(path)
    with pytest.raises(MotionError, match=rf"x\.ckpt {sentence}"):
        motion.patcher(torch.float32)


# Good files


def padded(tensors: dict[str, Tensor], length: int) -> bytes:
    """A .safetensors file whose header has this length. Blanks may follow the names."""
    whole = as_safetensors(tensors)
    old = int.from_bytes(whole[:8], "little")
    header = whole[8 : 8 + old].rstrip()
    assert len(header) <= length
    return length.to_bytes(8, "little") + header.ljust(length) + whole[8 + old :]


SMALL = {"x": torch.arange(4.0)}
SHORTEST = 64


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(length=st.integers(SHORTEST, 1 << 16))
def test_good_files_of_every_header_length_open(tmp_path: Path, length: int) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(padded(SMALL, length))
    assert torch.equal(reading.read(path)["x"], SMALL["x"])


def test_good_files_of_every_first_byte_open(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    for byte in range(256):
        path.write_bytes(padded(SMALL, 256 + byte))
        assert path.read_bytes()[0] == byte and torch.equal(reading.read(path)["x"], SMALL["x"])


@pytest.mark.parametrize("signature", [entry[0] for entry in reading.NOT_MODELS if len(entry[0]) < 3])
def test_a_header_length_that_looks_like_text_opens(tmp_path: Path, signature: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(padded(SMALL, int.from_bytes(signature, "little") + (0 if len(signature) > 1 else 256)))
    assert torch.equal(reading.read(path)["x"], SMALL["x"])
    path.write_bytes(path.read_bytes()[:-1])
    assert "JSON" not in refused(path)


# Too large


def many_tensors(path: Path) -> None:
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    header = json.dumps({f"t{number}": entry for number in range(reading.MAX_TENSORS + 1)}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)


def long_header(path: Path) -> None:
    path.write_bytes(padded(SMALL, reading.MAX_HEADER_BYTES + 1))


def many_pickled(path: Path) -> None:
    torch.save({f"t{number}": torch.empty(0) for number in range(reading.MAX_TENSORS + 1)}, path)


def many_sharing(path: Path) -> None:
    one = torch.zeros(1)
    tensors = {f"t{number}": one for number in range(reading.MAX_TENSORS + 1)}
    torch.save(tensors, path, _use_new_zipfile_serialization=False)


def bomb(path: Path) -> None:
    written = io.BytesIO()
    torch.save({"x": torch.zeros(16 << 20)}, written)
    with zipfile.ZipFile(written) as plain, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))


TOO_LARGE = {
    "many tensors": ("x.safetensors", many_tensors, "has far more tensors than any motion model"),
    "a long header": ("x.safetensors", long_header, "has far more tensors than any motion model"),
    "many pickled tensors": ("x.ckpt", many_pickled, "has far more tensors than any motion model"),
    "many tensors of one storage": ("x.ckpt", many_sharing, "has far more tensors than any motion model"),
    "a zip bomb": ("x.ckpt", bomb, r"would fill the memory.* and 67\.\d MB unpacked"),
}


@pytest.mark.parametrize("kind", TOO_LARGE)
def test_a_file_far_too_large_is_refused(tmp_path: Path, kind: str) -> None:
    name, make, sentence = TOO_LARGE[kind]
    make(tmp_path / name)
    with peak_growth() as grown:
        message = refused(tmp_path / name)
    assert re.search(sentence, message), message
    assert grown[0] < 48 << 20


@pytest.mark.parametrize("kind", ["many tensors", "many pickled tensors", "a zip bomb"])
def test_a_far_too_large_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    name, make, _ = TOO_LARGE[kind]
    make(tmp_path / name)
    reads = []
    monkeypatch.setattr(host, "read_tensors", reads.append)
    refused(tmp_path / name)
    assert not reads

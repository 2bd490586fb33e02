"""Encoding videos into shards. The VAE and the CLIP only keep sizes and texts."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.training.headless import encode
from animatediff_xl.motion_models.training.headless.config import read_config
from animatediff_xl.motion_models.training.headless.encode import encode_shards
from animatediff_xl.motion_models.training.headless.shards import open_shards
from animatediff_xl.motion_models.training.headless.sources import clips_of

from tests.coded_video import write_coded

CLIPS = {"source": "videos", "caption": "no text", "frames": 4, "width": 64, "height": 64, "windows": 2}


class Encoder:
    """A VAE and a CLIP in one."""

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.mean((1, 2, 3))[:, None, None, None].expand(-1, 4, 8, 8)

    def tokenize(self, text: str) -> str:
        return text

    def encode_from_tokens_scheduled(self, tokens: str) -> list:
        return [[torch.full((1, 7, 8), len(tokens)), {"pooled_output": torch.zeros(1, 8)}]]


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    for number in range(3):
        write_coded(folder / f"{number}.mp4", 60)
        (folder / f"{number}.txt").write_text(f"video {number}")
    (folder / "3.mp4").write_bytes(b"damaged")
    return folder


def encoded(path: Path, processes: int = 1) -> dict[str, bytes]:
    """The shards that processes write, by name."""
    config = read_config(path)
    for rank in reversed(range(processes)):
        encode_shards(config, Encoder(), Encoder(), rank, processes)
    return {shard.name: shard.read_bytes() for shard in sorted(config.resolved(config.values["data"]).glob("*.tar"))}


@pytest.mark.usefixtures("videos")
def test_any_number_of_processes_writes_the_same_shards(write_config: Callable[..., Path], monkeypatch) -> None:
    monkeypatch.setattr(encode, "SOURCES_PER_SHARD", 1)
    one = encoded(write_config(data="one", clips=CLIPS))
    assert list(one) == ["00000.tar", "00001.tar", "00002.tar", "00003.tar"]
    assert encoded(write_config(data="two", clips=CLIPS), processes=2) == one
    clips = clips_of(read_config(write_config(data="one")), None, None)
    assert len(clips.latents) == 6 and clips.frames == 4
    assert (clips.facts["fps"], clips.facts["width"]) == ("8", "64")
    assert clips.conditions[0][0][0].shape == (1, 7, 8)


@pytest.mark.usefixtures("videos")
def test_an_encoding_that_stopped_goes_on(write_config: Callable[..., Path], monkeypatch) -> None:
    monkeypatch.setattr(encode, "SOURCES_PER_SHARD", 1)
    path = write_config(clips=CLIPS)
    before = encoded(path)
    shard = path.parent / "shards/00001.tar"
    kept = (path.parent / "shards/00000.tar").stat().st_mtime_ns
    shard.unlink()

    class Full(Encoder):
        def encode(self, pixels: torch.Tensor) -> torch.Tensor:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        encode_shards(read_config(path), Encoder(), Full(), 0, 1)
    assert not shard.exists()
    assert encoded(path) == before and (path.parent / "shards/00000.tar").stat().st_mtime_ns == kept


@pytest.mark.usefixtures("videos")
def test_shards_of_other_settings_are_refused(write_config: Callable[..., Path]) -> None:
    encoded(write_config(clips=CLIPS))
    with pytest.raises(MotionError, match="has clips of other settings: choose another folder as data"):
        encoded(write_config(clips={**CLIPS, "frames": 3}))


def test_videos_in_tar_files_are_encoded(write_config: Callable[..., Path], videos: Path) -> None:
    tars = videos.parent / "tars"
    tars.mkdir()
    with tarfile.open(tars / "a.tar", "w") as tar:
        tar.add(videos / "0.mp4", "part/000.mp4")
        tar.add(videos / "1.mp4", "../001.mp4")
        text = tarfile.TarInfo("../001.txt")
        text.size = 5
        tar.addfile(text, io.BytesIO(b"a cat"))
    path = write_config(clips={**CLIPS, "source": "tars/*.tar"})
    assert list(encoded(path)) == ["00000_a.tar"]
    shards = open_shards([path.parent / "shards/00000_a.tar"])
    assert sorted(map(shards.caption, range(len(shards)))) == ["a cat", "a cat", "no text", "no text"]
    assert not (videos.parent / "001.mp4").exists()


@pytest.mark.parametrize("data", ["shards/*.tar", "a.tar", ["shards"]])
def test_shards_are_written_into_a_folder(write_config: Callable[..., Path], data: object) -> None:
    with pytest.raises(MotionError, match="data in small.toml is .*: to encode, write the folder"):
        encode_shards(read_config(write_config(data=data, clips=CLIPS)), Encoder(), Encoder(), 0, 1)


@pytest.mark.parametrize("source", ["", "gone", ["gone/*.tar"]])
def test_a_source_that_is_missing_is_named(write_config: Callable[..., Path], source: object) -> None:
    with pytest.raises(MotionError, match="source in small.toml is .*, and that is neither a folder nor tar files"):
        encoded(write_config(clips={**CLIPS, "source": source}))

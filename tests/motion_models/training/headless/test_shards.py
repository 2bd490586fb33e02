"""Tar files in WebDataset's layout: those of this pack, and those that others write."""

import io
import tarfile
from pathlib import Path

import pytest
import safetensors.torch
import torch
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.training.headless.shards import open_shards, shard_clips

LATENTS = torch.arange(2 * 4 * 3 * 3).reshape(2, 4, 3, 3).float()


def written(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def safe(tensor: torch.Tensor) -> bytes:
    return safetensors.torch.save({"latents": tensor})


def pth(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def test_shards_of_other_programs_are_read(tmp_path: Path) -> None:
    """Folders, further dots and members are WebDataset's. The order of members does not matter."""
    members = {
        "part/0.txt": b"a cat\n", "part/0.json": b"{}", "part/0.safetensors": safe(LATENTS), "part/0.cls.txt": b"wrong",
        "1.pth": pth(LATENTS.half() + 1), "1.txt": "eine K\u00e4tzin".encode(), "2.pth": pth(LATENTS + 2),
        "read.me": b"",
    }  # fmt: skip
    asked: list[str] = []

    def encode(caption: str) -> list:
        asked.append(caption)
        return [[torch.full((1, 7, 8), len(caption)), {}]]

    again = {"0.pth": pth(LATENTS + 3), "0.txt": b"a cat"}
    paths = [written(tmp_path / "a.tar", members), written(tmp_path / "b.tar", again)]
    clips = shard_clips(open_shards(paths), encode)
    assert [float(clip[0, 0, 0, 0]) for clip in clips.latents] == [0, 1, 2, 3]
    assert all(torch.equal(clip, LATENTS + number) for number, clip in enumerate(clips.latents))
    assert asked == ["a cat", "eine K\u00e4tzin", ""]
    assert [int(each[0][0][0, 0, 0]) for each in clips.conditions] == [5, 11, 0, 5]
    assert (clips.frames, clips.facts["clips"], clips.facts["width"]) == (2, "4", "24")


def test_our_shards_keep_clips_and_captions(shards: Path) -> None:
    clips = shard_clips(open_shards(sorted(shards.glob("*.tar"))), lambda _: pytest.fail("captions are encoded"))
    generator = torch.Generator().manual_seed(3)
    assert len(clips.latents) == len(clips.conditions) == 5
    for latents, conditions in zip(clips.latents, clips.conditions, strict=True):
        expected = torch.randn(4, 4, 8, 8, generator=generator)
        context, pooled = (torch.randn(1, *size, generator=generator) for size in ((77, 48), (32,)))
        ((found, more),) = conditions
        for value, before in ((latents, expected), (found, context), (more["pooled_output"], pooled)):
            assert value.dtype == torch.float32 and torch.equal(value, before.half().float())


def test_clips_are_read_only_when_asked(shards: Path) -> None:
    opened = open_shards(sorted(shards.glob("*.tar")))
    assert opened.places.nbytes < 64 * len(opened)
    clips = shard_clips(opened, lambda _: [])
    (shards / "1.tar").write_bytes(b"")
    assert torch.isfinite(clips.latents[2]).all()
    with pytest.raises(MotionError, match="Clip 3 of 1.tar cannot be read: encode that shard again"):
        clips.latents[3]


def test_other_shards_are_another_training(shards: Path, tmp_path: Path) -> None:
    def known() -> dict:
        return dict(shard_clips(open_shards(sorted(shards.glob("*.tar"))), lambda _: []).files)

    before = known()
    assert known() == before
    (shards / "1.tar").rename(tmp_path / "1.tar")
    assert known() != before


@pytest.mark.parametrize(
    ("members", "mode", "message"),
    [
        ({"0.mp4": b"", "0.txt": b""}, "w", "a.tar has videos: encode them first, with --encode"),
        ({"0.pth": b"", "0.txt": b""}, "w:gz", "a.tar cannot be read: it must be a tar file without compression"),
        ({"0.json": b""}, "w", "There are no clips in a.tar"),
        ({"0.pth": b"no"}, "w", "Clip 0 of a.tar cannot be read"),
        ({"0.safetensors": b"no"}, "w", "Clip 0 of a.tar cannot be read"),
        ({"0.pth": pth([1])}, "w", "Clip 0 of a.tar cannot be read"),
        ({"0.safetensors": safetensors.torch.save({"a": LATENTS})}, "w", "Clip 0 of a.tar cannot be read"),
        ({"0.pth": pth(LATENTS[0])}, "w", "Clip 0 of a.tar cannot be read"),
    ],
)
def test_shards_that_cannot_be_used_are_explained(tmp_path: Path, members: dict, mode: str, message: str) -> None:
    with pytest.raises(MotionError, match=message):
        shard_clips(open_shards([written(tmp_path / "a.tar", members, mode)]), lambda _: [])


def test_a_clip_of_another_size_is_refused(tmp_path: Path) -> None:
    members = {"0.pth": pth(LATENTS), "1.pth": pth(LATENTS[:1])}
    clips = shard_clips(open_shards([written(tmp_path / "a.tar", members)]), lambda _: [])
    with pytest.raises(MotionError, match="There are clips of 1 x 24 x 24, 2 x 24 x 24"):
        clips.latents[1]


@pytest.mark.parametrize("missing", ["conditioning", "pooled_output"])
def test_a_clip_with_half_a_caption_is_refused(tmp_path: Path, missing: str) -> None:
    tensors = {"latents": LATENTS, "conditioning": torch.zeros(1, 77, 48), "pooled_output": torch.zeros(1, 32)}
    del tensors[missing]
    path = written(tmp_path / "a.tar", {"0.safetensors": safetensors.torch.save(tensors)})
    with pytest.raises(MotionError, match="encode all of them again"):
        shard_clips(open_shards([path]), lambda _: []).conditions[0]

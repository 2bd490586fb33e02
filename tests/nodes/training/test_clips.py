"""Encode Clips as the host calls it, with the tiny VAE and CLIP, and its clips in the host's own data nodes."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import comfy.sd
import folder_paths
import pytest
import torch
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.nodes.training.clips import EncodeClips
from comfy_extras.nodes_dataset import LoadTrainingDataset, MakeTrainingDataset, ResolutionBucket, SaveTrainingDataset

from nodes import CLIPTextEncode, VAEEncode
from tests.coded_video import write_coded
from tests.host.obtain import PACK
from tests.tiny import host_pack  # noqa: F401 - the host recognises the tiny checkpoint by it

VALUES = {
    "frames": 16, "fps": 8.0, "width": 64, "height": 64, "windows": 2, "mirror": False, "camera": "none", "caption": "",
}  # fmt: skip


@pytest.fixture(scope="module")
def tiny() -> dict[str, Any]:
    """The VAE and the CLIP of the tiny checkpoint, by the names of the inputs."""
    path = PACK / "tests" / "tiny" / "tiny_sdxl.safetensors"
    _, clip, vae, _ = comfy.sd.load_checkpoint_guess_config(str(path), output_model=False)
    return {"vae": vae, "clip": clip}


@pytest.fixture(autouse=True)
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The host's input folder, with two videos in `cars`. The other folders of the host are beside it."""
    for name in ("input", "output", "temp"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(folder_paths, f"{name}_directory", str(tmp_path / name))
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "datasets", ([str(tmp_path / "output")], set()))
    monkeypatch.setattr(EncodeClips, "hidden", SimpleNamespace(unique_id="1", prompt=None, extra_pnginfo=None))
    cars = tmp_path / "input" / "cars"
    cars.mkdir()
    write_coded(cars / "a.mp4", 100)
    write_coded(cars / "b.mp4", 60)
    (cars / "b.txt").write_text("a blue square moving up")
    return tmp_path / "input"


@pytest.fixture(scope="module", autouse=True)
def inference():
    with torch.inference_mode():
        yield


def test_clips_are_encoded_as_the_hosts_nodes_do(inputs: Path, tiny: dict[str, Any]) -> None:
    latents, conditioning, sheet, report = EncodeClips.execute("cars", **tiny, **VALUES).args
    assert [latent["samples"].shape for latent in latents] == [(16, 4, 8, 8)] * 4
    with av.open(str(inputs / "cars" / "b.mp4")) as video:
        first = next(video.decode(video=0)).to_ndarray(format="rgb24")
    (encoded,) = VAEEncode().encode(tiny["vae"], torch.from_numpy(first / 255.0).float()[None])
    assert torch.equal(latents[2]["samples"][0], encoded["samples"][0])
    (expected,) = CLIPTextEncode().encode(tiny["clip"], "a blue square moving up")
    assert torch.equal(conditioning[2][0][0], expected[0][0])
    assert torch.equal(conditioning[2][0][1]["pooled_output"], expected[0][1]["pooled_output"])
    assert not torch.equal(conditioning[0][0][0], expected[0][0])
    assert sheet.shape == (1, 4 + 4 * 100, 4 + 16 * 100, 3)
    assert report.startswith("4 clips of 16 frames, 64 x 64, from 2 of 2 sources.")


def test_saved_clips_load_unchanged(tiny: dict[str, Any]) -> None:
    latents, conditioning = EncodeClips.execute("cars", **tiny, **VALUES).args[:2]
    SaveTrainingDataset.execute(latents, conditioning, ["clips"], [3])
    loaded_latents, loaded_conditioning = LoadTrainingDataset.execute("clips").args
    assert len(loaded_latents) == len(loaded_conditioning) == 4
    for latent, loaded in zip(latents, loaded_latents, strict=True):
        assert loaded.keys() == latent.keys() and torch.equal(latent["samples"], loaded["samples"])
    for condition, loaded in zip(conditioning, loaded_conditioning, strict=True):
        assert torch.equal(condition[0][0], loaded[0][0])
        assert torch.equal(condition[0][1]["pooled_output"], loaded[0][1]["pooled_output"])


def test_latents_have_the_form_of_the_hosts_dataset(tiny: dict[str, Any]) -> None:
    latents, conditioning, _, _ = EncodeClips.execute("cars", **tiny, **VALUES).args
    clip = torch.rand(16, 64, 64, 3)
    texts = ["a blue square moving up"]
    host_latents, host_conditioning = MakeTrainingDataset.execute([clip], [tiny["vae"]], [tiny["clip"]], texts).args
    assert host_latents[0]["samples"].shape == latents[0]["samples"].shape
    assert host_latents[0]["samples"].dtype == latents[0]["samples"].dtype
    assert host_latents[0]["samples"].device == latents[0]["samples"].device
    assert torch.equal(host_conditioning[0][0][0], conditioning[-1][0][0])


def test_single_frames_pass_resolution_bucket(tiny: dict[str, Any]) -> None:
    """It takes longer clips apart, on every host: it asks for a caption for each frame."""
    latents, conditioning = EncodeClips.execute("cars", **tiny, **VALUES | {"frames": 1}).args[:2]
    bucketed, conditions = ResolutionBucket.execute(latents, conditioning).args
    assert torch.equal(bucketed[0]["samples"], torch.cat([latent["samples"] for latent in latents]))
    assert len(conditions[0]) == len(latents)


def test_the_node_shows_its_report_and_contact_sheet(tiny: dict[str, Any]) -> None:
    output = EncodeClips.execute("cars", **tiny, **VALUES)
    assert output.ui["text"] == (output.args[3],)
    assert (Path(folder_paths.temp_directory) / output.ui["images"][0]["filename"]).is_file()


@pytest.mark.parametrize("name", ["gone", "..", "../output", "/etc", "", None, 3])
def test_only_input_folders_are_read(tiny: dict[str, Any], name: Any) -> None:
    with pytest.raises(MotionError, match="There is no folder"):
        EncodeClips.execute(name, **tiny, **VALUES)


def test_a_missing_input_folder_is_explained(inputs: Path, tiny: dict[str, Any]) -> None:
    for path in (inputs / "cars").iterdir():
        path.unlink()
    (inputs / "cars").rmdir()
    (options,) = (field.options for field in EncodeClips.define_schema().inputs if field.id == "folder")
    assert options == ["no folder found"]
    with pytest.raises(MotionError, match="No folder found: make a folder with videos in"):
        EncodeClips.execute(options[0], **tiny, **VALUES)


def test_a_changed_folder_is_encoded_again(inputs: Path) -> None:
    before = EncodeClips.fingerprint_inputs(folder="cars", windows=2)
    assert len(before) == 3 and EncodeClips.fingerprint_inputs(folder="cars", windows=2) == before
    (inputs / "cars" / "b.txt").write_text("a red square moving up")
    os.utime(inputs / "cars" / "b.txt", ns=(0, 1))
    changed = EncodeClips.fingerprint_inputs(folder="cars", windows=2)
    (inputs / "cars" / "walk").mkdir()
    (inputs / "cars" / "walk" / "1.png").touch()
    assert len({str(before), str(changed), str(EncodeClips.fingerprint_inputs(folder="cars"))}) == 3
    assert EncodeClips.fingerprint_inputs(folder="gone") == []


@pytest.mark.parametrize(("name", "value"), [("vae", "x"), ("clip", None), ("vae", object()), ("clip", 3)])
def test_other_objects_than_vae_and_clip_are_refused(tiny: dict[str, Any], name: str, value: Any) -> None:
    with pytest.raises(MotionError, match=f"{name} is .*, but must be a {name.upper()}, such as"):
        EncodeClips.execute("cars", **tiny | {name: value}, **VALUES)

"""Published files are recognised by their keys, and by their name where the keys are ambiguous."""

import hashlib
from pathlib import Path

import pytest
import torch
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.files.checkpoints import shape_of
from animatediff_xl.motion_models.files.families import FAMILIES, Detection, detect, detection_of
from animatediff_xl.motion_models.files.key_formats import in_original_format, key_format_of, motion_keys
from animatediff_xl.motion_models.sampling.beta_schedules import BETA_SCHEDULES
from diffusers import MotionAdapter
from torch import Tensor

from tests.small import in_original_format as authors_names
from tests.small import shapes_of

SD15, SDXL = (320, 640, 1280, 1280), (320, 640, 1280)


def key_hash(shapes: dict[str, torch.Size]) -> str:
    """The digest of names and shapes by which DiffSynth-Studio recognises files."""
    entries = []
    for key, shape in shapes.items():
        entries += [key + ":" + "_".join(str(size) for size in shape), key]
    return hashlib.md5(",".join(sorted(entries)).encode()).hexdigest()


def diffusers_file(widths: tuple[int, ...], rows: int, mid: bool) -> dict[str, Tensor]:
    """Names and shapes of a real file in diffusers' key format."""
    with torch.device("meta"):
        adapter = MotionAdapter(block_out_channels=widths, motion_max_seq_length=rows, use_motion_mid_block=mid)
    return adapter.state_dict()


def authors_file(widths: tuple[int, ...], rows: int | None, mid: bool) -> dict[str, Tensor]:
    tensors = authors_names(diffusers_file(widths, rows or 1, mid))
    return tensors if rows else {key: value for key, value in tensors.items() if not key.endswith(".pe")}


def hotshot_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The authors' names turned into HotshotXL's."""
    return {
        key.replace("motion_modules", "temporal_attentions")
        .replace(".temporal_transformer", "")
        .replace("pos_encoder.pe", "pos_encoder.positional_encoding"): value
        for key, value in tensors.items()
    }


PIA_INPUT = {"conv_in.weight": torch.empty(320, 9, 3, 3, device="meta"), "conv_in.bias": torch.empty(320)}
IMAGE_ENCODER = {"img_encoder.conv_in.weight": torch.empty(320, 4, 3, 3, device="meta")}

# digests: DiffSynth-Studio's model table has those of SDXL beta and v2; the others pin the key formats
KEY_LISTS = {
    "SDXL beta": (lambda: authors_file(SDXL, 32, False), "72907b92caed19bdb2adb89aa4063fe2"),
    "SDXL beta, diffusers": (lambda: diffusers_file(SDXL, 32, False), "8d18a3924bf64e2aaca4a0e6210d9a72"),
    "SDXL, no positions": (lambda: authors_file(SDXL, None, False), "f866e1eaae963c828c9b0fe95d0510f4"),
    "Hotshot": (lambda: hotshot_names(authors_file(SDXL, 24, False)), "07ba226f76938e167a303550ec279f35"),
    "Hotshot, authors": (lambda: authors_file(SDXL, 24, False), "f4c68fdfe78afd33013fc7fea7eb02a6"),
    "v1": (lambda: authors_file(SD15, 24, False), "48160c3810f23bb75a983d59ab24d0e7"),
    "v1, diffusers": (lambda: diffusers_file(SD15, 24, False), "fc7c502e76277bd112f20d3365bcd710"),
    "v2": (lambda: authors_file(SD15, 32, True), "c96a285a6888465f87de22a984d049fb"),
    "v2, diffusers": (lambda: diffusers_file(SD15, 32, True), "953bf86634733fc459a19a69567face8"),
    "v3": (lambda: authors_file(SD15, 32, False), "d849e3127a4314fae1980b98f9ce9351"),
    "v3, diffusers": (lambda: diffusers_file(SD15, 32, False), "7553665f662aa97be565f6d2343c2562"),
    "SD1.5, no positions": (lambda: authors_file(SD15, None, False), "0e1e41e106bcf6e14d92eae5211e85ab"),
    "LCM": (lambda: authors_file(SD15, None, True), "aee4ca44d625a7f8972dfe3c27926215"),
    "LCM, diffusers": (lambda: diffusers_file(SD15, 64, True), "91639d7c45a21abe7ad7a5046d25e8ca"),
    "Long 32": (lambda: authors_file(SD15, 64, True), "8e1b908829345a28424ecde2f4126bc6"),
    "Long 64": (lambda: authors_file(SD15, 128, True), "248d4dced9a4157ba49d0b81fd62a691"),
    "Long 64, diffusers": (lambda: diffusers_file(SD15, 128, True), "8008e6f36a07ff234044c18219450539"),
    "PIA": (lambda: authors_file(SD15, 32, False) | PIA_INPUT, "1aa36c3746c4f9187a8c79d3bddc1304"),
}
FILES = [
    ("SDXL beta", "mm_sdxl_v10_beta.ckpt", "AnimateDiff SDXL beta"),
    ("SDXL beta, diffusers", "diffusion_pytorch_model.bin", "AnimateDiff SDXL beta"),
    ("SDXL, no positions", "hotshot_again.ckpt", "HotshotXL"),
    ("Hotshot", "temporal_layers.safetensors", "HotshotXL"),
    ("Hotshot, authors", "mm_sdxl_hs.safetensors", "HotshotXL"),
    ("v1", "mm_sd_v15.ckpt", "AnimateDiff v1"),
    ("v1", "temporaldiff-v1-animatediff.ckpt", "AnimateDiff v1"),
    ("v1, diffusers", "diffusion_pytorch_model.bin", "AnimateDiff v1"),
    ("v2", "mm_sd_v15_v2.ckpt", "AnimateDiff v2"),
    ("v2, diffusers", "diffusion_pytorch_model.bin", "AnimateDiff v2"),
    ("v3", "v3_sd15_mm.ckpt", "AnimateDiff v3"),
    ("v3, diffusers", "diffusion_pytorch_model.bin", "AnimateDiff v3"),
    ("SD1.5, no positions", "mm_v15_again.ckpt", "AnimateDiff v1"),
    ("LCM", "AnimateLCM_sd15_t2v.ckpt", "AnimateLCM"),
    ("LCM", "mm_sd_v15_v2_trained_again.ckpt", "AnimateDiff v2"),
    ("LCM, diffusers", "diffusion_pytorch_model.bin", "AnimateLCM"),
    ("v2", "animatediff_lightning_4step_comfyui.safetensors", "AnimateDiff-Lightning"),
    ("v2, diffusers", "animatediff_lightning_2step_diffusers.safetensors", "AnimateDiff-Lightning"),
    ("Long 32", "lt_long_mm_32_frames.ckpt", "LongAnimateDiff 32"),
    ("Long 64", "lt_long_mm_16_64_frames_v1.1.ckpt", "LongAnimateDiff 64"),
    ("Long 64, diffusers", "diffusion_pytorch_model.bin", "LongAnimateDiff 64"),
    ("PIA", "pia.ckpt", "PIA"),
]


def found(tensors: dict[str, Tensor], name: str) -> Detection:
    keys = motion_keys(tensors)
    key_format = key_format_of(keys)
    shape = shape_of(in_original_format(keys, key_format), name)
    return detect(tensors, shape, (key_format, shape.frame_limit or None), Path(name))


@pytest.mark.parametrize(("key_list", "name", "family"), FILES)
def test_every_published_file_is_recognised(key_list: str, name: str, family: str) -> None:
    make, digest = KEY_LISTS[key_list]
    tensors = make()
    assert key_hash(shapes_of(tensors)) == digest
    assert found(tensors, f"animatediff_models/{name}").family.name == family


def test_an_image_encoder_means_an_image_to_video_family() -> None:
    assert found(authors_file(SD15, None, True) | IMAGE_ENCODER, "mm.ckpt").family.name == "AnimateLCM-I2V"


def test_a_certain_detection_gives_no_reason() -> None:
    assert not found(authors_file(SDXL, 32, False), "mm.ckpt").reason
    assert not found(authors_file(SD15, 24, False), "mm.ckpt").reason


@pytest.mark.parametrize(
    ("path", "family", "by"),
    [
        ("lightning/mm.ckpt", "AnimateDiff-Lightning", "folder"),
        ("sd_v15_v2/animatediff_lightning.safetensors", "AnimateDiff-Lightning", "file"),
        ("lightning/mm_sd_v15_v2.ckpt", "AnimateDiff v2", "file"),
    ],
)
def test_the_file_name_decides_before_the_folder_name(path: str, family: str, by: str) -> None:
    detection = found(authors_file(SD15, 32, True), path)
    assert detection.family.name == family
    assert detection.reason == f"Its tensors fit several families: {family} was chosen by the name of the {by}."


def test_a_guess_is_reported_with_how_to_change_it() -> None:
    guess = found(authors_file(SD15, None, True), "mm.ckpt")
    assert guess.family.name == "AnimateLCM"
    assert "guess: set family if it is another (AnimateDiff v2, AnimateDiff-Lightning," in guess.reason


def test_the_users_choice_overrides_detection(pair) -> None:
    shape = shape_of(pair.motion, "mm.ckpt")
    assert detection_of("HotshotXL", shape, "mm.ckpt").family.name == "HotshotXL"
    with pytest.raises(MotionError, match=r"AnimateDiff v3, which is for SD1\.5: .* on 3 levels, and SD1\.5 has 4"):
        detection_of("AnimateDiff v3", shape, "mm.ckpt")


def test_the_family_table_is_consistent() -> None:
    for family in FAMILIES.values():
        assert family.beta_schedule in BETA_SCHEDULES
        assert family.trained_frames <= family.frame_limit
        rows = {rows for _, rows in family.layouts if rows}
        assert rows <= {family.frame_limit}

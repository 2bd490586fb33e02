"""What a training says about its memory, against bounds for cards and against a count of live tensors."""

import comfy.model_management
import pytest
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.training.dataset import TrainingClips, training_clips
from animatediff_xl.motion_models.training.engine import Training, TrainingSettings
from animatediff_xl.motion_models.training.losses import NoiseSettings
from animatediff_xl.motion_models.training.memory import GB, memory_report, use_report
from animatediff_xl.motion_models.training.session import Session, train_motion, train_stills
from animatediff_xl.motion_models.training.stages import (
    FROM_FILE,
    LAYERS,
    Trained,
    domain_adapter,
    motion_lora,
    motion_model,
)

from tests.counting import PeakBytes
from tests.meta_models import told_memory
from tests.sampling import hooks_left
from tests.small import conditioning


@pytest.fixture(scope="module")
def clips() -> TrainingClips:
    """Large enough that activations count more than weights."""
    return training_clips([{"samples": torch.randn(4, 4, 32, 32)} for _ in range(2)], [conditioning(1)])


def settings(clips_per_step: int = 1) -> TrainingSettings:
    return TrainingSettings(2, 1e-3, clips_per_step=clips_per_step)


STAGES = {
    "MotionLoRA": lambda model, motion, *given: train_motion(
        model, motion, lambda modules: motion_lora(modules, 64, LAYERS["attention"], 0), *given
    ),
    "motion model": lambda model, motion, *given: train_motion(
        model, motion, lambda modules: motion_model(modules, FROM_FILE, 0), *given, trains_all=True
    ),
    "domain adapter": lambda model, motion, *given: train_stills(
        model, lambda unet: domain_adapter(unet, host.adapter_names(model), 64, 0), *given
    ),
}


@pytest.mark.parametrize(
    ("stage", "pixels", "checkpointing", "card"),
    [
        ("MotionLoRA", 512, "on", 12),
        ("MotionLoRA", 1024, "on", 24),
        ("motion model", 768, "on", 24),
        ("motion model", 1024, "on, in pieces", 24),
    ],
)
def test_a_training_of_sdxl_fits_on_a_card(stage: str, pixels: int, checkpointing: str, card: int) -> None:
    needed = told_memory("SDXL", stage, pixels, checkpointing)
    assert 5.2 < needed < card - 1  # more than the weights, and something is left for the desktop


@pytest.mark.parametrize(
    ("stage", "checkpointing", "clips_per_step", "precision"),
    [
        ("MotionLoRA", "off", 1, "fp32"),
        ("MotionLoRA", "off", 1, "bf16"),
        ("MotionLoRA", "on", 2, "fp32"),
        ("MotionLoRA", "on, in pieces", 1, "bf16"),
        ("motion model", "off", 1, "fp32"),
        ("motion model", "on", 2, "bf16"),
        ("domain adapter", "on", 1, "fp32"),
    ],
)
def test_a_training_takes_what_it_said(
    pair, motion, clips, monkeypatch, stage: str, checkpointing: str, clips_per_step: int, precision: str
) -> None:
    needs: list[float] = []
    reserve = host.reserve
    monkeypatch.setattr(host, "reserve", lambda model, needed: (needs.append(needed), reserve(model, needed)))
    peaks: list[int] = []

    def on_step(_training: Training, _trained: Trained) -> None:
        peaks.append(live.peak)
        live.peak = live.now

    with PeakBytes() as live:
        session = Session(settings(clips_per_step), NoiseSettings(), 0, checkpointing, precision)
        STAGES[stage](pair.model, motion, clips, session, on_step)
    assert needs == [pytest.approx(peaks[-1], rel=0.1)]


def test_the_count_changes_nothing(pair, motion, clips, monkeypatch) -> None:
    results = []
    for plan in (None, lambda *_: None):
        if plan:
            monkeypatch.setattr("animatediff_xl.motion_models.training.session.plan_memory", plan)
        session = Session(settings(), NoiseSettings(), 0, "on")
        training, _ = STAGES["motion model"](pair.model, motion, clips, session, lambda *_: None)
        results.append(training.weights())
    counted, plain = results
    assert all(torch.equal(value, plain[name]) for name, value in counted.items())
    assert hooks_left(pair.model) == 0


def test_the_host_makes_room_for_a_training(pair, motion, clips, monkeypatch) -> None:
    needs, loads = [], []
    reserve, load = host.reserve, comfy.model_management.load_models_gpu

    def on_load(models, memory_required=0, **kw):
        loads.append((sum(model.model_size() for model in models), memory_required, kw["force_full_load"]))
        load(models, memory_required=memory_required, **kw)

    monkeypatch.setattr(host, "reserve", lambda model, needed: (needs.append(needed), reserve(model, needed)))
    monkeypatch.setattr(comfy.model_management, "load_models_gpu", on_load)
    session = Session(settings(), NoiseSettings(), 0, "on")
    STAGES["MotionLoRA"](pair.model, motion, clips, session, lambda *_: None)
    ((weights, room, whole),) = loads
    assert whole and weights + room >= needs[0]


def test_attention_that_is_not_fused_needs_more(monkeypatch) -> None:
    fused = told_memory("SDXL", "domain adapter", 1024, "off")
    monkeypatch.setattr("animatediff_xl.motion_models.host.attention_kernels.USES_FUSED_KERNEL", ())
    assert told_memory("SDXL", "domain adapter", 1024, "off") > fused + 4


NEEDS = {"off": 35 * GB, "on": 9 * GB, "on, in pieces": 8 * GB}
SAID = "The training needs about {} GB of memory, and {}.0 GB are available."


@pytest.mark.parametrize(
    ("checkpointing", "available", "frames_matter", "advice"),
    [
        ("off", 40, True, ""),
        ("on, in pieces", 8, True, ""),
        ("off", 10, True, "set checkpointing to 'on', which needs about 9.0 GB."),
        ("on", 8, True, "set checkpointing to 'on, in pieces', which needs about 8.0 GB."),
        (
            "off",
            6,
            True,
            "with checkpointing 'on, in pieces' it needs about 8.0 GB: encode clips with fewer frames, or",
        ),
        ("on, in pieces", 6, False, "it needs about 8.0 GB: encode clips with a smaller width and height."),
    ],
)
def test_a_setting_that_needs_less_is_named(checkpointing, available, frames_matter, advice: str) -> None:
    report = memory_report(NEEDS.__getitem__, checkpointing, available * GB, frames_matter)
    said, *advised = report.split("\n")
    assert said == SAID.format(NEEDS[checkpointing] / GB, available)
    assert len(advised) == bool(advice) and advice in report


def test_the_memory_in_use_is_what_other_programs_cannot_get(monkeypatch) -> None:
    manager = comfy.model_management
    monkeypatch.setattr(manager, "get_total_memory", lambda device: 24 * GB)
    monkeypatch.setattr(manager, "get_free_memory", lambda device, torch_free_too: (14 * GB, 3 * GB))
    assert use_report(torch.device("cuda")) == ["13.0 GB of memory are in use."]
    assert use_report(torch.device("cpu")) == []

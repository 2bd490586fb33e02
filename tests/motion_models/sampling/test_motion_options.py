"""Motion options in sampling runs: neutral values, order of nodes, windows, limits and errors."""

from dataclasses import replace
from functools import partial

import comfy.model_management
import pytest
import torch
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.files.loading import open_motion_file
from animatediff_xl.motion_models.network.block_strengths import block_strengths
from animatediff_xl.motion_models.sampling.motion_options import MotionOptions, add_motion_options, describe

from tests.motion_models.conftest import SETTINGS
from tests.sampling import hooks_left, sample, start_noise
from tests.small import SD15, save, small_pair
from tests.windowed import host_windowed, same, windowed

EVERYTHING = {"strengths": block_strengths("down 0: 0.3, up: 1.5"), "stretch": 1.5, "sharpness": 1.3}


def with_options(model, **options):
    return add_motion_options(model, MotionOptions(**options))


def test_neutral_options_change_nothing(pair, animate) -> None:
    model = animate(pair.model)
    expected = sample(model)
    assert torch.equal(sample(with_options(model)), expected)
    ones = block_strengths("down: 1, up: 1")
    assert same(sample(with_options(model, strengths=ones)), expected)


@pytest.mark.parametrize("name", EVERYTHING)
def test_each_option_changes_the_clip_in_any_order(pair, animate, name: str) -> None:
    option, plain = {name: EVERYTHING[name]}, sample(animate(pair.model))
    before, after = animate(with_options(pair.model, **option)), with_options(animate(pair.model), **option)
    changed = sample(after)
    assert torch.equal(sample(before), changed)
    assert not torch.allclose(changed, plain, atol=1e-3)
    assert torch.equal(sample(animate(pair.model)), plain)
    assert hooks_left(pair.model) == 0


def test_options_change_nothing_without_motion(pair, animate, still) -> None:
    expected, warnings = sample(pair.model), []
    assert torch.equal(sample(with_options(animate(pair.model, still), **EVERYTHING)), expected)
    unmoved = with_options(pair.model, **EVERYTHING, on_report=lambda _, found: warnings.extend(found))
    assert torch.equal(sample(unmoved), expected)
    assert warnings[0].startswith("This MODEL has no motion")


def test_a_strength_for_all_blocks_is_the_strength(pair, animate) -> None:
    """With a mask too. 0 for all blocks removes the motion."""
    mask = torch.rand(4, 8, 8)
    half = animate(pair.model, settings=replace(SETTINGS, strength=0.5, mask=mask))
    whole = animate(pair.model, settings=replace(SETTINGS, mask=mask))
    assert same(sample(with_options(whole, strengths=block_strengths("down: .5, up: .5"))), sample(half))
    none = with_options(whole, strengths=block_strengths("down: 0, up: 0"))
    assert torch.equal(sample(none), sample(pair.model))


OURS = partial(windowed, overlap=0)
IN_MODULES = partial(OURS, in_motion_modules=True)


@pytest.mark.parametrize("long", [OURS, IN_MODULES, host_windowed], ids=["ours", "in modules", "the host's"])
def test_each_window_has_stretched_positions_of_its_own(pair, animate, long) -> None:
    """Batched windows are separate clips."""
    model, noise = with_options(animate(animate(pair.model)), **EVERYTHING), start_noise(8)
    clips = [sample(model, noise=part) for part in noise.split(4)]
    assert same(sample(long(model, schedule="batched"), noise=noise), torch.cat(clips))


def test_more_frames_run_at_once_if_they_are_stretched(pair, animate) -> None:
    """The motion model has 32 positions, which are enough for 64 frames."""
    model = animate(pair.model)
    with pytest.raises(MotionError, match="40 frames run at once, and random.safetensors works with 32 at most"):
        sample(model, noise=start_noise(40), steps=1)
    assert sample(with_options(model, stretch=2.0), noise=start_noise(40), steps=1).isfinite().all()
    with pytest.raises(MotionError, match="65 frames run at once, and random.safetensors works with 64 at most"):
        sample(with_options(model, stretch=2.0), noise=start_noise(65), steps=1)


def test_frames_that_fit_have_no_warning(pair, animate) -> None:
    warnings: list[str] = []
    settings = replace(SETTINGS, on_report=lambda _, found: warnings.extend(found))
    sample(with_options(animate(pair.model, settings=settings), stretch=2.0), noise=start_noise(32), steps=1)
    assert not warnings
    sample(with_options(animate(pair.model, settings=settings), stretch=2.0), noise=start_noise(33), steps=1)
    assert "33 frames at once may move slowly" in warnings[0]


def test_sd15_has_a_middle_block(animate, tmp_path) -> None:
    pair = small_pair(base=SD15, mid=True)
    file = open_motion_file(save(pair.motion, tmp_path / "v2.safetensors"))
    model, expected = animate(pair.model, file), sample(animate(pair.model, file))
    assert not torch.allclose(sample(with_options(model, strengths=block_strengths("mid: 0"))), expected, atol=1e-4)
    assert not torch.allclose(sample(with_options(model, stretch=2.0, sharpness=2.0)), expected, atol=1e-4)


def test_a_place_without_a_motion_module_is_named(pair, animate, tmp_path) -> None:
    reports = []
    model = with_options(
        animate(pair.model),
        strengths=block_strengths("down 0: 1, mid: 0.5"),
        on_report=lambda report, _: reports.append(report),
    )
    places = "down 0, down 1, down 2, up 0, up 1, up 2"
    with pytest.raises(MotionError, match=f"random.safetensors has no motion module at mid: choose from {places}"):
        sample(model)
    assert reports[0].startswith("Error: random.safetensors has no motion module at mid")
    other = open_motion_file(save(small_pair(mid=True).motion, tmp_path / "mid.safetensors"))
    assert sample(animate(model, other)).isfinite().all()  # one of the two has it


def test_learned_positions_cannot_be_stretched(pair, animate, tmp_path) -> None:
    weights = {key: value + 0.1 * key.endswith("pos_encoder.pe") for key, value in pair.motion.items()}
    file = open_motion_file(save(weights, tmp_path / "learned.safetensors"))
    with pytest.raises(MotionError, match="learned.safetensors has a positional encoding of its own"):
        sample(with_options(animate(pair.model, file), stretch=2.0))
    assert sample(with_options(animate(pair.model, file), sharpness=2.0)).isfinite().all()


def test_options_from_two_nodes_are_refused(pair) -> None:
    with pytest.raises(MotionError, match="has AnimateDiff Motion Options already"):
        with_options(with_options(pair.model, stretch=2.0), sharpness=2.0)


def test_trainings_do_not_use_the_options(pair, animate, monkeypatch: pytest.MonkeyPatch) -> None:
    model = animate(pair.model)
    monkeypatch.setattr(comfy.model_management, "in_training", True)
    assert torch.equal(sample(with_options(model, **EVERYTHING)), sample(model))


def test_the_report_names_what_is_set() -> None:
    assert describe((), 1.0, 1.0, 1) == "Every option has its default, so nothing changes."
    assert describe(block_strengths("up 1: 0.50, mid: 1"), 2.0, 1.0, 3) == (
        "Strength by block: up 1: 0.5, mid: 1.\nPositions are stretched 2 times.\nFreeInit samples 3 times."
    )

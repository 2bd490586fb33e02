"""The nodes as the host calls them."""

import re
from pathlib import Path
from types import SimpleNamespace

import folder_paths
import pytest
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.conditioning.curves import Curve
from animatediff_xl.motion_models.context.windows import ContextSettings
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.files.loading import open_motion_file
from animatediff_xl.motion_models.sampling.motion_config import motion_configs
from animatediff_xl.nodes.common.files import MOTION_MODEL, listed
from animatediff_xl.nodes.context import ContextWindows, WindowPlan
from animatediff_xl.nodes.latent import EmptyLatentFrames
from animatediff_xl.nodes.motion import AUTO_FAMILY, ApplyMotionModel, LoadMotionModel
from animatediff_xl.nodes.noise import ClipNoise
from animatediff_xl.nodes.schedule import StrengthSchedule
from server import PromptServer

from tests.sampling import sample, start_noise
from tests.small import save, small_pair


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only motion model folder of the host."""
    monkeypatch.setitem(folder_paths.folder_names_and_paths, MOTION_MODEL.folders[0], ([str(tmp_path)], set()))
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    return tmp_path


def test_empty_latents_are_a_batch_of_frames() -> None:
    (latent,) = EmptyLatentFrames.execute(width=832, height=1216, frames=16).args
    assert latent["samples"].shape == (16, 4, 152, 104)
    assert not latent["samples"].any()


def test_only_model_files_are_listed(folder: Path) -> None:
    for name in ("a.safetensors", "b.CKPT", "readme.md", "picture.png"):
        (folder / name).touch()
    assert sorted(listed(MOTION_MODEL)) == ["a.safetensors", "b.CKPT"]


def test_the_message_for_an_empty_folder_names_the_folder(folder: Path) -> None:
    (options,) = (i.options for i in LoadMotionModel.define_schema().inputs if i.id == "motion_model")
    assert options == ["no motion model found"]
    sentence = f"No motion model found: put a file such as mm_sdxl_v10_beta.ckpt into {folder} and press R."
    with pytest.raises(MotionError, match=re.escape(sentence)):
        LoadMotionModel.execute(motion_model=options[0], family=AUTO_FAMILY)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "a.safetensors").touch()
    with pytest.raises(MotionError, match=r"There is no motion model 'gone\.ckpt': choose another"):
        LoadMotionModel.execute(motion_model="gone.ckpt", family=AUTO_FAMILY)


def test_a_changed_file_is_loaded_again(folder: Path) -> None:
    path = folder / "a.safetensors"
    path.write_bytes(b"1")
    before = LoadMotionModel.fingerprint_inputs(motion_model="a.safetensors", family=AUTO_FAMILY)
    assert LoadMotionModel.fingerprint_inputs(motion_model="a.safetensors", family=AUTO_FAMILY) == before
    path.write_bytes(b"12")
    assert LoadMotionModel.fingerprint_inputs(motion_model="a.safetensors", family=AUTO_FAMILY) != before


class Page(list):
    """Collects the texts that the server sends to the page."""

    client_id, last_prompt_id = "page", "run"

    def send_sync(self, event: str, data: dict, client: str) -> None:
        assert (event, client, data["prompt_id"]) == ("animatediff_xl.report", "page", "run")
        self.append((data["node"], data["text"]))


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    server = Page()
    monkeypatch.setattr(PromptServer, "instance", server, raising=False)
    for number, node in enumerate((LoadMotionModel, ApplyMotionModel, WindowPlan), start=1):
        monkeypatch.setattr(node, "hidden", SimpleNamespace(unique_id=str(number)))
    return server


def report_of(output) -> str:
    ui = output.ui if isinstance(output.ui, dict) else output.ui.as_dict()
    return ui["text"][0]


def defaults(node) -> dict:
    return {i.id: i.default for i in node.define_schema().inputs if hasattr(i, "default")}


@torch.inference_mode()
def test_nodes_show_reports_and_warnings_in_each_run(folder: Path, page: Page, caplog) -> None:
    pair = small_pair()
    save(pair.motion, folder / "random.safetensors")
    loaded = LoadMotionModel.execute(motion_model="random.safetensors", family=AUTO_FAMILY)
    assert report_of(loaded) == (
        "AnimateDiff SDXL beta for SDXL.\nBest with 16 frames, at most 32 at once.\n"
        "Its authors' sampler: euler with ddim_uniform, 100 steps, cfg 8.5.\n"
        "float32, 420 tensors used, 0 not."
    )
    applied = ApplyMotionModel.execute(pair.model, loaded.args[0], **defaults(ApplyMotionModel))
    report = "AnimateDiff SDXL beta animates this MODEL. Beta schedule: AnimateDiff SDXL."
    assert report_of(applied) == report and not page
    warning = "random.safetensors: 4 frames are too few to move well; it was trained on 16."
    for frames, text in ((4, f"{report}\n{warning}"), (16, report)):
        sample(applied.args[0], noise=start_noise(frames), steps=9)
        assert page.pop() == ("2", text) and not page
    assert [record.message for record in caplog.records if "too few" in record.message] == [warning]


@torch.inference_mode()
def test_errors_are_shown_on_the_node_that_can_act(folder: Path, page: Page) -> None:
    with pytest.raises(MotionError) as error:
        LoadMotionModel.execute(motion_model="gone.ckpt", family=AUTO_FAMILY)
    assert page.pop() == ("1", f"Error: {error.value}")
    pair = small_pair()
    save(pair.motion, folder / "random.safetensors")
    (motion,) = LoadMotionModel.execute(motion_model="random.safetensors", family=AUTO_FAMILY).args
    (animated,) = ApplyMotionModel.execute(pair.model, motion, **defaults(ApplyMotionModel)).args
    with pytest.raises(MotionError, match="40 frames run at once") as error:
        sample(animated, noise=start_noise(40), steps=1)
    assert page.pop() == ("2", f"Error: {error.value}")


@torch.inference_mode()
@pytest.mark.parametrize("family", [AUTO_FAMILY, "AnimateDiff SDXL beta"])
def test_load_and_apply_give_a_model_with_motion(folder: Path, page: Page, family: str) -> None:
    pair = small_pair()
    save(pair.motion, folder / "random.safetensors")
    (motion,) = LoadMotionModel.execute(motion_model="random.safetensors", family=family).args
    (animated,) = ApplyMotionModel.execute(model=pair.model, motion_model=motion, **defaults(ApplyMotionModel)).args
    assert animated is not pair.model
    assert len(animated.get_additional_models()) == 1
    assert animated.get_model_object("model_sampling").sigma_max == pytest.approx(65.929, abs=1e-3)


@pytest.mark.parametrize(("given", "expected"), [({}, 1.0), ({"negative_strength": 0.75}, 0.75)])
def test_negative_strength_is_optional_for_older_graphs(folder: Path, given: dict, expected: float) -> None:
    pair = small_pair()
    motion = open_motion_file(save(pair.motion, folder / "random.safetensors"))
    values = {name: value for name, value in defaults(ApplyMotionModel).items() if name != "negative_strength"}
    (animated,) = ApplyMotionModel.execute(model=pair.model, motion_model=motion, **values, **given).args
    assert motion_configs(animated)[-1].settings.negative_strength == expected


def test_clip_noise_is_set_on_a_clone() -> None:
    model = small_pair().model
    (noisy,) = ClipNoise.execute(model=model, kind="travel", share=0.5, seed_step=3).args
    settings = noisy.get_attachment(host.NOISE_KEY)
    assert (settings.kind, settings.seed_step) == ("travel", 3)
    assert model.get_attachment(host.NOISE_KEY) is None


WINDOWS = {
    "context_length": 16,
    "context_overlap": 4,
    "context_stride": 1,
    "context_schedule": "standard_static",
    "fuse_method": "pyramid",
    "closed_loop": False,
}


def test_context_windows_are_set_on_a_clone() -> None:
    model = small_pair().model
    (windowed,) = ContextWindows.execute(model=model, freenoise=True, windows_per_batch=3, **WINDOWS).args
    handler = windowed.model_options["context_handler"]
    assert (handler.settings.length, handler.settings.overlap) == (16, 4)
    assert handler.freenoise and handler.windows_per_batch == 3
    assert "context_handler" not in model.model_options


@pytest.mark.parametrize(("old", "new"), [("static", "standard_static"), ("looped", "looped_uniform")])
def test_graphs_from_before_the_first_release_load(old: str, new: str) -> None:
    names = {"length": 8, "overlap": 2, "stride": 1, "schedule": old, "fuse": "linear", "closed_loop": True}
    (windowed,) = ContextWindows.execute(model=small_pair().model, **names).args
    settings = windowed.model_options["context_handler"].settings
    assert settings == ContextSettings(8, 2, 1, new, "overlap-linear", True)
    (schedule,) = StrengthSchedule.execute(
        points="0: 1", between="step", over="frames", length=16, times=(Curve(((0, 2),), "linear", "frames"),)
    ).args
    assert [curve.interpolation for curve in schedule] == ["linear", "step"]


def test_an_unknown_window_schedule_is_refused() -> None:
    with pytest.raises(MotionError, match="context_schedule is 'spiral', but must be one of standard_static"):
        ContextWindows.execute(model=small_pair().model, context_schedule="spiral")


@pytest.mark.parametrize(
    ("node", "given", "sentence"),
    [
        (WindowPlan, {"length": "x"}, "context_length is 'x', but must be a whole number from 2 to 1024"),
        (WindowPlan, {"stride": 0, "schedule": "uniform"}, "context_stride is 0, but must be a whole number"),
        (WindowPlan, {"context_lenght": 8}, "This node has no input 'context_lenght'"),
        (StrengthSchedule, {"between": "liner"}, "interpolation is 'liner', but must be one of linear, ease"),
    ],
)
def test_values_under_old_input_names_are_checked(node, given: dict, sentence: str) -> None:
    with pytest.raises(MotionError, match=sentence):
        node.execute(**given)


def test_the_current_input_name_overrides_the_old_one() -> None:
    (windowed,) = ContextWindows.execute(model=small_pair().model, context_length=8, length=12).args
    assert windowed.model_options["context_handler"].settings.length == 8


def test_an_old_curve_widget_does_not_change_the_points() -> None:
    """Earlier versions had a widget for the curve. It saved a straight line in every graph."""
    line = {"points": [[0, 0], [1, 1]], "interpolation": "monotone_cubic"}
    (schedule,) = StrengthSchedule.execute(points="0: 5", curve=line).args
    assert schedule[0].points == ((0, 5),)
    (field,) = (field for field in StrengthSchedule.define_schema().inputs if field.id == "curve")
    assert field.as_dict()["forceInput"] and "default" not in field.as_dict()


def test_context_windows_without_a_plan_are_refused() -> None:
    with pytest.raises(MotionError, match="set context_overlap to 15"):
        ContextWindows.execute(
            model=small_pair().model, freenoise=False, windows_per_batch=0, **WINDOWS | {"context_overlap": 16}
        )


def test_window_plan_gives_a_picture_and_a_sentence() -> None:
    output = WindowPlan.execute(frames=48, steps=20, **WINDOWS)
    picture, cost = output.args
    assert picture.ndim == 4 and picture.shape[0] == 1 and picture.shape[3] == 3
    assert cost.startswith("48 frames in 4 windows of 16")
    assert report_of(output) == cost


LOOPED = {"context_length": 8, "context_schedule": "looped_uniform", "context_stride": 2, "fuse_method": "flat"}


def test_window_plan_draws_the_settings_of_its_model() -> None:
    """Its own would be refused: an overlap of 16 in windows of 16."""
    (windowed,) = ContextWindows.execute(model=small_pair().model, **WINDOWS | LOOPED).args
    unused = WINDOWS | {"context_overlap": 16}
    picture, cost = WindowPlan.execute(frames=30, steps=2, model=windowed, **unused).args
    expected, expected_cost = WindowPlan.execute(frames=30, steps=2, **WINDOWS | LOOPED).args
    assert torch.equal(picture, expected) and cost == expected_cost


def test_window_plan_tells_the_cost_of_motion_modules_alone() -> None:
    (windowed,) = ContextWindows.execute(model=small_pair().model, windows_in="motion modules").args
    _, cost = WindowPlan.execute(frames=48, steps=2, model=windowed).args
    assert "in the motion modules only" in cost and "96 frame evaluations in 2 steps" in cost


def test_window_plan_refuses_a_model_without_our_windows() -> None:
    plain = small_pair().model
    foreign = plain.clone()
    foreign.model_options["context_handler"] = SimpleNamespace(context_length=16)
    for model in (plain, foreign):
        with pytest.raises(MotionError, match="has no AnimateDiff Context Windows: connect the output of that node"):
            WindowPlan.execute(model=model)

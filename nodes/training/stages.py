"""Training in the graph: the three stages of the paper."""

from typing import Any

from comfy_api.latest import io

from ...motion_models.errors import sentence
from ...motion_models.files.loading import MotionFile, open_motion_file
from ...motion_models.lora.domain_adapter import apply_domain_adapter
from ...motion_models.lora.motion_lora import ChosenLora, open_motion_lora
from ...motion_models.training import recipes, stages
from ...motion_models.training.job import Outcome
from ..common import sockets
from ..common.files import MOTION_LORA, MOTION_MODEL
from ..common.reports import KEEPS_REPORT, with_report
from .inputs import (
    CATEGORY,
    SharedValues,
    Stage,
    TrainingNode,
    clip_inputs,
    loop_inputs,
    outputs,
    preview_input,
)

CLIPS = "A list of clips, each a batch of frames. All have the same size."


class TrainMotionLoRA(TrainingNode):
    stage = Stage(
        name="my_motion",
        steps=500,
        steps_tooltip="300 to 700 for a few clips, 2000 for many.",
        loss="debiased",
        max_noise_weight=100.0,
        clips_per_step=1,
        save_every=100,
        results=MOTION_LORA.folders[0],
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_TrainMotionLoRA",
            display_name="Train AnimateDiff Motion LoRA",
            category=CATEGORY,
            description=(
                "Trains a MotionLoRA on your clips: a small file that adds their camera move or their motion to a "
                "motion model. Stop it at any time, and run it again to go on."
            ),
            search_aliases=["animatediff xl", "animatediff train", "motion director", "train motion lora"],
            is_input_list=True,
            is_output_node=True,
            inputs=[
                io.Model.Input("model", tooltip="The checkpoint, without motion. LoRAs on it stay on while it trains."),
                sockets.MotionModel.Input("motion_model", tooltip="From Load AnimateDiff Motion Model."),
                *clip_inputs(cls.stage, CLIPS),
                rank_input(64, "Size of the LoRA. 64 as in the authors' files. Small moves need less."),
                io.Combo.Input(
                    "layers",
                    options=list(stages.LAYERS),
                    tooltip=(
                        "attention: as the authors' files. attention and feed-forward: learns more of a motion. query "
                        "and key: takes over the least of the look."
                    ),
                    advanced=True,
                ),
                *loop_inputs(cls.stage),
                io.Combo.Input(
                    "key_format",
                    options=list(stages.KEY_FORMATS),
                    tooltip=(
                        "Names of the tensors in the file. AnimateDiff: as the authors' files, for ComfyUI. diffusers: "
                        "for Python programs with diffusers. This pack loads both."
                    ),
                    advanced=True,
                ),
                preview_input(),
            ],
            outputs=outputs(
                sockets.MotionLoRA.Output(
                    display_name="motion_lora", tooltip="The MotionLoRA, for Apply AnimateDiff Motion Model."
                )
            ),
            **KEEPS_REPORT,
        )

    @classmethod
    def run(
        cls,
        model: io.Model.Type,
        motion_model: MotionFile,
        rank: int,
        layers: str,
        key_format: str,
        **values: Any,
    ) -> io.NodeOutput:
        outcome = cls.train(
            cls.stage, SharedValues(**values), recipes.motion_lora(model, motion_model, rank, layers, key_format)
        )
        report = sentence(
            "{file} is saved: load it with Load AnimateDiff Motion LoRA. Folder: {folder}.", **place_of(outcome)
        )
        return result(outcome, (ChosenLora(open_motion_lora(outcome.path), 1.0),), report)


class TrainMotionModel(TrainingNode):
    stage = Stage(
        name="my_module",
        steps=5000,
        steps_tooltip="A few thousand to change a motion model. The authors' own took hundreds of thousands.",
        loss="noise",
        max_noise_weight=1.0,
        clips_per_step=4,
        save_every=500,
        results=MOTION_MODEL.folders[0],
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_TrainMotionModel",
            display_name="Train AnimateDiff Motion Model",
            category=CATEGORY,
            description=(
                "Trains all weights of a motion model on your clips. Use many clips. For one camera move or motion, "
                "train a MotionLoRA. Stop it at any time, and run it again to go on."
            ),
            search_aliases=["animatediff xl", "animatediff train", "motion module", "finetune motion model"],
            is_input_list=True,
            is_output_node=True,
            inputs=[
                io.Model.Input("model", tooltip="The checkpoint, without motion. LoRAs on it stay on while it trains."),
                sockets.MotionModel.Input(
                    "motion_model", tooltip="From Load AnimateDiff Motion Model. Its own file is not changed."
                ),
                io.Combo.Input(
                    "start",
                    options=list(stages.STARTS),
                    tooltip=(
                        "this motion model: trains it further. nothing: trains new weights of the same family and "
                        "sizes, which needs many clips and days."
                    ),
                ),
                *clip_inputs(cls.stage, CLIPS),
                *loop_inputs(cls.stage),
                preview_input(),
            ],
            outputs=outputs(
                sockets.MotionModel.Output(
                    display_name="motion_model", tooltip="The motion model, for Apply AnimateDiff Motion Model."
                )
            ),
            **KEEPS_REPORT,
        )

    @classmethod
    def run(cls, model: io.Model.Type, motion_model: MotionFile, start: str, **values: Any) -> io.NodeOutput:
        outcome = cls.train(cls.stage, SharedValues(**values), recipes.motion_model(model, motion_model, start))
        report = sentence(
            "{file} is saved: load it with Load AnimateDiff Motion Model. Folder: {folder}.", **place_of(outcome)
        )
        return result(outcome, open_motion_file(outcome.path, motion_model.family.name), report)


class TrainDomainAdapter(TrainingNode):
    stage = Stage(
        name="my_adapter",
        steps=1000,
        steps_tooltip="Some hundred to some thousand.",
        loss="noise",
        max_noise_weight=1.0,
        clips_per_step=4,
        save_every=100,
        results="loras",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_TrainDomainAdapter",
            display_name="Train AnimateDiff Domain Adapter",
            category=CATEGORY,
            description=(
                "Trains a domain adapter on single frames of your clips: a LoRA that learns their look, so that the "
                "motion model need not. It is the first stage of AnimateDiff's training."
            ),
            search_aliases=["animatediff xl", "animatediff train", "animatediff adapter", "spatial lora"],
            is_input_list=True,
            is_output_node=True,
            inputs=[
                io.Model.Input("model", tooltip="The checkpoint, without motion. LoRAs on it stay on while it trains."),
                *clip_inputs(cls.stage, "A list of clips or pictures of the same size. Each step takes random frames."),
                rank_input(128, "Size of the adapter. 128 as in the authors' file. Less learns less of the look."),
                *loop_inputs(cls.stage),
                preview_input(),
            ],
            outputs=outputs(
                io.Model.Output(display_name="model", tooltip="The MODEL with the adapter, whose alpha is 1.")
            ),
            **KEEPS_REPORT,
        )

    @classmethod
    def run(cls, model: io.Model.Type, rank: int, **values: Any) -> io.NodeOutput:
        outcome = cls.train(cls.stage, SharedValues(**values), recipes.domain_adapter(model, rank))
        adapted, _ = apply_domain_adapter(model, outcome.path, 1.0)
        report = sentence(
            "{file} is saved: load it with Apply AnimateDiff Domain Adapter or Load LoRA. Folder: {folder}.",
            **place_of(outcome),
        )
        return result(outcome, adapted, report)


def rank_input(default: int, tooltip: str) -> io.Input:
    return io.Int.Input("rank", default=default, min=1, max=512, tooltip=tooltip)


def place_of(outcome: Outcome) -> dict[str, object]:
    return {"file": outcome.path.name, "folder": outcome.path.parent}


def result(outcome: Outcome, trained: object, report: str) -> io.NodeOutput:
    loss_map = {"loss": outcome.losses}
    return with_report(outcome.tensors, loss_map, len(outcome.losses), trained, report=report)


NODES = [TrainMotionLoRA, TrainMotionModel, TrainDomainAdapter]

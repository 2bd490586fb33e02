"""Loading MotionLoRAs and applying a domain adapter."""

from comfy_api.latest import io

from ..motion_models.conditioning.curves import StrengthSchedule
from ..motion_models.lora.domain_adapter import apply_domain_adapter
from ..motion_models.lora.motion_lora import ChosenLora, open_motion_lora
from . import sockets
from .files import LORAS, MOTION_LORAS, changed, listed, missing, path_of
from .text import show_text

NO_LORAS, NO_ADAPTERS = "no MotionLoRA found", "no domain adapter found"
ADAPTERS = (MOTION_LORAS, LORAS)


class LoadMotionLoRA(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_LoadMotionLoRA",
            display_name="Load AnimateDiff Motion LoRA",
            category="AnimateDiff XL",
            description=(
                "Loads a MotionLoRA: a small file that adds a camera move (pan, tilt, zoom, roll) to a motion model."
            ),
            search_aliases=["animatediff xl", "animatediff lora", "camera", "pan", "zoom"],
            inputs=[
                io.Combo.Input(
                    "lora",
                    options=listed(MOTION_LORAS) or [NO_LORAS],
                    tooltip="A file of models/animatediff_motion_lora, such as v2_lora_PanLeft.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=-10.0,
                    max=10.0,
                    step=0.01,
                    tooltip="1 is as trained, 0 is off. A negative strength reverses the camera move.",
                ),
                sockets.Schedule.Input(
                    "schedule",
                    optional=True,
                    tooltip="Multiplies the strength, per frame or per sampling step. From Strength Schedule.",
                ),
                sockets.MotionLoRA.Input(
                    "previous",
                    optional=True,
                    tooltip="Another Load AnimateDiff Motion LoRA. Chained MotionLoRAs add up.",
                ),
            ],
            outputs=[
                sockets.MotionLoRA.Output(display_name="motion lora", tooltip="For Apply AnimateDiff Motion Model.")
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(cls, lora: str) -> bool | str:
        return missing(lora, [MOTION_LORAS], "MotionLoRA", "v2_lora_PanLeft.ckpt") or True

    @classmethod
    def fingerprint_inputs(cls, lora: str, **_: object) -> tuple[float, int]:
        return changed(path_of(lora, [MOTION_LORAS]))

    @classmethod
    def execute(
        cls, lora: str, strength: float, schedule: StrengthSchedule = (), previous: tuple[ChosenLora, ...] = ()
    ) -> io.NodeOutput:
        opened = open_motion_lora(path_of(lora, [MOTION_LORAS]))
        show_text(cls, opened.report())
        return io.NodeOutput((*previous, ChosenLora(opened, strength, schedule)))


class ApplyDomainAdapter(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_ApplyDomainAdapter",
            display_name="Apply AnimateDiff Domain Adapter",
            category="AnimateDiff XL",
            description=(
                "Adds AnimateDiff's domain adapter, a LoRA with the look of the training videos, to a MODEL. The "
                "motion model works without it. A little of it can steady the motion."
            ),
            search_aliases=["animatediff xl", "animatediff adapter", "v3_sd15_adapter"],
            inputs=[
                io.Model.Input("model", tooltip="The MODEL to add the adapter to."),
                io.Combo.Input(
                    "adapter",
                    options=listed(*ADAPTERS) or [NO_ADAPTERS],
                    tooltip="A file of models/animatediff_motion_lora or models/loras, such as v3_sd15_adapter.",
                ),
                io.Float.Input(
                    "alpha",
                    default=1.0,
                    min=-10.0,
                    max=10.0,
                    step=0.01,
                    tooltip="The paper's alpha. 1 adds the look of the training videos, 0 leaves the MODEL unchanged.",
                ),
            ],
            outputs=[io.Model.Output(tooltip="Model with the adapter. The input model is not modified.")],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(cls, adapter: str) -> bool | str:
        return missing(adapter, ADAPTERS, "domain adapter", "v3_sd15_adapter.ckpt") or True

    @classmethod
    def fingerprint_inputs(cls, adapter: str, **_: object) -> tuple[float, int]:
        return changed(path_of(adapter, ADAPTERS))

    @classmethod
    def execute(cls, model: io.Model.Type, adapter: str, alpha: float) -> io.NodeOutput:
        adapted, report = apply_domain_adapter(model, path_of(adapter, ADAPTERS), alpha)
        show_text(cls, report)
        return io.NodeOutput(adapted)


NODES = [LoadMotionLoRA, ApplyDomainAdapter]

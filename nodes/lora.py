"""Loading MotionLoRAs and applying a domain adapter."""

from comfy_api.latest import io

from ..motion_models.conditioning.curves import StrengthSchedule
from ..motion_models.lora.domain_adapter import apply_domain_adapter
from ..motion_models.lora.motion_lora import ChosenLora, open_motion_lora
from .common import sockets
from .common.base import AnimateDiffNode
from .common.files import DOMAIN_ADAPTER, MOTION_LORA, fingerprint, listed, path_of
from .common.reports import KEEPS_REPORT, with_report


class LoadMotionLoRA(AnimateDiffNode):
    own_checks = ("lora",)

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
                    options=listed(MOTION_LORA) or [MOTION_LORA.nothing_found],
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
            **KEEPS_REPORT,
        )

    @classmethod
    def validate_inputs(cls, lora: str | None = None) -> bool:
        """`run` says more about a missing file than ComfyUI's own check. A linked input arrives as None."""
        return True

    @classmethod
    def fingerprint_inputs(cls, lora: str | None = None, **_: object) -> tuple[float, int]:
        return fingerprint(lora, MOTION_LORA)

    @classmethod
    def run(
        cls, lora: str, strength: float, schedule: StrengthSchedule = (), previous: tuple[ChosenLora, ...] = ()
    ) -> io.NodeOutput:
        opened = open_motion_lora(path_of(lora, MOTION_LORA))
        return with_report((*previous, ChosenLora(opened, strength, schedule)), report=opened.report())


class ApplyDomainAdapter(AnimateDiffNode):
    own_checks = ("adapter",)

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
                    options=adapters_first() or [DOMAIN_ADAPTER.nothing_found],
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
            **KEEPS_REPORT,
        )

    @classmethod
    def validate_inputs(cls, adapter: str | None = None) -> bool:
        return True

    @classmethod
    def fingerprint_inputs(cls, adapter: str | None = None, **_: object) -> tuple[float, int]:
        return fingerprint(adapter, DOMAIN_ADAPTER)

    @classmethod
    def run(cls, model: io.Model.Type, adapter: str, alpha: float) -> io.NodeOutput:
        adapted, report = apply_domain_adapter(model, path_of(adapter, DOMAIN_ADAPTER), alpha)
        return with_report(adapted, report=report)


def adapters_first() -> list[str]:
    """The page selects the first file. MotionLoRAs are in the same folder, so files called adapter come first."""
    return sorted(listed(DOMAIN_ADAPTER), key=lambda name: "adapter" not in name.lower())


NODES = [LoadMotionLoRA, ApplyDomainAdapter]

"""A step cache, and options of the motion that few people set."""

from comfy_api.latest import io

from ..motion_models.network.block_strengths import block_strengths as strengths_in
from ..motion_models.noise.free_init import FILTERS, FreeInitSettings, add_free_init
from ..motion_models.predictions.step_cache import StepCacheSettings, add_step_cache
from ..motion_models.sampling.motion_options import MotionOptions as Options
from ..motion_models.sampling.motion_options import add_motion_options, describe
from .common.base import AnimateDiffNode
from .common.percents import percent_inputs
from .common.reports import REPORTS_IN_RUNS, reporter, with_report


class StepCache(AnimateDiffNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_StepCache",
            display_name="AnimateDiff Step Cache",
            category="AnimateDiff XL",
            description=(
                "Saves time: steps in which the clip changes as expected are not computed. It skips a step for the "
                "whole clip, so it also works with context windows."
            ),
            search_aliases=["animatediff xl", "easycache", "lazycache", "teacache", "faster"],
            inputs=[
                io.Model.Input("model", tooltip="A MODEL with or without motion and context windows."),
                io.Float.Input(
                    "threshold",
                    default=0.1,
                    min=0.0,
                    max=3.0,
                    step=0.01,
                    tooltip="How much skipped steps may change the clip. Higher is faster and less exact. 0: no skips.",
                ),
                *percent_inputs(
                    "Where in the sampling steps may be skipped from: 0 is the first step.",
                    "Where in the sampling steps may be skipped up to: 1 is the last step.",
                    start=0.15,
                    end=0.95,
                ),
            ],
            outputs=[io.Model.Output(tooltip="Model with a cache, for any sampler. The input model is not modified.")],
            **REPORTS_IN_RUNS,
        )

    @classmethod
    def run(cls, model: io.Model.Type, threshold: float, start_percent: float, end_percent: float) -> io.NodeOutput:
        settings = StepCacheSettings(threshold, start_percent, end_percent, reporter(cls))
        return io.NodeOutput(add_step_cache(model, settings))


class MotionOptions(AnimateDiffNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_MotionOptions",
            display_name="AnimateDiff Motion Options",
            category="AnimateDiff XL",
            description=(
                "Options that few clips need: strength by block, slower motion, sharper temporal attention, and "
                "FreeInit. They apply to all motion models of the MODEL. Every default changes nothing."
            ),
            search_aliases=["animatediff xl", "per block", "freeinit", "sweetspot", "attention scale", "pe stretch"],
            inputs=[
                io.Model.Input("model", tooltip="A MODEL with motion, before or after Apply AnimateDiff Motion Model."),
                io.String.Input(
                    "block_strengths",
                    default="",
                    multiline=True,
                    tooltip=(
                        "Motion strength by block of the UNet: 'down 0: 0.5, up 1: 0, up 2.1: 0.8'. Numbers: level and "
                        "module. All others keep 1."
                    ),
                ),
                io.Float.Input(
                    "stretch",
                    default=1.0,
                    min=0.25,
                    max=8.0,
                    step=0.05,
                    tooltip=(
                        "Slows the motion: 2 takes twice as many frames for it, and twice as many fit into a window. "
                        "Below 1 is faster."
                    ),
                ),
                io.Float.Input(
                    "sharpness",
                    default=1.0,
                    min=0.0,
                    max=4.0,
                    step=0.05,
                    tooltip="Contrast of the temporal attention. Above 1, a frame takes more from similar ones.",
                ),
                io.Int.Input(
                    "freeinit_rounds",
                    default=1,
                    min=1,
                    max=10,
                    tooltip=(
                        "FreeInit: samples the clip again from its own low frequencies. 3 takes three times as long, "
                        "for a steadier clip. 1 is off."
                    ),
                ),
                io.Combo.Input(
                    "freeinit_filter",
                    options=list(FILTERS),
                    default="butterworth",
                    tooltip="How the low frequencies end: butterworth and gaussian softly, ideal at once.",
                    advanced=True,
                ),
                io.Float.Input(
                    "freeinit_spatial",
                    default=0.25,
                    min=0.01,
                    max=1.0,
                    step=0.01,
                    tooltip="Share of the picture's frequencies that FreeInit keeps. More keeps more of the clip.",
                    advanced=True,
                ),
                io.Float.Input(
                    "freeinit_temporal",
                    default=0.25,
                    min=0.01,
                    max=1.0,
                    step=0.01,
                    tooltip="Share of the frequencies over frames that FreeInit keeps. More keeps more of the motion.",
                    advanced=True,
                ),
                io.Boolean.Input(
                    "freeinit_coarse_to_fine",
                    default=False,
                    tooltip="Early rounds of FreeInit take fewer steps, so that 3 rounds take twice as long as one.",
                    advanced=True,
                ),
                io.Float.Input(
                    "freeinit_sigma",
                    default=0.0,
                    min=0.0,
                    max=1000.0,
                    step=0.1,
                    tooltip=(
                        "Sigma of the noise that FreeInit adds to the finished clip. Less keeps more of it. 0: the "
                        "first sigma of the sampler."
                    ),
                    advanced=True,
                ),
            ],
            outputs=[io.Model.Output(tooltip="Model with options, for any sampler. The input model is not modified.")],
            **REPORTS_IN_RUNS,
        )

    @classmethod
    def run(
        cls,
        model: io.Model.Type,
        block_strengths: str,
        stretch: float,
        sharpness: float,
        freeinit_rounds: int,
        freeinit_filter: str,
        freeinit_spatial: float,
        freeinit_temporal: float,
        freeinit_coarse_to_fine: bool,
        freeinit_sigma: float,
    ) -> io.NodeOutput:
        strengths, on_report = strengths_in(block_strengths), reporter(cls)
        report = describe(strengths, stretch, sharpness, freeinit_rounds)
        changed = add_motion_options(model, Options(strengths, stretch, sharpness, report, on_report))
        if freeinit_rounds > 1:
            frequencies = (freeinit_filter, freeinit_spatial, freeinit_temporal)
            settings = FreeInitSettings(
                freeinit_rounds, *frequencies, freeinit_coarse_to_fine, freeinit_sigma, report, on_report
            )
            changed = add_free_init(changed, settings)
        return with_report(changed, report=report)


NODES = [StepCache, MotionOptions]

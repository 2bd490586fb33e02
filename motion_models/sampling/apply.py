"""Applying a motion model to a clone of a MODEL. The MODEL itself is not modified.

The clone gets the motion weights as an additional model, and the wrappers of `forward`.
"""

from .. import host
from ..errors import MotionError, sentence
from ..files.checkpoints import tensor_shapes
from ..files.loading import MotionFile
from ..lora.motion_lora import ChosenLora, coverage
from ..network.low_rank import new_low_rank
from ..prompts.masked import with_masked_conditions
from .beta_schedules import BETA_SCHEDULES, training_sigmas
from .forward import WRAPPERS, on_prediction
from .motion_config import MotionConfig, MotionSettings, check_span, motion_configs

AUTO_BETA_SCHEDULE = "auto"
KEEP_BETA_SCHEDULE = "keep the model's"
BETA_SCHEDULE_CHOICES = (AUTO_BETA_SCHEDULE, *BETA_SCHEDULES, KEEP_BETA_SCHEDULE)


def apply_motion_model(
    model: host.ModelPatcher,
    motion: MotionFile,
    settings: MotionSettings,
    beta_schedule: str,
    loras: tuple[ChosenLora, ...] = (),
) -> host.ModelPatcher:
    """A clone of MODEL with a motion model. If MODEL already has one, both run, in the order they were applied.

    beta_schedule: one of BETA_SCHEDULE_CHOICES. loras: MotionLoRAs, which are added up.
    Raises MotionError if the UNet of MODEL does not fit the motion model, if MODEL cannot use the beta schedule, or if
    a MotionLoRA does not fit the motion model.
    """
    check_fits(model, motion)
    check_span(settings)
    patcher = motion_patcher(model, motion, loras)
    if beta_schedule == AUTO_BETA_SCHEDULE:
        beta_schedule = motion.family.beta_schedule
    report = [
        sentence(
            "{family} animates this MODEL. Beta schedule: {beta_schedule}.",
            family=motion.family.name,
            beta_schedule=beta_schedule,
        )
    ]
    low_ranks = []
    for chosen in loras:
        fit = coverage(chosen.lora, tensor_shapes(motion.shape), motion.path.name)
        report.append(fit.report(chosen.lora.path.name))
        if chosen.strength_schedule:
            low_ranks.append(new_low_rank(fit.adapters, host.compute_dtype(model)))
        else:
            patcher.add_patches(fit.adapters, chosen.strength)
    animated = model.clone()
    host.add_models(animated, host.KEY, [patcher])
    host.add_models(animated, host.LORA_KEY, low_ranks)
    host.wrap(animated, WRAPPERS)
    with_masked_conditions(animated)
    host.watch_predictions(animated, on_prediction)
    largest_sigma = None
    if beta_schedule != KEEP_BETA_SCHEDULE:
        set_beta_schedule(animated, beta_schedule)
        largest_sigma = host.largest_sigma(animated)
    scheduled = tuple(chosen for chosen in loras if chosen.strength_schedule)
    config = MotionConfig(motion, settings, scheduled, "\n".join(report), largest_sigma)
    animated.set_attachments(host.KEY, (*motion_configs(animated), config))
    return animated


def motion_patcher(model: host.ModelPatcher, motion: MotionFile, loras: tuple[ChosenLora, ...]) -> host.ModelPatcher:
    """The motion weights in the precision of MODEL, shared with other MODELs if possible.

    Patchers of the same weights share their MotionLoRAs, also those of two MODELs in one sampling run. So weights are
    not shared if a MotionLoRA without a schedule patches them, or if MODEL already has the same motion model.
    """
    dtype = host.compute_dtype(model)
    if any(not chosen.strength_schedule for chosen in loras):
        return motion.another_patcher(dtype)
    patcher = motion.patcher(dtype)
    is_used = any(patcher.model is other.model for other in host.added_models(model, host.KEY))
    return motion.another_patcher(dtype) if is_used else patcher


def check_fits(model: host.ModelPatcher, motion: MotionFile) -> None:
    """Raises MotionError unless the UNet of MODEL has an injection point of the right width for each motion module."""
    file, base = motion.path.name, motion.family.base
    unet = host.unet_of(model)
    if unet is None:
        raise MotionError(
            "{file} is for {base}, but this MODEL is {model}, which has no UNet: load an {base} checkpoint.",
            file=file,
            base=base,
            model=host.base_name(model),
        )
    motion_channels = motion.shape.channels_by_point()
    unet_channels = {
        point: width
        for point, width in host.injection_channels(unet).items()
        if point in motion_channels or point[0] != "middle"
    }
    if motion_channels != unet_channels:
        unet_widths = " / ".join(str(width) for width in dict.fromkeys(unet_channels.values()))
        motion_widths = " / ".join(str(width) for width in dict.fromkeys(motion_channels.values()))
        raise MotionError(
            "{file} is for {base}, but this MODEL is {model}: load an {base} checkpoint, or choose a "
            "motion model for this MODEL. The file has {modules} motion modules of {motion_widths} "
            "channels, and the MODEL has places for {points} of {unet_widths} channels.",
            file=file,
            base=base,
            model=host.base_name(model),
            modules=len(motion_channels),
            motion_widths=motion_widths,
            points=len(unet_channels),
            unet_widths=unet_widths,
        )


def set_beta_schedule(model: host.ModelPatcher, name: str) -> None:
    """Set the beta schedule of MODEL, which must be a clone. Its prediction type stays the same."""
    schedule = BETA_SCHEDULES[name]
    sampling = model.get_model_object("model_sampling")
    changed = host.with_sigmas(sampling, training_sigmas(schedule), schedule.distilled_steps)
    if changed is None:
        raise MotionError(
            "This MODEL cannot use the beta schedule {name}: set beta_schedule to '{keep}'. A beta schedule needs 1000 "
            "training steps, and that of AnimateLCM also needs a checkpoint that predicts noise (eps).",
            name=name,
            keep=KEEP_BETA_SCHEDULE,
        )
    model.add_object_patch("model_sampling", changed)

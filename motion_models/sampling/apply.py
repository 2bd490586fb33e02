"""Applying a motion model to a MODEL, which is cloned and never changed.

The clone carries the motion weights as an additional model, and wraps the host's calls with those of `forward`.
"""

from .. import host
from ..errors import MotionError
from ..files.checkpoints import tensor_shapes
from ..files.loading import MotionFile
from ..lora.motion_lora import ChosenLora, coverage
from ..network.low_rank import new_low_rank
from .beta_schedules import BETA_SCHEDULES, training_sigmas
from .forward import WRAPPERS
from .motion_config import MotionConfig, MotionSettings, motion_configs

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
    """A clone of MODEL that animates. A motion model it already has stays; both then run, in order.

    beta_schedule: one of SCHEDULE_CHOICES. loras: MotionLoRAs, which are added up.
    Raises MotionError if MODEL has another UNet than the motion model was made for, if it has no such noise schedule,
    or if a MotionLoRA does not fit the motion model.
    """
    check_fits(model, motion)
    dtype = host.compute_dtype(model)
    patcher = motion.patcher(dtype)
    if any(patcher.model is other.model for other in host.added_models(model, host.KEY)):
        patcher = motion.another_patcher(dtype)  # two patchers of the same weights would share their LoRAs
    schedule = motion.family.beta_schedule if beta_schedule == AUTO_BETA_SCHEDULE else beta_schedule
    report = [f"{motion.family.name}, beta schedule: {schedule}."]
    low_ranks = []
    for chosen in loras:
        covered = coverage(chosen.lora, tensor_shapes(motion.shape), motion.path.name)
        report.append(covered.report(chosen.lora.path.name))
        if chosen.strength_schedule:
            low_ranks.append(new_low_rank(covered.adapters, dtype))
        else:
            patcher.add_patches(covered.adapters, chosen.strength)
    config = MotionConfig(
        motion, settings, tuple(chosen for chosen in loras if chosen.strength_schedule), "\n".join(report)
    )

    animated = model.clone()
    host.add_models(animated, host.KEY, [patcher])
    host.add_models(animated, host.LORA_KEY, low_ranks)
    host.wrap(animated, WRAPPERS)
    animated.set_attachments(host.KEY, (*motion_configs(animated), config))
    if schedule != KEEP_BETA_SCHEDULE:
        set_beta_schedule(animated, schedule)
    settings.on_report(config.report, [])
    return animated


def check_fits(model: host.ModelPatcher, motion: MotionFile) -> None:
    """Raises MotionError unless each motion module has a place of its width in the UNet of MODEL."""
    file, base = motion.path.name, motion.family.base
    unet = host.unet_of(model)
    if unet is None:
        raise MotionError(
            f"{file} animates {base} models, and this MODEL is {host.base_name(model)}, which has no UNet to put "
            f"motion modules in: load an {base} checkpoint."
        )
    ours = motion.shape.channels_by_point()
    theirs = {
        point: width for point, width in host.injection_channels(unet).items() if point in ours or point[0] != "middle"
    }
    if ours != theirs:
        widths = " / ".join(str(width) for width in dict.fromkeys(theirs.values()))
        expected = " / ".join(str(width) for width in dict.fromkeys(ours.values()))
        raise MotionError(
            f"{file} is made for {base} ({len(ours)} motion modules of {expected} channels), and this MODEL is "
            f"{host.base_name(model)} (places for {len(theirs)}, of {widths} channels): load an {base} checkpoint, or "
            f"choose a motion model made for this one."
        )


def set_beta_schedule(model: host.ModelPatcher, name: str) -> None:
    """Put a beta schedule into MODEL, a clone; its prediction type stays."""
    schedule = BETA_SCHEDULES[name]
    sampling = model.get_model_object("model_sampling")
    changed = host.with_sigmas(sampling, training_sigmas(schedule), schedule.distilled_steps)
    if changed is None:
        raise MotionError(
            f"This MODEL does not count its noise in 1000 steps, so it cannot take the beta schedule {name}: set "
            f"beta_schedule to '{KEEP_BETA_SCHEDULE}'."
        )
    model.add_object_patch("model_sampling", changed)

"""What can be made, but will hardly be what people want: said once a run, in sentences."""

from .. import host
from ..files.loading import MotionFile

SHORT = 8
"""Frames below which the motion of any family falls apart."""

DISTILLED = ("turbo", "lightning", "lcm", "hyper")
"""Words in the names of checkpoints that were distilled to few steps."""


def length_warnings(frames: int, motion: MotionFile) -> list[str]:
    """About the length of a clip, or of a window of one, that the motion model has positions for."""
    file, trained = motion.path.name, motion.family.trained_frames
    if frames == 1:
        return [
            f"{file}: one latent is a still picture, so nothing can move. For a clip, give the sampler a latent batch "
            f"of {trained} frames (Empty Latent Frames)."
        ]
    if frames < min(SHORT, trained):
        return [f"{file}: {frames} frames are too few to move well; it was trained on {trained}."]
    if frames > trained:
        return [
            f"{file}: {frames} frames at once, and it was trained on {trained}, so motion may come out slow or broken. "
            f"Context Windows of {trained} frames make long clips."
        ]
    return []


def model_warnings(model: host.ModelPatcher, motion: MotionFile) -> list[str]:
    """About a MODEL that fits by its widths and was not what the motion model learned from."""
    family, checkpoint = motion.family, host.checkpoint_name(model)
    found = []
    word = next((word for word in DISTILLED if word in checkpoint.lower()), None)
    if word:
        found.append(
            f"{checkpoint} is distilled to few steps, by its name ({word}), and {family.name} learned from plain "
            f"{family.base} checkpoints: expect less motion and other colours."
        )
    if host.predicts_velocity(model):
        found.append(
            f"This MODEL predicts v, and {family.name} learned from checkpoints that predict noise (eps): expect less "
            f"from it."
        )
    return found

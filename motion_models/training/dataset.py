"""The clips of a training: latents and the conditions of their captions."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from .. import host
from ..errors import MotionError


@dataclass(frozen=True)
class TrainingClips:
    """Clips of one size, and the CONDITIONING of each."""

    latents: tuple[Tensor, ...]
    """(f 4 h w) of each clip, as ComfyUI's VAE Encode gives them."""
    conditions: tuple[host.Conditions, ...]

    @property
    def frames(self) -> int:
        return len(self.latents[0])


def training_clips(latents: Sequence[Tensor], conditions: Sequence[host.Conditions]) -> TrainingClips:
    """The clips of lists from nodes. One condition serves all clips. Raises MotionError if they do not go together."""
    if not latents:
        raise MotionError("There are no clips: connect latents of clips, such as from Encode AnimateDiff Clips.")
    if len(conditions) not in (1, len(latents)):
        raise MotionError(
            "There are {clips} clips and {captions} conditionings: connect one for each clip, or one for all.",
            clips=len(latents),
            captions=len(conditions),
        )
    sizes = {tuple(clip.shape) for clip in latents}
    if len(sizes) > 1:
        raise MotionError(
            "The clips have different sizes: encode them with the same frames, width and height. There are latents of "
            "{sizes}.",
            sizes=", ".join("x".join(map(str, size)) for size in sorted(sizes)),
        )
    # inference tensors of other nodes cannot be saved for a backward pass
    copies = tuple(clip.clone() for clip in latents)
    repeated = list(conditions) * (len(latents) // len(conditions))
    return TrainingClips(copies, tuple(cloned(each) for each in repeated))


def cloned(conditions: host.Conditions) -> host.Conditions:
    return [tuple(clone_value(part) for part in entry) for entry in conditions]  # type: ignore[misc]


def clone_value(value: object) -> object:
    if isinstance(value, Tensor):
        return value.clone()
    return {name: clone_value(part) for name, part in value.items()} if isinstance(value, dict) else value
